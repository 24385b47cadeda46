"""The runbook “traffic goes wrong” for one service, from the catalog's rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from meshportal.catalog import queries
from meshportal.changes.kinds import Subject, SubjectUnknown, kind_named
from meshportal.mesh.findings import Finding
from meshportal.mesh.rules import analyse
from meshportal.mesh.runbooks.checks import Check, Evidence, Fix
from meshportal.mesh.runbooks.traffic import Seen, traffic_goes_wrong
from meshportal.mesh.snapshot import Snapshot, State
from meshportal.policies import findings as finding_words
from meshportal.policies.runbooks import words

FORMS = ("traffic", "routes", "destination")
"""The forms whose changes this runbook prepares."""


@dataclass(frozen=True)
class Said:
    """One line beneath a check: a sentence, what to do about it where a rule says so, and the code of that rule."""

    state: State
    sentence: str
    remedy: str = ""
    code: str = ""
    object: str = ""
    path: str = ""


@dataclass(frozen=True)
class Offer:
    """A fix: what it does, and the change to ask for."""

    words: str
    kind: str
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """One check in words."""

    code: str
    state: State
    question: str
    lines: list[Said]
    offers: list[Offer]


@dataclass(frozen=True)
class Runbook:
    """The checks of one service, and the look of the observer that they rest on."""

    answers: list[Answer]
    snapshot: Snapshot

    @property
    def observed_at(self) -> datetime:
        return datetime.fromtimestamp(self.snapshot.taken_at, UTC)


def run(subject: Subject) -> Runbook:
    """All checks, in the reader's language. Raises SubjectUnknown."""
    snapshot = queries.latest(subject.cluster)
    service = snapshot.service(subject.namespace, subject.service) if snapshot else None
    if snapshot is None or service is None:
        raise SubjectUnknown(f"{subject.namespace}/{subject.service}")
    facts = queries.facts(subject.cluster)
    prometheus, syncz = snapshot.source("prometheus"), snapshot.source("syncz")
    seen = Seen(
        facts=facts,
        service=service,
        findings=analyse(facts),
        raws=_raws(subject),
        window_seconds=snapshot.window_seconds,
        metrics_known=prometheus is not None and prometheus.ok,
        asked=syncz is not None,
        mesh_out_of_sync=snapshot.mesh.proxies_out_of_sync,
    )
    return Runbook([_answer(check, facts.whole) for check in traffic_goes_wrong(seen)], snapshot)


def _raws(subject: Subject) -> dict[str, Mapping[str, Any]]:
    current = {name: kind_named(name).current(subject) for name in FORMS}
    return {name: found.raw for name, found in current.items() if not found.blocked}


def _answer(check: Check, whole: bool) -> Answer:
    lines = [_seen(line) for line in check.evidence] + [_found(finding) for finding in check.findings]
    if not lines:
        sentence = words.hosts_unknown() if check.state is State.UNKNOWN and not whole else words.nothing_seen(check.code)
        lines = [Said(check.state, sentence)]
    return Answer(check.code, check.state, words.question(check.code), lines, [_offer(fix) for fix in check.fixes])


def _seen(line: Evidence) -> Said:
    return Said(line.state, words.evidence(line), path=str(line.values.get("path", "")))


def _found(finding: Finding) -> Said:
    sentence, remedy = finding_words.sentence(finding)
    state = {"error": State.FAIL, "warning": State.WARN}.get(finding.severity.value, State.OK)
    return Said(state, sentence, remedy, finding.code, str(finding.ref or ""), finding.path)


def _offer(fix: Fix) -> Offer:
    return Offer(words.fix(fix), fix.kind, fix.raw)
