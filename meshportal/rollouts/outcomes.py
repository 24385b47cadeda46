"""What follows from a write that was tried."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from meshportal.mesh.rollouts.machine import RETRY, decide
from meshportal.mesh.rollouts.phases import DONE, Decision, Hold, Reason, Seen
from meshportal.rollouts.drifting import Moved, moved
from meshportal.rollouts.evidence import two_scrapes
from meshportal.rollouts.models import Shift
from meshportal.rollouts.recording import Held, decided, finished, known
from meshportal.rollouts.writing import How, Outcome


def kept(held: Held, shift: Shift, outcome: Outcome, now: datetime) -> Moved | None:
    """Keep what became of a write that was neither refused nor raced. What is to be gone on with, None for nothing now."""
    match outcome.how:
        case How.DONE:
            return _done(held, shift, outcome, now)
        case How.GONE | How.MOVED if shift.purpose == Shift.Purpose.ROLLBACK:
            what = outcome.what or "destinations"
            holds = (Reason(Hold.GONE, {"what": what}),) if outcome.how is How.GONE else ()
            decided(held, Decision(held.state, now.timestamp() + RETRY, holds=holds), now)
            return None
        case How.GONE:
            return Moved(held.state, (Reason(Hold.GONE, {"what": outcome.what}),), columns=known(outcome))
        case How.MOVED:
            with transaction.atomic():
                held.keep(lease_until=held.row.lease_until)
                finished(shift, outcome, now, done=False)
            return moved(held, outcome, now)
    return Moved(held.state, columns=known(outcome))


def _done(held: Held, shift: Shift, outcome: Outcome, now: datetime) -> Moved | None:
    state = held.state
    fresh = known(outcome) | {"counters": {"from": now.timestamp() + two_scrapes()}}
    events: list[tuple[str, dict[str, Any]]] = []
    if shift.purpose in {Shift.Purpose.LOWER, Shift.Purpose.SET_BACK}:
        decision = Decision(replace(state, weight=shift.weight), now.timestamp() + RETRY, holds=state.sticky)
        if shift.purpose == Shift.Purpose.SET_BACK:
            managers = [reason.values.get("manager", "") for reason in state.sticky if reason.hold is Hold.DRIFT]
            values = {"weight": shift.weight, "found": shift.before, "manager": "".join(managers)}
            events.append(("set-back", values))
    else:
        decision = decide(held.spec, state, Seen(written=True), now.timestamp())
    with transaction.atomic():
        finished(shift, outcome, now, done=True)
        decided(held, decision, now, columns=fresh, events=events)
    goes_on = decision.next_at <= now.timestamp() and decision.state.phase not in DONE
    return Moved(decision.state) if goes_on else None
