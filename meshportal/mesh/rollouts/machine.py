"""What a rollout does next: `decide(spec, state, seen, now)`, a pure function. The engine reads, asks this, writes, and records.

Weights are absolute: a decision says "20 at step 3", never "add 5". Nothing rises without a PASS of the step before, and nothing
that is unknown is one. A rollback asks nobody and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from meshportal.mesh.rollouts.phases import BY_PEOPLE, DONE, WRITING, Decision, Hold, Phase, Reason, Seen, State
from meshportal.mesh.rollouts.spec import OnTimeout, Spec
from meshportal.mesh.rollouts.verdict import NO_LOOK, Answer, Verdict

ON_TIME = 2.0  # a shift that comes this many seconds late, one tick of the sweep, keeps the plan's beat
ON_TIME_SHARE = 0.2  # of a step's time, where that is less: a step of two seconds is not cut to nothing
RETRY = 2.0
FRESH = 60.0
PREFLIGHT_TIMEOUT = 900.0
ONLY_RISES = frozenset({Hold.FREEZE, Hold.STOPPED, Hold.CAPACITY})  # what has nothing left to rise may end in spite of them


def decide(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    """What happens now. Same row and same evidence, same decision: it can be replayed.

    A verdict is heeded in every phase but the preflight: a canary that waits for its next weight, or to settle, may fail too.
    """
    if state.phase in DONE or state.phase is Phase.PENDING:
        return Decision(state, float("inf"))
    if state.phase is Phase.ROLLING_BACK:
        return _rolling_back(state, seen, now)
    state = _with_sticky(state, seen)
    if state.phase is Phase.PREFLIGHT:
        return _preflight(spec, state, seen, now)
    if seen.verdict is not None:
        verdict = _unless_old(seen.verdict, now)
        if verdict.answer is Answer.FAIL:
            return roll_back(state, verdict.reason, now, values=dict(verdict.values))
        state, seen = _with_patience(state, verdict, now), replace(seen, verdict=verdict)
        if state.blind_since is not None and now - state.blind_since >= spec.blind_rollback_after:
            return roll_back(state, "blind", now, values={"reason": verdict.reason, "seconds": now - state.blind_since})
    if state.phase in WRITING:
        return _shifting(spec, state, seen, now)
    if state.phase is Phase.SETTLING:
        return _settling(spec, state, seen, now)
    return _observing(spec, state, seen, now)


def roll_back(state: State, failure: str, now: float, *, values: Mapping[str, Any] | None = None) -> Decision:
    """Back to 0, by a verdict, a deadline or a person. Harmless where it is under way or over."""
    if state.phase in DONE:
        return Decision(state, float("inf"))
    if state.phase is Phase.ROLLING_BACK:
        return Decision(state, now)
    if state.phase in {Phase.PENDING, Phase.PREFLIGHT} and not state.weight:
        ended = replace(state, phase=Phase.ROLLED_BACK, since=now, failure=failure)
        return Decision(ended, float("inf"), event="rolled-back", values=values or {})
    return Decision(
        replace(state, phase=Phase.ROLLING_BACK, since=now, failure=failure), now, 0, event="rolling-back", values=values or {}
    )


def _rolling_back(state: State, seen: Seen, now: float) -> Decision:
    if seen.written:
        return Decision(replace(state, phase=Phase.ROLLED_BACK, since=now, weight=0), float("inf"), event="rolled-back")
    return Decision(state, now + RETRY, write=0)


# ---------------------------------------------------------------- evidence and holds


def _unless_old(verdict: Verdict, now: float) -> Verdict:
    """The verdict, or that nobody knows: what was well a while ago is no evidence. A FAIL stays one."""
    old = verdict.seen_at is not None and now - verdict.seen_at > FRESH
    return Verdict(Answer.UNKNOWN, "stale", verdict.tests, seen_at=verdict.seen_at) if old and _good(verdict) else verdict


def _good(verdict: Verdict) -> bool:
    return verdict.answer in {Answer.PASS, Answer.CONTINUE}


def _with_patience(state: State, verdict: Verdict, now: float) -> State:
    """When evidence went missing. Evidence that is there, but cannot be blamed on the canary, is not missing."""
    if _good(verdict) or _innocent(verdict):
        return replace(state, blind_since=None)
    return state if state.blind_since is not None else replace(state, blind_since=now)


def _innocent(verdict: Verdict) -> Hold | None:
    """What holds it where counts are there and not the canary's fault."""
    if verdict.answer is not Answer.UNKNOWN:
        return None
    if verdict.reason == "share":
        return Hold.WEIGHTS
    return Hold.ENVIRONMENT if verdict.reason.endswith("environment") else None


def _with_sticky(state: State, seen: Seen) -> State:
    """Holds that only a person clears stay on the row once they were seen."""
    known = {reason.hold for reason in state.sticky}
    fresh = tuple(reason for reason in seen.guards if reason.hold in BY_PEOPLE and reason.hold not in known)
    return replace(state, sticky=(*state.sticky, *fresh)) if fresh else state


def _holds(spec: Spec, state: State, seen: Seen, now: float, *more: Reason) -> tuple[Reason, ...]:
    """Everything that stands in the way, what the verdict says included."""
    found: dict[Hold, Reason] = {}
    for reason in (*state.sticky, *seen.guards, *_by_verdict(spec, state, seen, now), *more):
        found.setdefault(reason.hold, reason)
    return tuple(found.values())


def _by_verdict(spec: Spec, state: State, seen: Seen, now: float) -> tuple[Reason, ...]:
    if seen.verdict is None or seen.verdict.answer is not Answer.UNKNOWN:
        return ()
    if hold := _innocent(seen.verdict):
        return (Reason(hold, dict(seen.verdict.values)),)
    if state.blind_since is None or now - state.blind_since < spec.max_blind:
        return ()
    return (Reason(Hold.BLIND, {"reason": seen.verdict.reason, "since": state.blind_since}),)


# ---------------------------------------------------------------- phases


def _preflight(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    if seen.preflight:
        # counted from the first refusal: it may have waited for days for a freeze to end
        since = now if state.blind_since is None else state.blind_since
        refused = replace(state, blind_since=since)
        if now - since >= PREFLIGHT_TIMEOUT:
            return roll_back(refused, "preflight", now)
        return Decision(
            refused, now + RETRY, holds=_holds(spec, state, seen, now, Reason(Hold.PREFLIGHT, _codes(seen.preflight)))
        )
    state = replace(state, blind_since=None)
    held = _holds(spec, state, seen, now, *_gate(spec, state, 0))
    if held:
        return Decision(state, _next_look(spec, state, now), holds=held)
    first = replace(state, phase=_shift_phase(spec, 0), step=0, since=now, due_at=now)
    return Decision(first, now, spec.steps[0].weight, event="preflight-passed")


def _shifting(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    """The weight is on its way. A hold that arises meanwhile stops it: nothing rises while anything holds."""
    step = spec.steps[state.step]
    if seen.written:
        late = now - state.due_at > min(ON_TIME, ON_TIME_SHARE * step.seconds)
        settled = replace(
            state,
            phase=Phase.SETTLING,
            since=now,
            weight=step.weight,
            shifted_at=now,
            due_at=now if late else state.due_at,
            blind_since=None,
        )
        return Decision(settled, now, event="shifted", values={"weight": step.weight})
    held = _holds(spec, state, seen, now)
    if held or state.blind_since is not None:
        return Decision(state, now + RETRY, holds=held)
    return Decision(state, now + RETRY, write=step.weight)


def _settling(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    if seen.settled:
        phase = Phase.BAKING if state.step == len(spec.steps) - 1 else Phase.OBSERVING
        return Decision(replace(state, phase=phase, since=now), now, event="settled")
    if _timed_out(spec, state, now):
        return _inconclusive(spec, state, seen, now)
    return Decision(state, now + RETRY, holds=_holds(spec, state, seen, now))


def _observing(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    """OBSERVING, AWAITING_PROMOTION and BAKING: they differ in what a PASS leads to."""
    verdict = seen.verdict
    if verdict is None:
        return Decision(state, now + RETRY, holds=_holds(spec, state, seen, now))
    # who skips a step skips its time and its tests, not the look
    skipped = state.skip and verdict.answer is Answer.CONTINUE and verdict.reason != NO_LOOK
    if verdict.answer is Answer.PASS or skipped:
        return _passed(spec, state, seen, now)
    if not (verdict.answer is Answer.UNKNOWN and state.blind_since is not None) and _timed_out(spec, state, now):
        return _inconclusive(spec, state, seen, now)
    return _wait(spec, state, seen, now)


def _passed(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    if state.phase is Phase.BAKING:
        held = tuple(reason for reason in _holds(spec, state, seen, now) if reason.hold not in ONLY_RISES)
        if now < _ends_at(spec, state) or held:
            return _wait(spec, state, seen, now)
        return Decision(replace(state, phase=Phase.SUCCEEDED, since=now), float("inf"), event="succeeded")
    begins = next_step_at(spec, state)
    if now < begins and not state.skip:
        return _wait(spec, state, seen, now)
    following = state.step + 1
    gate = _gate(spec, state, following)
    held = _holds(spec, state, seen, now, *gate)
    if held:
        if gate and following == len(spec.steps) - 1 and state.phase is not Phase.AWAITING_PROMOTION:
            waiting = replace(state, phase=Phase.AWAITING_PROMOTION, since=now)
            return Decision(waiting, _next_look(spec, state, now), holds=held, event="awaits-promotion")
        return Decision(state, _next_look(spec, state, now), holds=held)
    phase = _shift_phase(spec, following)
    shifting = replace(state, phase=phase, step=following, since=now, due_at=begins if not state.skip else now, skip=False)
    return Decision(shifting, now, spec.steps[following].weight, event="passed", values={"weight": spec.steps[state.step].weight})


def _wait(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    return Decision(state, _next_look(spec, state, now), holds=_holds(spec, state, seen, now))


def _inconclusive(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    if spec.on_timeout is OnTimeout.ROLLBACK:
        return roll_back(state, "inconclusive", now)
    why: dict[str, Any] = {"reason": "", "received": None, "expected": None}
    if seen.verdict is not None:
        why |= {"reason": seen.verdict.reason} | dict(seen.verdict.values)
    return Decision(state, _next_look(spec, state, now), holds=_holds(spec, state, seen, now, Reason(Hold.INCONCLUSIVE, why)))


# ---------------------------------------------------------------- time and gates


def next_step_at(spec: Spec, state: State) -> float:
    """When the step after this one may begin: from its planned beginning, so that lateness does not add up. A step that began
    more than one tick late was planned anew when it was verified, so none is cut short and none is caught up."""
    return state.due_at + spec.steps[state.step].seconds


def _ends_at(spec: Spec, state: State) -> float:
    """When what this phase waits for may happen at the soonest."""
    return _shifted(state) + spec.bake if state.phase is Phase.BAKING else next_step_at(spec, state)


def _timed_out(spec: Spec, state: State, now: float) -> bool:
    """Whether a decision is overdue. A timeout that is over before the step's own time counts from the end of that."""
    least = spec.steps[state.step].seconds
    if state.phase is Phase.BAKING:
        least = max(least, spec.bake)
        return now - _shifted(state) >= least + spec.step_timeout
    return now - _shifted(state) >= (spec.step_timeout if spec.step_timeout > least else least + spec.step_timeout)


def _shifted(state: State) -> float:
    return state.since if state.shifted_at is None else state.shifted_at


def _next_look(spec: Spec, state: State, now: float) -> float:
    """The beat of the looks, and one in the moment in which the next step may begin or, before that, patience ends."""
    moments = [now + spec.look_seconds(state.step)]
    if state.phase is not Phase.PREFLIGHT:
        moments.append(_ends_at(spec, state))
    if state.blind_since is not None:
        moments += [state.blind_since + spec.max_blind, state.blind_since + spec.blind_rollback_after]
    return min(moment for moment in moments if moment > now)


def _gate(spec: Spec, state: State, step: int) -> tuple[Reason, ...]:
    if spec.steps[step].approval and step not in state.approved:
        return (Reason(Hold.GATE, {"step": step, "weight": spec.steps[step].weight}),)
    return ()


def _shift_phase(spec: Spec, step: int) -> Phase:
    return Phase.PROMOTING if step == len(spec.steps) - 1 else Phase.SHIFTING


def _codes(reasons: tuple[Reason, ...]) -> dict[str, Any]:
    return {"reasons": [dict(reason.values) for reason in reasons]}
