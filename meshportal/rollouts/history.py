"""What the picture of a canary is drawn from: its writes, its looks, its holds, and what is planned from here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from meshportal.mesh.rollouts.machine import next_step_at
from meshportal.mesh.rollouts.phases import WRITING, Phase, State
from meshportal.mesh.rollouts.spec import Spec
from meshportal.rollouts.models import Event, Look, Rollout, Shift
from meshportal.web.ramp import Ramp
from meshportal.web.words import NBSP, clock

MOST_DOTS = 60
ROOM = 0.04  # of the whole width, after what is planned


def ramp_of(rollout: Rollout, spec: Spec, looks: Sequence[Look], events: Sequence[Event], now: datetime) -> Ramp:
    """The picture of one rollout. `events` and `looks` are in the order of time."""
    state, at = rollout.state, now.timestamp()
    begin = rollout.created_at.timestamp()
    end = rollout.finished_at.timestamp() if rollout.finished_at else at
    written = [(begin, 0.0), *_written(rollout)]
    ahead = [] if rollout.is_over else planned(spec, state, at)
    last = max([end, *(moment for moment, _weight in ahead)])
    room = max((last - begin) * ROOM, 1.0)
    held = _held(events, end)
    return Ramp(
        left=begin,
        right=last + room,
        now=end,
        configured=written,
        planned=[(end, float(state.weight)), *ahead] if ahead else [],
        measured=_thinned(_measured(looks)),
        held=held,
        held_word=_("held") if rollout.holds and held and not rollout.is_over else "",
        over=rollout.is_over,
    )


def planned(spec: Spec, state: State, now: float) -> list[tuple[float, float]]:
    """When which weight comes at the earliest from here on, and when it is over. Evidence may take longer."""
    if state.phase is Phase.ROLLING_BACK:
        return [(now, 0.0)]
    if state.phase is Phase.PREFLIGHT or state.phase in WRITING:
        place, at = state.step, now
    else:
        place, at = state.step + 1, max(now, next_step_at(spec, state))
    found: list[tuple[float, float]] = []
    for step in spec.steps[place:]:
        found.append((at, float(step.weight)))
        at += step.seconds
    last = (found[-1][0] if found else state.shifted_at or now) + max(spec.bake, 0.0)
    return [*found, (max(last, now), 100.0)]


def _written(rollout: Rollout) -> list[tuple[float, float]]:
    done = rollout.shifts.filter(state=Shift.State.DONE).order_by("finished_at", "id")
    return [(shift.finished_at.timestamp(), float(shift.weight)) for shift in done if shift.finished_at]


def _measured(looks: Sequence[Look]) -> list[tuple[float, float]]:
    found = []
    for look in looks:
        baseline, canary = (total_of(look.counts.get(arm)) for arm in ("baseline", "canary"))
        if baseline is not None and canary is not None and baseline + canary:
            found.append((look.end, 100 * canary / (baseline + canary)))
    return found


def total_of(arm: object) -> int | None:
    """Requests of an arm as a look keeps it, of whichever side saw more; None where nothing is known."""
    if not isinstance(arm, dict):
        return None
    return max(int(arm.get("requests", 0)), int(arm.get("source_requests", 0)))


def bad_of(arm: object) -> int | None:
    """Errors of an arm, likewise."""
    total = total_of(arm)
    if total is None or not isinstance(arm, dict):
        return None
    return min(total, max(int(arm.get("errors", 0)), int(arm.get("source_errors", 0))))


def _thinned(dots: list[tuple[float, float]]) -> list[tuple[float, float]]:
    every = -(-len(dots) // MOST_DOTS) or 1
    return dots[::-1][::every][::-1]


def _held(events: Sequence[Event], end: float) -> list[tuple[float, float]]:
    """Stretches in which anything held it."""
    standing: set[str] = set()
    found: list[tuple[float, float]] = []
    since = 0.0
    for event in events:
        hold = "paused" if event.code in {"paused", "lowered"} else str(event.values.get("hold", ""))
        was = bool(standing)
        if event.code in {"held", "paused", "lowered"}:
            standing.add(hold)
        elif event.code == "cleared":
            standing.discard(hold)
        elif event.code == "resumed":
            standing -= {"paused", "drift", "fight"}
        elif event.code in {"rolling-back", "rolled-back", "succeeded"}:
            standing.clear()
        if standing and not was:
            since = event.at.timestamp()
        elif was and not standing:
            found.append((since, event.at.timestamp()))
    return [*found, (since, end)] if standing else found


def spoken(rollout: Rollout, spec: Spec, picture: Ramp) -> str:
    """The picture in a sentence, for those who do not see it."""
    moments = picture.configured[1:]
    said = [_("Weight of %(canary)s over time.") % {"canary": spec.canary}]
    if moments:
        listed = ", ".join(f"{weight:.0f}{NBSP}% {clock(at, seconds=False)}" for at, weight in moments[-6:])
        said.append(_("Configured: %(list)s.") % {"list": listed})
    if picture.measured:
        said.append(_("Measured last: %(share)s %%.") % {"share": f"{picture.measured[-1][1]:.1f}"})
    ahead = picture.planned[1:-1]
    if ahead:
        listed = ", ".join(f"{weight:.0f}{NBSP}% {clock(at, seconds=False)}" for at, weight in ahead[:6])
        said.append(_("Planned at the earliest: %(list)s.") % {"list": listed})
    return " ".join(said)
