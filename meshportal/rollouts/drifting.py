"""When the world moves: what somebody else did to our route, and what follows. Up is never ours to restore, down always is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from meshportal.mesh.refs import Manifest
from meshportal.mesh.rollouts.phases import Hold, Phase, Reason, State
from meshportal.mesh.rollouts.route import Standing, standing
from meshportal.rollouts.models import Rollout
from meshportal.rollouts.recording import Held, known
from meshportal.rollouts.writing import How, Outcome

FIGHT = timedelta(minutes=10)
Events = tuple[tuple[str, Mapping[str, Any]], ...]


class News(StrEnum):
    """How the catalog's copy of a route stands to what was last read or written."""

    SAME = "same"
    OLD = "old"  # from before our own last write: the observer has not heard of that yet
    NEW = "new"


@dataclass(frozen=True)
class Moved:
    """What follows: the state with its new sticky holds, holds that only stand as long as they are seen, and the timeline.

    `set_back` is the weight that somebody has raised ours to: it has to go down again.
    """

    state: State
    seen: tuple[Reason, ...] = ()
    events: Events = ()
    columns: Mapping[str, Any] = field(default_factory=dict)
    set_back: int | None = None


def news(rollout: Rollout, live: Manifest | None) -> News:
    """`metadata.generation` counts every change of an object's spec, so that it tells old from new."""
    last = rollout.route
    if live is None or live["metadata"].get("uid") != last.get("uid"):
        return News.NEW
    generation = int(live["metadata"].get("generation") or 0)
    if generation == last.get("generation"):
        return News.SAME
    return News.NEW if generation > last.get("generation", 0) else News.OLD


def moved(held: Held, outcome: Outcome, now: datetime) -> Moved:
    """What the route, as it was just read, means for a canary that is under way."""
    state, columns = held.state, known(outcome)
    if outcome.how is How.GONE or outcome.place is None:
        return Moved(state, (Reason(Hold.GONE, {"what": outcome.what}),), columns=columns)
    share, manager = outcome.place.share, outcome.manager
    values: dict[str, Any]
    match standing(outcome.place, state.weight):
        case Standing.FOREIGN:
            values = {"what": "foreign", "manager": manager, "destinations": list(outcome.place.foreign)}
            return _noted(held, state, values, columns, now)
        case Standing.LOWERED:
            values = {"what": "lowered", "manager": manager, "weight": state.weight, "found": round(share)}
            last = state.step == len(held.spec.steps) - 1
            back = replace(state, phase=Phase.PROMOTING if last else Phase.SHIFTING, since=now.timestamp(), weight=round(share))
            return _noted(held, back, values, {**columns, "counters": {}}, now)
        case Standing.RAISED:
            values = {"what": "raised", "manager": manager, "weight": state.weight, "found": round(share)}
            if _has(state, Hold.FIGHT):
                return Moved(state, columns=columns)
            return replace(_noted(held, state, values, columns, now), set_back=round(share))
    if held.row.route and outcome.generation != held.row.route.get("generation"):
        return Moved(state, events=(("drift-noted", {"what": "fields", "manager": manager}),), columns=columns)
    return Moved(state, columns=columns)


def _noted(held: Held, state: State, values: dict[str, Any], columns: Mapping[str, Any], now: datetime) -> Moved:
    """A hold that a person lifts, once; the second time that the same weights were changed back it is a fight."""
    foreign = values["what"] == "foreign"
    if foreign and _has(state, Hold.DRIFT):
        return Moved(state, columns=columns)
    events: list[tuple[str, Mapping[str, Any]]] = [("drift-noted", values)]
    sticky = state.sticky
    if not _has(state, Hold.DRIFT):
        sticky = (*sticky, Reason(Hold.DRIFT, values))
    if not foreign and not _has(state, Hold.FIGHT) and _changed_lately(held.row, now):
        sticky = (*sticky, Reason(Hold.FIGHT, {"manager": values["manager"]}))
        events.append(("fight", {"manager": values["manager"]}))
    return Moved(replace(state, sticky=sticky), events=tuple(events), columns=columns)


def _changed_lately(rollout: Rollout, now: datetime) -> bool:
    before = rollout.events.filter(code="drift-noted", at__gt=now - FIGHT).values_list("values", flat=True)
    return any(values["what"] in {"raised", "lowered"} for values in before)


def _has(state: State, hold: Hold) -> bool:
    return any(reason.hold is hold for reason in state.sticky)
