"""One canary as its page shows it: where it stands, what it was judged by, what holds it, and what comes next."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from meshportal.mesh.rollouts.leaves import plain
from meshportal.mesh.rollouts.phases import Hold, Phase
from meshportal.mesh.rollouts.spec import Spec
from meshportal.rollouts import history, story, words
from meshportal.rollouts.coming import what_comes
from meshportal.rollouts.models import Event, Look, Rollout
from meshportal.web import ramp as pictures
from meshportal.web.words import NBSP, age, clock

CLEARED_SHOWN = 3
TIMELINE = 200


@dataclass(frozen=True)
class StepMark:
    """One step in the line of steps. `css` is "is-done", "is-held" or ""."""

    word: str
    fact: str
    css: str = ""
    current: bool = False


@dataclass(frozen=True)
class TestRow:
    __test__ = False  # a class of that name is otherwise collected by pytest

    title: str
    answer: str
    word: str
    measured: str
    limit: str

    @property
    def state(self) -> str:
        return words.ANSWERS.get(self.answer, "UNKNOWN")


@dataclass(frozen=True)
class VerdictView:
    answer: str
    word: str
    why: str
    step: int
    weight: int
    rows: tuple[TestRow, ...]
    queries: tuple[str, ...]
    at: float

    @property
    def state(self) -> str:
        return words.ANSWERS.get(self.answer, "UNKNOWN")


@dataclass(frozen=True)
class ArmRow:
    """Counts of one version at this step; None where Prometheus did not say."""

    version: str
    role: str
    requests: int | None
    errors: int | None
    slow: int | None
    pods: str

    @property
    def error_percent(self) -> float | None:
        return 100 * (self.errors or 0) / self.requests if self.requests else None

    @property
    def slow_percent(self) -> float | None:
        return 100 * (self.slow or 0) / self.requests if self.requests and self.slow is not None else None


@dataclass(frozen=True)
class HoldRow:
    word: str
    sentence: str
    since: float
    lifted_by_people: bool


@dataclass(frozen=True)
class State:
    """The word beside the heading: a state of the look, or "" for a plain step word."""

    name: str
    text: str


@dataclass(frozen=True)
class Page:
    rollout: Rollout
    spec: Spec
    state: State
    steps: tuple[StepMark, ...]
    picture: SafeString
    measured: float | None
    verdict: VerdictView | None
    arms: tuple[ArmRow, ...]
    arms_since: float | None
    holds: tuple[HoldRow, ...]
    cleared: tuple[story.Line, ...]
    ahead: tuple[str, ...]
    timeline: tuple[story.Line, ...]
    slow_ms: str


def page_of(rollout: Rollout, per_second: float | None, pods: dict[str, str], now: datetime) -> Page:
    """Everything of one rollout. `per_second` are requests to the whole service, `pods` words by subset ("2 / 2")."""
    spec = rollout.wanted
    looks = list(rollout.looks.all())
    events = list(rollout.events.all())
    picture = history.ramp_of(rollout, spec, looks, events, now)
    here = [look for look in looks if look.step == rollout.step]
    told = story.lines(events[::-1])
    return Page(
        rollout=rollout,
        spec=spec,
        state=state_of(rollout),
        steps=tuple(_steps(rollout, spec, events, picture.planned)),
        picture=pictures.ramp(picture, label=history.spoken(rollout, spec, picture), now_word=_("now")),
        measured=picture.measured[-1][1] if picture.measured and here else None,
        verdict=_verdict(spec, looks[-1]) if looks else None,
        arms=tuple(_arms(spec, here, pods)),
        arms_since=here[0].start if here else None,
        holds=tuple(_hold(row) for row in rollout.holds) if not rollout.is_over else (),
        cleared=tuple(line for line in told if line.code == "cleared")[:CLEARED_SHOWN],
        ahead=tuple(what_comes(rollout, spec, picture.planned, per_second)),
        timeline=tuple(told[:TIMELINE]),
        slow_ms=plain(spec.criteria.slow_ms),
    )


def fingerprint(rollout: Rollout, acts: Sequence[str], now: datetime) -> str:
    """Changes exactly when something on the page that moves has changed; "now" in the picture moves every 30 s."""
    last = rollout.looks.order_by("-end", "-id").values_list("pk", flat=True).first()
    event = rollout.events.order_by("-pk").values_list("pk", flat=True).first()
    drawn = 0 if rollout.is_over else int(now.timestamp() // 30)
    row = (rollout.phase, rollout.step, rollout.weight, rollout.skip, rollout.holds, rollout.error, sorted(rollout.approved))
    parts = (row, last, event, sorted(acts), drawn, rollout.change.status, get_language())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def state_of(rollout: Rollout) -> State:
    """HELD, FAIL or OK where it has such a state; else the name of its phase."""
    at = {"weight": f"{rollout.weight}{NBSP}%"}
    phase = Phase(rollout.phase)
    if phase is Phase.SUCCEEDED:
        return State("OK", _("PROMOTED"))
    if phase is Phase.ROLLED_BACK:
        return State("FAIL", _("ROLLED BACK"))
    if phase is Phase.ROLLING_BACK:
        return State("FAIL", _("GOING BACK"))
    if rollout.holds:
        return State("HELD", _("HELD at %(weight)s") % at)
    return State("", _("%(phase)s at %(weight)s") % {"phase": rollout.get_phase_display(), **at})


# ---------------------------------------------------------------- steps


def _steps(rollout: Rollout, spec: Spec, events: Sequence[Event], planned: Sequence[tuple[float, float]]) -> list[StepMark]:
    begun = {event.values.get("step"): event.at for event in events if event.code == "shifted"}
    passed = {event.values.get("step"): event.at for event in events if event.code in {"passed", "skipped"}}
    ahead = {weight: at for at, weight in planned[1:-1]}
    over, phase = rollout.is_over, Phase(rollout.phase)
    marks = []
    for place, step in enumerate(spec.steps):
        current = place == rollout.step and not over
        done = place < rollout.step or phase in {Phase.SUCCEEDED, Phase.BAKING}
        fact = _fact(rollout, place, current, begun.get(place), passed.get(place), ahead.get(float(step.weight)))
        css = "is-held" if current and rollout.holds else "is-done" if done and not current else ""
        marks.append(StepMark(f"{step.weight}{NBSP}%", fact, css, current and phase is not Phase.BAKING))
    if len(marks) > 8:
        marks = _shortened(marks)
    baking = phase is Phase.BAKING
    fact = _("%(time)s, %(baseline)s kept") % {"time": age(spec.bake), "baseline": spec.baseline}
    end = StepMark(
        _("Bake"), fact, "is-done" if phase is Phase.SUCCEEDED else "is-held" if baking and rollout.holds else "", baking
    )
    if phase is Phase.ROLLED_BACK:
        end = StepMark(_("Rolled back"), words.reason(rollout.failure), "", True)
    return [*marks, end]


def _shortened(marks: list[StepMark]) -> list[StepMark]:
    """At most seven: the first, those around the current one, the last."""
    here = next((place for place, mark in enumerate(marks) if mark.current), len(marks) - 1)
    near = range(max(1, here - 2), min(len(marks) - 1, here + 3))
    return [marks[0], *(marks[place] for place in near), marks[-1]]


def _fact(rollout: Rollout, place: int, current: bool, begun: datetime | None, passed: datetime | None, at: float | None) -> str:
    if passed and place < rollout.step:
        return _("%(time)s, passed") % {"time": clock(begun or passed, seconds=False)}
    if current:
        held = _("held") if rollout.holds else rollout.get_phase_display().lower()
        return _(", ").join([clock(begun, seconds=False), str(held)]) if begun else str(held)
    if begun:
        return clock(begun, seconds=False)
    if at is not None and not rollout.is_over:
        return _("not before %(time)s") % {"time": clock(at, seconds=False)}
    return ""


# ---------------------------------------------------------------- evidence


def _verdict(spec: Spec, look: Look) -> VerdictView:
    values = {"ratio": plain(spec.criteria.ratio), "ms": plain(spec.criteria.slow_ms)}
    rows = [
        TestRow(
            title=words.test_title(test["code"], values),
            answer=test["answer"] or "",
            word=words.answer_word(test["answer"]) if test["answer"] else _("not asked yet"),
            measured=words.measured(test["code"], test["measured"]),
            limit=words.limit(test["code"], test["limit"]),
        )
        for test in look.tests
    ]
    return VerdictView(
        answer=look.answer,
        word=words.answer_word(look.answer),
        why=words.capital(words.reason(look.reason)),
        step=look.step,
        weight=look.weight,
        rows=tuple(rows),
        queries=tuple(look.queries),
        at=look.end,
    )


def _arms(spec: Spec, here: Sequence[Look], pods: dict[str, str]) -> list[ArmRow]:
    names = (("baseline", spec.baseline, _("baseline")), ("canary", spec.canary, _("canary")))
    return [_arm([look.counts.get(key) for look in here], version, role, pods.get(version, "")) for key, version, role in names]


def _arm(counts: Sequence[Any], version: str, role: str, pods: str) -> ArmRow:
    known = [arm for arm in counts if isinstance(arm, dict)]
    if not known:
        return ArmRow(version, role, None, None, None, pods)
    return ArmRow(
        version, role, sum(history.total_of(arm) or 0 for arm in known), sum(history.bad_of(arm) or 0 for arm in known),
        sum(int(arm.get("slow", 0)) for arm in known), pods,
    )  # fmt: skip


def _hold(row: dict[str, Any]) -> HoldRow:
    hold = str(row.get("hold", ""))
    by_people = hold in {Hold.GATE, Hold.DRIFT, Hold.FIGHT, Hold.PAUSED}
    return HoldRow(
        words.hold_word(hold), words.hold_sentence(hold, row.get("values") or {}), float(row.get("since") or 0), by_people
    )
