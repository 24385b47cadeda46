"""Everything that a decision about one canary is made from, whatever its phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from meshportal.mesh.refs import Manifest
from meshportal.mesh.rollouts.phases import Decision, Phase, Reason, State
from meshportal.mesh.rollouts.verdict import Answer, Pods, Verdict, judge
from meshportal.rollouts import preflight
from meshportal.rollouts.drifting import Events
from meshportal.rollouts.evidence import Answers, columns, glance, past, two_scrapes
from meshportal.rollouts.guards import Around, settled
from meshportal.rollouts.recording import Held

OBSERVED = frozenset({Phase.OBSERVING, Phase.AWAITING_PROMOTION, Phase.BAKING})
RISING = frozenset({Phase.SHIFTING, Phase.PROMOTING})


@dataclass(frozen=True)
class Sight:
    """`look` are the columns of a look to be kept, `columns` those of the canary's own row."""

    verdict: Verdict | None = None
    preflight: tuple[Reason, ...] = ()
    written: bool = False
    settled: bool = False
    look: Mapping[str, Any] | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)


def needs_evidence(state: State) -> bool:
    """Whether Prometheus has to be asked: before the beginning, and while a weight stands."""
    return state.phase in OBSERVED or state.phase is Phase.PREFLIGHT or (state.phase in RISING and state.weight > 0)


def sight(held: Held, state: State, there: Around, route: Manifest | None, answers: Answers, now: float) -> Sight:
    """What is known at `now`. One that is not due yet is not measured early."""
    spec, pods = held.spec, there.pods_of(held.spec.canary)
    if state.phase is Phase.ROLLING_BACK:
        # nothing was ever announced: there is nothing to take back
        return Sight(written=not held.row.shifts.exists())
    if state.phase is Phase.PREFLIGHT:
        problem = glance(held.row, spec, state, there, answers, now).problem
        return Sight(preflight=preflight.reasons(spec, route, there, problem))
    if state.phase is Phase.SETTLING:
        return Sight(_hard_facts(held, state, pods), settled=settled(state, there, spec, now, two_scrapes()))
    if not state.weight:
        return Sight()
    seen = glance(held.row, spec, state, there, answers, now)
    kept = {"counters": seen.counters} if seen.counters is not None else {}
    if seen.look is None:
        return Sight(_hard_facts(held, state, pods), columns=kept)
    elapsed = now - state.due_at if state.phase in OBSERVED else 0.0
    verdict = judge(spec, [*past(held.row), seen.look], state.step, elapsed=elapsed, pods=pods)
    row = columns(seen.look, verdict, elapsed=elapsed, pods=pods, queries=seen.queries)
    return Sight(verdict, look=row, columns=kept)


def with_pods(held: Held, decision: Decision, there: Around) -> tuple[Decision, Events]:
    """A decision with the pods that its beginning is told with, and a warning where fewer wait for what comes back."""
    ready = there.ready.get(held.spec.baseline)
    if decision.event == "preflight-passed":
        return replace(decision, values={"baseline_ready": ready, "canary_ready": there.ready.get(held.spec.canary)}), ()
    if decision.event != "rolling-back" or ready is None:
        return decision, ()
    had = held.row.events.filter(code="preflight-passed").values_list("values__baseline_ready", flat=True).first()
    return decision, (("baseline-short", {"ready": ready, "had": had}),) if had and ready < had else ()


def _hard_facts(held: Held, state: State, pods: Pods) -> Verdict | None:
    """A FAIL that needs no counts, None without one."""
    if not state.weight:
        return None
    verdict = judge(held.spec, (), state.step, elapsed=0.0, pods=pods)
    return verdict if verdict.answer is Answer.FAIL else None
