"""Whatever happens in whatever order, at whatever time: nothing rises without a PASS or a person, nothing is early or caught up,
a way back ends at 0, and nothing waits without anybody knowing when it will be looked at again."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rollouts.machine import FRESH, decide, roll_back
from meshportal.mesh.rollouts.phases import ACTIVE, BY_PEOPLE, DONE, Decision, Hold, Phase, Reason, Seen, State
from meshportal.mesh.rollouts.spec import LONGEST_LOOK, OnTimeout, Spec, Step
from meshportal.mesh.rollouts.verdict import NO_LOOK, Answer, Verdict
from tests.mesh.rollouts import how_many

weights = st.lists(st.integers(1, 99), max_size=6, unique=True).map(lambda found: [*sorted(found), 100])
durations = st.sampled_from([2.0, 5.0, 60.0, 300.0, 7200.0])
seldom = st.sampled_from([False, False, False, False, True])
mostly = seldom.map(lambda drawn: not drawn)
leaps = st.sampled_from([0.0, 0.3, 1.0, 2.0, 7.0, 60.0, 900.0, 90_000.0])
WATCHED = frozenset({Phase.SHIFTING, Phase.PROMOTING, Phase.SETTLING, Phase.OBSERVING, Phase.AWAITING_PROMOTION, Phase.BAKING})


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    steps = tuple(Step(weight, draw(durations), draw(seldom)) for weight in draw(weights))
    return Spec(
        ServiceRef("shop", "reviews"),
        "v1",
        "v2",
        steps,
        step_timeout=draw(st.sampled_from([30.0, 3600.0])),
        on_timeout=draw(st.sampled_from(OnTimeout)),
        max_blind=draw(st.sampled_from([10.0, 120.0])),
        blind_rollback_after=draw(st.sampled_from([20.0, 900.0])),
        bake=draw(st.sampled_from([0.0, 600.0])),
    )


verdicts = st.one_of(
    st.none(),
    st.builds(
        Verdict,
        st.sampled_from([Answer.PASS] * 4 + list(Answer)),
        st.sampled_from(["relative", "share", "environment", "requests", "stale", NO_LOOK]),
    ),
)
nothing: tuple[Reason, ...] = ()
some = st.lists(st.sampled_from(list(Hold)), max_size=2).map(lambda holds: tuple(map(Reason, holds)))
ages = st.sampled_from([0.0, 0.0, 0.0, 5.0, 61.0])
guards = seldom.flatmap(lambda drawn: some if drawn else st.just(nothing))


class Walk(RuleBasedStateMachine):
    """An engine in small: it decides, writes what it is told, and reads it back, late, or never."""

    @initialize(spec=specs(), begun=mostly)
    def begin(self, spec: Spec, begun: bool) -> None:
        self.spec, self.now = spec, 1000.0
        self.state = State(Phase.PREFLIGHT, since=self.now, due_at=self.now)
        self.live = 0  # what stands in the cluster
        self.asked: int | None = None
        self.allowed = spec.steps[0].weight  # the highest weight that a PASS or a person has let through
        self.raised: list[tuple[int, float, bool]] = []  # step, when it was verified, whether a person had skipped the one before
        self.said: list[tuple[State, Seen, float, Decision]] = []
        self.last = Decision(self.state, self.now)
        if begun:
            self.state = replace(self.state, approved=frozenset({0}))
            self.goes_well(4, 0.0)

    # ------------------------------------------------------------ the world

    @rule(after=leaps)
    def time_passes(self, after: float) -> None:
        self.now += after

    @rule(times=st.integers(1, 12), late=st.sampled_from([0.0, 0.0, 0.4, 1.5, 4.0]))
    def all_is_well(self, times: int, late: float) -> None:
        self.goes_well(times, late)

    def goes_well(self, times: int, late: float) -> None:
        """The engine comes when it is due, or a little later, and finds everything as it should be."""
        for _ in range(times):
            if self.state.phase in DONE:
                return
            self.now = max(self.now, self.last.next_at) + late
            written = self.asked is not None
            if self.asked is not None:
                self.live = self.asked
            self.decide(Seen(Verdict(Answer.PASS, "all", seen_at=self.now), (), (), written, True))

    @rule(verdict=verdicts, guards=guards, arrives=mostly, settled=mostly, age=ages)
    def engine_decides(
        self, verdict: Verdict | None, guards: tuple[Reason, ...], arrives: bool, settled: bool, age: float
    ) -> None:
        if verdict is not None and verdict.reason != NO_LOOK:
            verdict = replace(verdict, seen_at=self.now - age)
        written = False
        if self.asked is not None and arrives:
            self.live, written = self.asked, True
        refused = (Reason(Hold.PREFLIGHT, {"code": "no-route"}),) if not settled else ()
        self.decide(Seen(verdict, refused if self.state.phase is Phase.PREFLIGHT else (), guards, written, settled))

    def decide(self, seen: Seen) -> None:
        before, decision = self.state, decide(self.spec, self.state, seen, self.now)
        self.said.append((before, seen, self.now, decision))
        self.check_rise(before, seen, decision)
        if before.phase in WATCHED and seen.verdict is not None and seen.verdict.answer is Answer.FAIL:
            assert (decision.state.phase, decision.write) == (Phase.ROLLING_BACK, 0), "a failure goes back, whatever else is"
        if before.phase in {Phase.SHIFTING, Phase.PROMOTING} and decision.state.phase is Phase.SETTLING:
            self.check_time(before, decision)
        if decision.state.phase is not before.phase and decision.write is None:
            self.asked = None
        if decision.write is not None:
            self.asked = decision.write
        self.state, self.last = decision.state, decision

    def check_rise(self, before: State, seen: Seen, decision: Decision) -> None:
        if decision.write is None or decision.write <= self.live:
            return
        assert not (decision.holds or seen.guards or before.sticky), "nothing rises while anything holds"
        assert decision.write <= self.spec.steps[decision.state.step].weight
        verdict = seen.verdict
        if before.phase in {Phase.OBSERVING, Phase.AWAITING_PROMOTION}:
            assert verdict is not None
            passed = verdict.answer is Answer.PASS or (before.skip and verdict.answer is Answer.CONTINUE)
            assert passed, f"{verdict} lets nothing rise"
            assert verdict.seen_at is None or self.now - verdict.seen_at <= FRESH
            assert decision.state.step == before.step + 1
            self.allowed = self.spec.steps[decision.state.step].weight
        elif before.phase is Phase.PREFLIGHT:
            assert not seen.preflight
        else:
            assert before.phase in {Phase.SHIFTING, Phase.PROMOTING} and decision.state.step == before.step
        assert decision.write <= self.allowed
        gate = self.spec.steps[decision.state.step].approval
        assert not gate or decision.state.step in decision.state.approved

    def check_time(self, before: State, decision: Decision) -> None:
        """At each weight for its time, but for one tick of lateness, which the plan's beat takes up."""
        step = decision.state.step
        if self.raised and self.raised[-1][0] == step - 1 and not self.skipped:
            least = self.spec.steps[step - 1].seconds
            assert self.now - self.raised[-1][1] >= least - min(2.0, 0.2 * least) - 1e-6, "an early step"
        self.raised.append((step, self.now, self.skipped))
        self.skipped = False

    skipped = False

    # ------------------------------------------------------------ people

    @precondition(lambda self: self.state.phase in ACTIVE)
    @rule()
    def somebody_pauses(self) -> None:
        if all(reason.hold is not Hold.PAUSED for reason in self.state.sticky):
            self.state = replace(self.state, sticky=(*self.state.sticky, Reason(Hold.PAUSED)))

    @precondition(lambda self: self.state.sticky)
    @rule()
    def somebody_resumes(self) -> None:
        self.state = replace(self.state, sticky=())

    @precondition(lambda self: self.state.phase in {Phase.OBSERVING, Phase.AWAITING_PROMOTION})
    @rule()
    def somebody_skips(self) -> None:
        self.state, self.skipped = replace(self.state, skip=True), True

    @rule(data=st.data())
    def somebody_approves(self, data: st.DataObject) -> None:
        step = data.draw(st.integers(0, len(self.spec.steps) - 1))
        self.state = replace(self.state, approved=self.state.approved | {step})

    @precondition(lambda self: len(self.said) > 20)
    @rule()
    def somebody_aborts(self) -> None:
        decision = roll_back(self.state, "aborted", self.now)
        self.state, self.last = decision.state, decision
        self.asked = decision.write

    # ------------------------------------------------------------ always

    @invariant()
    def the_plan_is_the_most(self) -> None:
        assert self.live in {0, *(step.weight for step in self.spec.steps)}
        assert self.live <= self.allowed

    @invariant()
    def somebody_looks_again(self) -> None:
        if self.state.phase in DONE:
            assert self.last.next_at == math.inf, "what is over costs no call"
        elif self.said:
            assert self.last.next_at <= self.now + LONGEST_LOOK, f"{self.state.phase} is looked at no more"

    @invariant()
    def only_the_way_back_ends_at_nothing(self) -> None:
        if self.state.phase is Phase.ROLLED_BACK:
            assert (self.live, self.state.weight) == (0, 0)
        if self.state.phase is Phase.SUCCEEDED:
            assert self.live == 100

    def teardown(self) -> None:
        if not hasattr(self, "spec"):
            return
        for state, seen, now, decision in self.said:
            assert decide(self.spec, state, seen, now) == decision, "the same evidence, another decision"
        if self.state.phase in ACTIVE:
            assert self.ends(roll_back(self.state, "aborted", self.now).state, Verdict(Answer.FAIL, "x")) == (
                Phase.ROLLED_BACK,
                0,
            )
        if self.state.phase in ACTIVE - {Phase.ROLLING_BACK}:
            free = replace(self.state, sticky=(), approved=frozenset(range(len(self.spec.steps))))
            assert self.ends(free, Verdict(Answer.PASS, "all")) == (Phase.SUCCEEDED, 100), "it does not go on when it could"

    def ends(self, state: State, verdict: Verdict) -> tuple[Phase, int]:
        """Where it comes to with the same verdict at every look, and nothing in its way: it never moves without progress."""
        now, written, in_place = self.now, False, 0
        for _ in range(5000):
            decision = decide(self.spec, state, Seen(replace(verdict, seen_at=now), (), (), written, True), now)
            written, state = decision.write is not None, decision.state
            if state.phase in DONE:
                return state.phase, state.weight
            in_place = in_place + 1 if decision.next_at <= now else 0
            assert in_place <= 3 * len(self.spec.steps) + 3, f"{state.phase} turns in place"
            now = max(now, decision.next_at)
        return state.phase, state.weight


TestAnyWalk: Any = Walk.TestCase
TestAnyWalk.settings = settings(
    max_examples=how_many(150, 5_000),
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_a_hold_of_people_outlives_what_brought_it() -> None:
    spec = Spec(ServiceRef("shop", "reviews"), "v1", "v2", (Step(10, 60.0), Step(100, 60.0)))
    for hold in BY_PEOPLE:
        state = State(Phase.OBSERVING, weight=10, shifted_at=0.0)
        held = decide(spec, state, Seen(Verdict(Answer.PASS, "all"), guards=(Reason(hold),)), 60.0).state
        assert decide(spec, held, Seen(Verdict(Answer.PASS, "all")), 90.0).write is None
