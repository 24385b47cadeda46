"""What the form for weights shows: what was typed, what is asked already, or what is live; and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshportal.changes.kinds import Problem
from meshportal.changes.models import ChangeRequest
from meshportal.changes.queries import current_revision
from meshportal.mesh import traffic
from meshportal.mesh.traffic import (
    NotEditable,
    Pods,
    TrafficIntent,
    TrafficLive,
    live_weights,
    pods_of,
    subset_labels,
    whole_percents,
)
from meshportal.mesh.traffic_rules import FIELD_PREFIX
from meshportal.policies.traffic.words import not_editable


@dataclass(frozen=True)
class WeightRow:
    """One line of the form's table."""

    subset: str
    field: str
    pods: Pods
    now: float | None
    typed: str
    error: str


@dataclass(frozen=True)
class Form:
    """What the page shows: what was typed or what is live, and what is wrong with it. Nothing typed is ever dropped."""

    rows: list[WeightRow]
    reason: str
    ticket: str
    base: str
    problems: list[Problem]
    blocked: str  # why no weights can be set at all, "" if they can

    @property
    def total(self) -> int | None:
        try:
            return sum(int(row.typed or 0) for row in self.rows)
        except ValueError:
            return None

    def error(self, field: str) -> str:
        return " ".join(problem.sentence for problem in self.problems if problem.field == field)

    @property
    def reason_error(self) -> str:
        return self.error("reason")

    @property
    def ticket_error(self) -> str:
        return self.error("ticket")


def weights_in(data: Mapping[str, str]) -> dict[str, str]:
    """What was typed as weights, by subset."""
    return {key.removeprefix(FIELD_PREFIX): value for key, value in data.items() if key.startswith(FIELD_PREFIX)}


def asked(change: ChangeRequest) -> dict[str, str]:
    """What a change asks for now, as if it had been typed."""
    weights = current_revision(change).intent["weights"]
    return {FIELD_PREFIX + subset: str(weight) for subset, weight in weights.items()} | {
        "reason": change.reason,
        "ticket": change.ticket,
    }


def form_of(live: TrafficLive, data: Mapping[str, str] | None, problems: list[Problem], base: str = "") -> Form:
    """The form with `data` in it, or with what is live where there is none. `base` is what the next submission is held to."""
    blocked, shares = "", None
    try:
        shares = live_weights(live)
    except NotEditable as error:
        blocked = not_editable(error.code, ", ".join(error.names))
    start = whole_percents(shares) if shares and sum(shares.values()) else {}
    typed = weights_in(data) if data is not None else {}

    def row(subset: str) -> WeightRow:
        field = FIELD_PREFIX + subset
        text = typed.get(subset, str(start.get(subset, 0)) if start or data is not None else "")
        error = " ".join(problem.sentence for problem in problems if problem.field == field)
        return WeightRow(subset, field, pods_of(live, subset), (shares or {}).get(subset), text[:20], error)

    given = data or {}
    return Form(
        rows=[row(subset) for subset in subset_labels(live)],
        reason=given.get("reason", ""),
        ticket=given.get("ticket", ""),
        base=base or given.get("base", "") or live_base(live),
        problems=problems,
        blocked=blocked,
    )


def live_base(live: TrafficLive) -> str:
    """The digest of what is live, whatever will be asked: weights play no part in it."""
    try:
        return traffic.render(TrafficIntent(live.service, {}), live).base
    except NotEditable:
        return ""
