"""A rollout walks on evidence alone: up on PASS, down on FAIL, and nowhere while anybody does not know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rollouts.machine import decide, roll_back
from meshportal.mesh.rollouts.phases import Decision, Hold, Phase, Reason, Seen, State
from meshportal.mesh.rollouts.spec import OnTimeout, Spec, Step, ladder, outlook
from meshportal.mesh.rollouts.verdict import Answer, Arm, Look, Pods, Verdict, judge

SPEC = Spec(ServiceRef("bookinfo", "reviews"), "v1", "v2", ladder(10, 40, 60.0), bake=100.0)  # 10, 50, 90, 100
PASS, FAIL, GO_ON = (Verdict(answer, "why") for answer in (Answer.PASS, Answer.FAIL, Answer.CONTINUE))
BLIND = Verdict(Answer.UNKNOWN, "no-data")


def walk(spec: Spec = SPEC, verdict: Verdict = PASS, until: float = 10_000.0) -> list[tuple[float, int]]:
    """Every write of a rollout whose looks all say `verdict`, each verified at once: (second, weight)."""
    state, now, writes = State(Phase.PREFLIGHT), 0.0, []
    decision = decide(spec, state, Seen(), now)
    while decision.next_at < float("inf") and decision.next_at <= until:
        if decision.write is not None:
            writes.append((now, decision.write))
        wrote = decision.write is not None
        state, now = decision.state, max(decision.next_at, now)
        decision = decide(spec, state, Seen(verdict=verdict, written=wrote, settled=True), now)
    return writes


def observing(**changes: object) -> State:
    return replace(State(Phase.OBSERVING, step=0, weight=10, since=0.0, due_at=0.0, shifted_at=0.0), **changes)  # type: ignore[arg-type]  # fields by name


def test_it_walks_every_step_in_its_time_and_no_sooner() -> None:
    assert walk() == [(0.0, 10), (60.0, 50), (120.0, 90), (180.0, 100)]


def test_fifty_steps_begin_when_they_were_planned() -> None:
    spec = replace(SPEC, steps=tuple(Step(weight, 60.0) for weight in (*range(2, 100, 2), 100)))
    assert [at for at, _weight in walk(spec)] == [60.0 * step for step in range(50)]


def test_without_a_pass_it_stays() -> None:
    assert walk(verdict=GO_ON, until=3000) == [(0.0, 10)]


def test_a_failure_goes_straight_back_and_on_until_it_is_done() -> None:
    decision = decide(SPEC, observing(), Seen(verdict=FAIL), 30.0)
    assert (decision.state.phase, decision.write) == (Phase.ROLLING_BACK, 0)
    again = decide(SPEC, decision.state, Seen(), 40.0)
    assert again.write == 0, "a rollback that was not written is written again"
    assert decide(SPEC, decision.state, Seen(written=True), 41.0).state.phase is Phase.ROLLED_BACK


def test_missing_evidence_holds_and_then_rolls_back() -> None:
    first = decide(SPEC, observing(), Seen(verdict=BLIND), 100.0)
    assert first.holds == (), "a moment without evidence is no hold yet"
    held = decide(SPEC, first.state, Seen(verdict=BLIND), 100.0 + SPEC.max_blind)
    assert [reason.hold for reason in held.holds] == [Hold.BLIND]
    over = decide(SPEC, held.state, Seen(verdict=BLIND), 100.0 + SPEC.blind_rollback_after)
    assert (over.state.phase, over.state.failure) == (Phase.ROLLING_BACK, "blind")


def test_evidence_that_comes_back_starts_the_patience_anew() -> None:
    blind = decide(SPEC, observing(), Seen(verdict=BLIND), 10.0).state
    assert decide(SPEC, blind, Seen(verdict=GO_ON), 20.0).state.blind_since is None


@pytest.mark.parametrize("hold", list(Hold))
def test_no_hold_lets_it_rise_and_none_stops_a_rollback(hold: Hold) -> None:
    guards = (Reason(hold),)
    assert decide(SPEC, observing(), Seen(verdict=PASS, guards=guards), 60.0).write is None
    shifting = State(Phase.SHIFTING, step=1, weight=10, since=60.0, due_at=60.0)
    assert decide(SPEC, shifting, Seen(guards=guards), 61.0).write is None
    assert decide(SPEC, observing(), Seen(verdict=FAIL, guards=guards), 60.0).write == 0


def test_holds_by_people_stay_until_they_are_lifted_and_others_clear_by_themselves() -> None:
    drifted = decide(SPEC, observing(), Seen(verdict=PASS, guards=(Reason(Hold.DRIFT),)), 60.0)
    later = decide(SPEC, drifted.state, Seen(verdict=PASS), 70.0)
    assert [reason.hold for reason in later.holds] == [Hold.DRIFT]
    frozen = decide(SPEC, observing(), Seen(verdict=PASS, guards=(Reason(Hold.FREEZE),)), 60.0)
    assert decide(SPEC, frozen.state, Seen(verdict=PASS), 70.0).write == 50


def test_a_gate_waits_for_a_person() -> None:
    spec = replace(SPEC, steps=(*SPEC.steps[:3], replace(SPEC.steps[3], approval=True)))
    state = observing(step=2, weight=90)
    waiting = decide(spec, state, Seen(verdict=PASS), 60.0)
    assert (waiting.state.phase, waiting.write) == (Phase.AWAITING_PROMOTION, None)
    approved = replace(waiting.state, approved=frozenset({3}))
    assert decide(spec, approved, Seen(verdict=PASS), 70.0).write == 100


def test_a_step_that_nobody_could_decide_holds_or_goes_back_as_asked() -> None:
    late = SPEC.step_timeout + 1
    held = decide(SPEC, observing(), Seen(verdict=GO_ON), late)
    assert [reason.hold for reason in held.holds] == [Hold.INCONCLUSIVE]
    strict = replace(SPEC, on_timeout=OnTimeout.ROLLBACK)
    assert decide(strict, observing(), Seen(verdict=GO_ON), late).state.phase is Phase.ROLLING_BACK


def test_a_skipped_step_needs_no_pass_but_evidence() -> None:
    skipped = observing(skip=True)
    assert decide(SPEC, skipped, Seen(verdict=GO_ON), 5.0).write == 50
    assert decide(SPEC, skipped, Seen(verdict=BLIND), 5.0).write is None
    assert decide(SPEC, skipped, Seen(verdict=FAIL), 5.0).write == 0


def test_a_late_step_is_neither_cut_short_nor_caught_up() -> None:
    shifting = State(Phase.SHIFTING, step=1, weight=10, since=60.0, due_at=60.0)
    verified = decide(SPEC, shifting, Seen(written=True), 200.0).state
    settled = decide(SPEC, verified, Seen(settled=True), 210.0).state
    assert decide(SPEC, settled, Seen(verdict=PASS), 259.0).write is None
    assert decide(SPEC, settled, Seen(verdict=PASS), 260.0).write == 90


def test_a_rollback_before_the_first_weight_writes_nothing() -> None:
    decision = roll_back(State(Phase.PREFLIGHT), "aborted", 5.0)
    assert (decision.state.phase, decision.write) == (Phase.ROLLED_BACK, None)


def test_what_is_over_stays_over() -> None:
    for phase in (Phase.SUCCEEDED, Phase.ROLLED_BACK):
        decision: Decision = decide(SPEC, State(phase), Seen(verdict=FAIL), 1.0)
        assert (decision.state.phase, decision.write) == (phase, None)


def test_a_short_step_is_not_eaten_up_by_lateness() -> None:
    """Two seconds late is on time for a step of a minute, and no time left of a step of two seconds."""
    short = replace(SPEC, steps=tuple(Step(weight, 2.0) for weight in (10, 50, 100)))
    shifting = State(Phase.SHIFTING, step=1, weight=10, since=60.0, due_at=60.0)
    for spec, begun in ((SPEC, 60.0), (short, 61.9)):
        assert decide(spec, shifting, Seen(written=True), 61.9).state.due_at == begun


def test_there_is_a_look_in_the_moment_in_which_the_next_step_may_begin() -> None:
    """The beat of the looks goes on from whenever the step had settled: without that look each step would be late by a part of
    a beat, and fifty of them by minutes."""
    looked = decide(SPEC, observing(), Seen(verdict=GO_ON), 53.0)
    assert looked.next_at == 60.0
    assert decide(SPEC, observing(), Seen(verdict=GO_ON), 61.0).next_at == 73.0


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.SETTLING, Phase.AWAITING_PROMOTION, Phase.BAKING])
def test_a_canary_that_waits_is_watched(phase: Phase) -> None:
    held = State(phase, step=1, weight=10, shifted_at=0.0, sticky=(Reason(Hold.PAUSED),))
    assert decide(SPEC, held, Seen(verdict=FAIL), 30.0).write == 0
    blind = decide(SPEC, held, Seen(verdict=BLIND), 30.0).state
    assert decide(SPEC, blind, Seen(verdict=BLIND), 30.0 + SPEC.blind_rollback_after).state.failure == "blind"


def test_a_pass_of_long_ago_is_none() -> None:
    assert decide(SPEC, observing(), Seen(verdict=replace(PASS, seen_at=30.0)), 60.0).write == 50
    old = decide(SPEC, observing(), Seen(verdict=replace(PASS, seen_at=30.0)), 100.0)
    assert (old.write, old.state.blind_since) == (None, 100.0)


def test_a_canary_at_100_percent_that_nobody_can_judge_is_held_and_not_forgotten() -> None:
    baking = State(Phase.BAKING, step=3, weight=100, shifted_at=0.0)
    over = SPEC.bake + SPEC.step_timeout
    assert decide(SPEC, baking, Seen(verdict=GO_ON), over - 1).holds == ()
    assert [reason.hold for reason in decide(SPEC, baking, Seen(verdict=GO_ON), over).holds] == [Hold.INCONCLUSIVE]


def test_a_freeze_stops_no_end() -> None:
    baking = State(Phase.BAKING, step=3, weight=100, shifted_at=0.0)
    frozen = Seen(verdict=PASS, guards=(Reason(Hold.FREEZE),))
    assert decide(SPEC, baking, frozen, SPEC.bake).state.phase is Phase.SUCCEEDED
    drifted = Seen(verdict=PASS, guards=(Reason(Hold.DRIFT),))
    assert decide(SPEC, baking, drifted, SPEC.bake).state.phase is Phase.BAKING


def test_a_timeout_shorter_than_its_step_waits_for_the_step() -> None:
    slow = replace(SPEC, steps=(Step(10, 7200.0), Step(100, 7200.0)), step_timeout=600.0, on_timeout=OnTimeout.ROLLBACK)
    assert decide(slow, observing(), Seen(verdict=GO_ON), 7000.0).write is None
    assert decide(slow, observing(), Seen(verdict=GO_ON), 7801.0).write == 0


def test_a_preflight_is_given_up_after_its_refusals_and_not_after_a_freeze() -> None:
    refused = Seen(preflight=(Reason(Hold.PREFLIGHT, {"code": "no-route"}),))
    waited = decide(SPEC, State(Phase.PREFLIGHT), Seen(guards=(Reason(Hold.FREEZE),)), 90_000.0).state
    first = decide(SPEC, waited, refused, 90_001.0).state
    assert first.phase is Phase.PREFLIGHT
    assert decide(SPEC, first, refused, 90_901.0).state.phase is Phase.ROLLED_BACK


def test_evidence_that_blames_nobody_is_no_blindness() -> None:
    environment = Verdict(Answer.UNKNOWN, "environment")
    held = decide(SPEC, observing(blind_since=1.0), Seen(verdict=environment), 2000.0)
    assert ([reason.hold for reason in held.holds], held.state.blind_since) == ([Hold.ENVIRONMENT], None)
    strict = replace(SPEC, on_timeout=OnTimeout.ROLLBACK)
    assert decide(strict, observing(), Seen(verdict=environment), SPEC.step_timeout).write == 0


def test_it_takes_at_least_its_steps_and_the_bake_of_the_last() -> None:
    """The seed's 5, 10, … 100 in five minutes each: 19 steps, and the longer of five minutes and the bake at 100 %."""
    spec = replace(SPEC, steps=ladder(5, 5, 300.0), bake=600.0)
    assert outlook(spec, None).at_least == 19 * 300 + 600
    assert outlook(replace(spec, bake=0.0), None).at_least == 20 * 300


def test_pods_that_crash_or_are_gone_are_a_failure_whatever_the_counts_say() -> None:
    looks = [Look(0, 10, 0.0, 60.0, Arm(9000, 0), Arm(1000, 0))]
    assert judge(SPEC, looks, 0, elapsed=60.0, pods=Pods(1)).answer is Answer.PASS
    assert judge(SPEC, looks, 0, elapsed=60.0, pods=Pods(1, crash_looping=True)).reason == "crash-looping"
    assert judge(SPEC, looks, 0, elapsed=60.0, pods=Pods(0)).reason == "no-ready-pods"
    assert judge(SPEC, (), 0, elapsed=1.0, pods=Pods(0)).answer is Answer.FAIL, "it takes no look"


def test_weights_that_do_not_take_effect_say_how_many_requests_came() -> None:
    verdict = judge(SPEC, [Look(0, 10, 0.0, 60.0, Arm(450, 0), Arm(0, 0))], 0, elapsed=60.0)
    assert (verdict.answer, verdict.reason, dict(verdict.values)) == (Answer.UNKNOWN, "share", {"received": 0, "expected": 45})
    lowered = [Look(1, 50, 0.0, 30.0, Arm(500, 0), Arm(500, 0)), Look(1, 5, 30.0, 60.0, Arm(950, 0), Arm(50, 0))]
    assert judge(SPEC, lowered, 1, elapsed=60.0).reason != "share", "somebody lowered it: the share follows"
