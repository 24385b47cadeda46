"""What a rollout does next: `decide(spec, state, seen, now)`, a pure function. The engine reads, asks this, writes, and records.

Weights are absolute: a decision says "20 at step 3", never "add 5". Nothing rises without a PASS of the step before, and nothing
that is unknown is one. A rollback asks nobody and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from meshportal.mesh.rollouts.phases import BY_PEOPLE, DONE, Decision, Hold, Phase, Reason, Seen, State
from meshportal.mesh.rollouts.spec import OnTimeout, Spec
from meshportal.mesh.rollouts.verdict import Answer, Verdict

ON_TIME = 2.0  # a shift that comes this many seconds late, one tick of the sweep, keeps the plan's beat
RETRY = 2.0
PREFLIGHT_TIMEOUT = 900.0


def decide(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    """What happens now. Same row and same evidence, same decision: it can be replayed."""
    if state.phase in DONE or state.phase is Phase.PENDING:
        return Decision(state, float("inf"))
    if state.phase is Phase.ROLLING_BACK:
        return _rolling_back(state, seen, now)
    state = _with_sticky(state, seen)
    handlers = {
        Phase.PREFLIGHT: _preflight,
        Phase.SHIFTING: _shifting,
        Phase.PROMOTING: _shifting,
        Phase.SETTLING: _settling,
        Phase.OBSERVING: _observing,
        Phase.AWAITING_PROMOTION: _observing,
        Phase.BAKING: _observing,
    }
    return handlers[state.phase](spec, state, seen, now)


def roll_back(state: State, failure: str, now: float, *, values: Mapping[str, Any] | None = None) -> Decision:
    """Back to 0, by a verdict, a deadline or a person. Harmless where it is under way or over."""
    if state.phase in DONE or state.phase is Phase.ROLLING_BACK:
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


def _with_sticky(state: State, seen: Seen) -> State:
    """Holds that only a person clears stay on the row once they were seen."""
    known = {reason.hold for reason in state.sticky}
    fresh = tuple(reason for reason in seen.guards if reason.hold in BY_PEOPLE and reason.hold not in known)
    return replace(state, sticky=(*state.sticky, *fresh)) if fresh else state


def _holds(state: State, seen: Seen, *more: Reason) -> tuple[Reason, ...]:
    found: dict[Hold, Reason] = {}
    for reason in (*state.sticky, *seen.guards, *more):
        found.setdefault(reason.hold, reason)
    return tuple(found.values())


# ---------------------------------------------------------------- phases


def _preflight(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    if seen.preflight:
        if now - state.since >= PREFLIGHT_TIMEOUT:
            return roll_back(state, "preflight", now)
        return Decision(state, now + RETRY, holds=_holds(state, seen, Reason(Hold.PREFLIGHT, _codes(seen.preflight))))
    held = _holds(state, seen, *_gate(spec, state, 0))
    if held:
        return Decision(state, now + RETRY, holds=held)
    first = replace(state, phase=_shift_phase(spec, 0), step=0, since=now, due_at=now)
    return Decision(first, now, spec.steps[0].weight, event="preflight-passed")


def _shifting(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    """The weight is on its way. A hold that arises meanwhile stops it: nothing rises while anything holds."""
    if seen.written:
        weight = spec.steps[state.step].weight
        late = now - state.due_at > ON_TIME
        settled = replace(
            state,
            phase=Phase.SETTLING,
            since=now,
            weight=weight,
            shifted_at=now,
            due_at=now if late else state.due_at,
            blind_since=None,
        )
        return Decision(settled, now, event="shifted", values={"weight": weight})
    held = _holds(state, seen)
    if held:
        return Decision(state, now + RETRY, holds=held)
    return Decision(state, now + RETRY, write=spec.steps[state.step].weight)


def _settling(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    if seen.settled:
        phase = Phase.BAKING if state.step == len(spec.steps) - 1 else Phase.OBSERVING
        return Decision(replace(state, phase=phase, since=now), now, event="settled")
    if _timed_out(spec, state, now):
        return _inconclusive(spec, state, seen, now)
    return Decision(state, now + RETRY, holds=_holds(state, seen))


def _observing(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    verdict = seen.verdict
    if verdict is None:
        return Decision(state, now + RETRY, holds=_holds(state, seen))
    if verdict.answer is Answer.FAIL:
        return roll_back(state, verdict.reason, now, values=dict(verdict.values))
    if verdict.answer is Answer.UNKNOWN:
        return _unknown(spec, state, seen, now, verdict)
    state = replace(state, blind_since=None)
    if verdict.answer is Answer.PASS or state.skip:
        return _passed(spec, state, seen, now)
    if _timed_out(spec, state, now):
        return _inconclusive(spec, state, seen, now)
    return Decision(state, _next_look(spec, state, now), holds=_holds(state, seen))


def _passed(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    if state.phase is Phase.BAKING:
        until = (state.shifted_at or now) + spec.bake
        if now < until:
            return Decision(state, min(until, _next_look(spec, state, now)), holds=_holds(state, seen))
        held = _holds(state, seen)
        if held:
            return Decision(state, now + RETRY, holds=held)
        return Decision(replace(state, phase=Phase.SUCCEEDED, since=now), float("inf"), event="succeeded")
    begins = next_step_at(spec, state)
    if now < begins and not state.skip:
        return Decision(state, min(begins, _next_look(spec, state, now)), holds=_holds(state, seen))
    following = state.step + 1
    held = _holds(state, seen, *_gate(spec, state, following))
    if held:
        last = following == len(spec.steps) - 1 and any(reason.hold is Hold.GATE for reason in held)
        waiting = Phase.AWAITING_PROMOTION if last else Phase.OBSERVING
        changed = state if state.phase is waiting else replace(state, phase=waiting, since=now)
        return Decision(changed, _next_look(spec, state, now), holds=held, event="" if changed is state else "awaits-promotion")
    phase = _shift_phase(spec, following)
    shifting = replace(state, phase=phase, step=following, since=now, due_at=begins if not state.skip else now, skip=False)
    return Decision(shifting, now, spec.steps[following].weight, event="passed", values={"weight": spec.steps[state.step].weight})


def _unknown(spec: Spec, state: State, seen: Seen, now: float, verdict: Verdict) -> Decision:
    """No evidence is not failure, but not for ever. Evidence that is there and cannot be blamed on the canary holds and waits."""
    if verdict.reason == "share":
        return Decision(
            state, _next_look(spec, state, now), holds=_holds(state, seen, Reason(Hold.WEIGHTS, dict(verdict.values)))
        )
    if verdict.reason.endswith("environment"):
        return Decision(state, _next_look(spec, state, now), holds=_holds(state, seen, Reason(Hold.ENVIRONMENT)))
    since = now if state.blind_since is None else state.blind_since
    blind = replace(state, blind_since=since)
    if now - since >= spec.blind_rollback_after:
        return roll_back(blind, "blind", now, values={"reason": verdict.reason, "seconds": now - since})
    hold = (Reason(Hold.BLIND, {"reason": verdict.reason, "since": since}),) if now - since >= spec.max_blind else ()
    deadline = since + (spec.blind_rollback_after if hold else spec.max_blind)
    return Decision(blind, min(deadline, _next_look(spec, state, now)), holds=_holds(state, seen, *hold))


def _timed_out(spec: Spec, state: State, now: float) -> bool:
    return state.phase is not Phase.BAKING and now - (state.shifted_at or state.since) >= spec.step_timeout


def _inconclusive(spec: Spec, state: State, seen: Seen, now: float) -> Decision:
    if spec.on_timeout is OnTimeout.ROLLBACK:
        return roll_back(state, "inconclusive", now)
    return Decision(state, _next_look(spec, state, now), holds=_holds(state, seen, Reason(Hold.INCONCLUSIVE)))


# ---------------------------------------------------------------- time and gates


def next_step_at(spec: Spec, state: State) -> float:
    """When the step after this one may begin: from its planned beginning, so that lateness does not add up. A step that began
    more than one tick late was planned anew when it was verified, so none is cut short and none is caught up."""
    return state.due_at + spec.steps[state.step].seconds


def _next_look(spec: Spec, state: State, now: float) -> float:
    return now + spec.look_seconds(state.step)


def _gate(spec: Spec, state: State, step: int) -> tuple[Reason, ...]:
    if spec.steps[step].approval and step not in state.approved:
        return (Reason(Hold.GATE, {"step": step, "weight": spec.steps[step].weight}),)
    return ()


def _shift_phase(spec: Spec, step: int) -> Phase:
    return Phase.PROMOTING if step == len(spec.steps) - 1 else Phase.SHIFTING


def _codes(reasons: tuple[Reason, ...]) -> dict[str, Any]:
    return {"reasons": [dict(reason.values) for reason in reasons]}
