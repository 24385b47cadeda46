"""Exposing a service on ingress gateways as a kind of change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from meshportal.changes.kinds import Current, Problem, Proposal, Subject
from meshportal.mesh.facts import Facts
from meshportal.mesh.findings import Finding, Severity
from meshportal.mesh.gateways.intent import Exposure, GatewayIntent
from meshportal.mesh.gateways.placing import placed
from meshportal.mesh.gateways.reading import exposures, kept, read
from meshportal.mesh.gateways.remarks import assess, paths_text, remarks
from meshportal.mesh.gateways.rendering import render
from meshportal.mesh.gateways.typed import parse
from meshportal.mesh.plans import FieldChange, Plan
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rules import analyse_plan
from meshportal.policies.gateway import words
from meshportal.policies.gateway.errors import error_sentence
from meshportal.policies.live import live_of
from meshportal.policies.titles import titles


class Gateway:
    """`raw` is {"exposures": [row, …]}, rows as `mesh.gateways.intent.Exposure.raw` writes them: a live row that is missing is
    taken away, a row without origin is new. The intent is the same, complete, and what each row comes to for the words."""

    name = "gateway"

    def propose(self, subject: Subject, raw: Mapping[str, Any]) -> Proposal | list[Problem]:
        live = live_of(subject)
        intent = parse(raw, live.facts, live.service)
        if isinstance(intent, list):
            return [Problem(error.field, error_sentence(error)) for error in intent]
        plan = render(intent, live.facts)
        # a rule that has something against an object nobody changes is not about this plan
        ruled = placed(analyse_plan(live.facts, plan), intent, live.facts) if plan.changing else []
        findings = [*remarks(intent, live.facts, plan), *ruled]
        acts = acts_of(intent, live.facts)
        return Proposal(
            intent={"namespace": subject.namespace, "service": subject.service, **intent.raw(), "acts": acts},
            plan=plan,
            titles=titles(lambda: words.title(subject.service, acts)),
            findings=sorted(findings, key=lambda finding: list(Severity).index(finding.severity)),
            risk=assess(intent, findings),
            live_base=base_of(live.facts, live.service),
        )

    def current(self, subject: Subject) -> Current:
        live = live_of(subject)
        return Current(
            raw=read(live.facts, live.service),
            base=base_of(live.facts, live.service),
            kept=kept(live.facts, live.service),
            per_second=live.per_second,
        )

    def raw_of(self, intent: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"exposures": intent["exposures"]}

    def form_address(self, subject: Subject) -> str:
        return reverse("policies:gateway", args=[subject.cluster.name, subject.namespace, subject.service])

    def plain_words(self, intent: Mapping[str, Any], plan: Plan, per_second: float | None) -> list[str]:
        return words.plain_words(intent, plan)

    def field_label(self, change: FieldChange, before: Any, after: Any) -> str:
        return words.field_label(change)

    def field_text(self, path: str, value: Any) -> str:
        return words.field_text(path, value)

    def sentence(self, finding: Finding) -> tuple[str, str]:
        return words.finding_sentence(finding)


def base_of(facts: Facts, service: ServiceRef) -> str:
    """Digest of the objects that expose a service now, whatever will be asked."""
    unchanged = parse({}, facts, service)
    assert isinstance(unchanged, GatewayIntent), unchanged  # noqa: S101  what is live is never judged
    return render(unchanged, facts).base


def acts_of(intent: GatewayIntent, facts: Facts) -> list[dict[str, Any]]:
    """What each row comes to: new, edited or removed; those that stay are left out."""
    acts = [_act(exposure) for exposure in intent.exposures if exposure.edited]
    wanted = {exposure.live.origin for exposure in intent.exposures if exposure.live}
    for live in exposures(facts, intent.service):
        if live.origin not in wanted:
            acts.append(_facts_of(live.raw) | {"act": words.REMOVED, "edited": []})
    return acts


def _act(exposure: Exposure) -> dict[str, Any]:
    what = words.EDITED if exposure.live else words.NEW
    return _facts_of(exposure.raw()) | {"act": what, "edited": _in_order(exposure.edited)}


def _in_order(fields: frozenset[str]) -> Sequence[str]:
    return sorted(fields - {"workload"} if "gateway" not in fields else fields)


def _facts_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    names = ("gateway", "hosts", "port", "protocol", "credential", "redirect", "target_port", "rewrite")
    return {name: raw[name] for name in names} | {"paths": paths_text(raw["paths"])}
