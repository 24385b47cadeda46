"""Keeping what an engine has found out and decided about one canary: guarded by its epoch, in one transaction each time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from meshportal.audit.services import PORTAL
from meshportal.changes.models import Status
from meshportal.changes.watching import finish_watch
from meshportal.mesh.rollouts.phases import DONE, Decision, Phase, State
from meshportal.mesh.rollouts.spec import Spec
from meshportal.rollouts.events import EVENTS, note
from meshportal.rollouts.failpoints import BEFORE_FINISH, BEFORE_RECORD, ROLLBACK, reach
from meshportal.rollouts.models import Look, Rollout, Shift, moment_of, state_columns
from meshportal.rollouts.services import tell
from meshportal.rollouts.tokens import announce
from meshportal.rollouts.writing import Outcome

RECORDED: Mapping[str, str] = {
    "shifted": "{weight} % of the requests go to the canary",
    "rolling-back": "Going back: {failure}",
    "rolled-back": "Rolled back",
    "succeeded": "Promoted: the canary has all requests",
    "set-back": "Somebody raised the canary to {found} %, it is back at {weight} %",
    "fight": "{manager} and the portal write the same weights",
}
"""Events that the portal's own record keeps too, in English."""


class LostLease(Exception):
    """Another engine, or a person, has taken this canary over: stop, write nothing."""


@dataclass
class Held:
    """One canary in the hands of this engine. `due` is False where only its route has to be looked at."""

    row: Rollout
    spec: Spec
    due: bool = True

    @property
    def state(self) -> State:
        return self.row.state

    @property
    def where(self) -> int | str:
        return ROLLBACK if self.row.phase == Phase.ROLLING_BACK else self.row.step

    def keep(self, **columns: Any) -> None:
        """Guarded by the epoch. Raises LostLease."""
        if Rollout.objects.filter(pk=self.row.pk, epoch=self.row.epoch).update(**columns) != 1:
            raise LostLease(self.row.label)
        for name, value in columns.items():
            setattr(self.row, name, value)


def lease_from(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.APPLY_LEASE_SECONDS)


def decided(
    held: Held,
    decision: Decision,
    now: datetime,
    *,
    look: Mapping[str, Any] | None = None,
    columns: Mapping[str, Any] | None = None,
    events: Iterable[tuple[str, Mapping[str, Any]]] = (),
    set_back: int | None = None,
) -> Shift | None:
    """Keep a decision, and announce the write that it asks for. `look` are the columns of a Look, `events` what happened before
    it; `set_back` is the weight that somebody has raised ours to, to be undone. Whoever goes on at once keeps the lease, else it
    is given back. Raises LostLease."""
    before, after = held.state, decision.state
    writes = decision.write is not None or set_back is not None
    goes_on = writes or (decision.next_at <= now.timestamp() and after.phase not in DONE)
    reach(BEFORE_RECORD, held.where)
    if after.phase in DONE:
        reach(BEFORE_FINISH, held.where)
    with transaction.atomic():
        told = _holds(held, decision, now)
        held.keep(
            **state_columns(after),
            **(columns or {}),
            holds=told.rows,
            error="",
            next_due_at=moment_of(decision.next_at),
            lease_until=lease_from(now) if goes_on else None,
            **({"finished_at": now} if after.phase in DONE else {}),
        )
        for code, values in (*events, *_event(decision, before), *told.events):
            _tell(held, code, values, now)
        if look is not None:
            _keep_look(held, look, now)
        if set_back is None:
            shift = _announced(held, decision, before, now)
        else:
            shift = announce(held.row, Shift.Purpose.SET_BACK, after.step, after.weight, before=set_back, now=now)
        if after.phase in DONE:
            end = Status.APPLIED if after.phase is Phase.SUCCEEDED else Status.REVERTED
            finish_watch(held.row.change, end, now=now)
    return shift


def finished(shift: Shift, outcome: Outcome, now: datetime, *, done: bool) -> None:
    """A write that is known to have happened, or known not to. Inside the transaction of what follows from it."""
    state = Shift.State.DONE if done else Shift.State.FAILED
    Shift.objects.filter(pk=shift.pk, state=Shift.State.INTENDED).update(
        state=state, finished_at=now, resource_version=outcome.version, error=outcome.error or outcome.what
    )


def known(outcome: Outcome) -> dict[str, Any]:
    """What to remember of a route that was just read or written."""
    return {"route": {"uid": outcome.uid, "version": outcome.version, "generation": outcome.generation}}


def postponed(held: Held, now: datetime, seconds: float, error: str) -> None:
    """Not now: with the reason in sight. Whoever took it over meanwhile knows better."""
    rows = Rollout.objects.filter(pk=held.row.pk, epoch=held.row.epoch)
    rows.update(error=error[:500], lease_until=None, next_due_at=now + timedelta(seconds=seconds))


# ---------------------------------------------------------------- parts


@dataclass(frozen=True)
class _Told:
    rows: list[dict[str, Any]]
    events: list[tuple[str, Mapping[str, Any]]]


def _holds(held: Held, decision: Decision, now: datetime) -> _Told:
    """The holds of the row, each since it first stood, and what of them is new or gone."""
    stood = {row["hold"]: row for row in held.row.holds}
    rows: list[dict[str, Any]] = []
    events: list[tuple[str, Mapping[str, Any]]] = []
    for reason in decision.holds:
        code, values = reason.hold.value, dict(reason.values)
        old = stood.get(code)
        rows.append({"hold": code, "values": values, "since": old["since"] if old else now.timestamp()})
        if old is None and code != "paused":  # the pause itself is in the timeline already
            events.append(("held", {**values, "hold": code}))
    for code in stood:
        if code not in {row["hold"] for row in rows} and code != "paused":
            events.append(("cleared", {"hold": code}))
    return _Told(rows, events)


def _event(decision: Decision, before: State) -> list[tuple[str, Mapping[str, Any]]]:
    if not decision.event:
        return []
    after = decision.state
    standard = {"step": after.step, "weight": after.weight, "failure": after.failure}
    if decision.event == "passed":
        standard["step"] = before.step
    values = {name: standard[name] for name in EVENTS[decision.event] if name in standard}
    return [(decision.event, {**values, **decision.values})]


def _tell(held: Held, code: str, values: Mapping[str, Any], now: datetime) -> None:
    note(held.row, code, now, **values)
    if code in RECORDED:
        tell(held.row, PORTAL, code, RECORDED[code].format(**values), now, **values)


def _keep_look(held: Held, look: Mapping[str, Any], now: datetime) -> None:
    before = held.row.looks.order_by("-end", "-id").values_list("answer", flat=True).first()
    Look.objects.get_or_create(rollout=held.row, step=look["step"], end=look["end"], defaults=dict(look))
    if before != look["answer"]:
        note(held.row, "look", now, **{name: look[name] for name in EVENTS["look"]})


def _announced(held: Held, decision: Decision, before: State, now: datetime) -> Shift | None:
    if decision.write is None:
        return None
    back = decision.state.phase is Phase.ROLLING_BACK
    purpose = Shift.Purpose.ROLLBACK if back else Shift.Purpose.STEP
    if back:
        # nothing that was on its way up may be taken up again
        Shift.objects.filter(rollout=held.row, state=Shift.State.INTENDED).exclude(purpose=purpose).update(
            state=Shift.State.FAILED, finished_at=now, error="overtaken by the way back"
        )
    return announce(held.row, purpose, decision.state.step, decision.write, before=before.weight, now=now)
