"""What people may do to a canary, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshportal.audit.models import AuditEvent
from meshportal.changes.services import IllegalTransition, Invalid, Refused
from meshportal.clusters import freezing, stopping
from meshportal.mesh.rollouts.spec import Step
from meshportal.rollouts import services
from meshportal.rollouts.models import Phase, Rollout, Shift
from meshportal.rollouts.services import allowed
from tests.rollouts.cast import SPEC, Stage, begin, fresh, held_by, reach, story

PAGE = AuditEvent.Via.PAGE
GATED = replace(SPEC, steps=(*SPEC.steps[:3], Step(100, 60.0, approval=True)))


@pytest.fixture
def rollout(stage: Stage) -> Rollout:
    rollout = begin(stage)
    return reach(stage, rollout, Phase.OBSERVING)


def act(stage: Stage, rollout: Rollout, verb: str, who: str, **more: object) -> Rollout:
    if verb != "approve_step":
        more = {"reason": "Because"} | more
    done: Rollout = getattr(services, verb)(fresh(rollout), by=getattr(stage.cast, who), via=PAGE, now=stage.clock(), **more)
    return done


@pytest.mark.parametrize(
    ("verb", "may", "may_not"),
    [
        ("pause", ["alice", "bob", "carol"], ["mallory", "dave"]),
        ("abort", ["alice", "bob", "carol"], ["mallory", "dave"]),
        ("skip", ["alice", "bob"], ["carol", "mallory", "dave"]),
        ("promote", ["alice", "bob"], ["carol", "mallory", "dave"]),
    ],
)
def test_who_may_what(stage: Stage, rollout: Rollout, verb: str, may: list[str], may_not: list[str]) -> None:
    for who in may_not:
        with pytest.raises(Refused):
            act(stage, rollout, verb, who)
        assert verb not in allowed(fresh(rollout), getattr(stage.cast, who))
    for who in may:
        assert verb in allowed(fresh(rollout), getattr(stage.cast, who))
    assert act(stage, rollout, verb, may[0]).epoch > rollout.epoch


def test_whoever_is_on_call_can_brake_and_not_accelerate(stage: Stage, rollout: Rollout) -> None:
    act(stage, rollout, "pause", "carol")
    with pytest.raises(Refused):
        act(stage, rollout, "resume", "carol")
    assert allowed(fresh(rollout), stage.cast.carol) == {"abort", "lower"}


def test_a_paused_canary_is_judged_and_does_not_rise(stage: Stage, rollout: Rollout) -> None:
    act(stage, rollout, "pause", "carol", reason="Looking at something")
    stage.passes(200)
    assert stage.weight == 10
    (hold,) = fresh(rollout).holds
    assert hold["values"] == {"by": "carol", "reason": "Looking at something"}
    act(stage, rollout, "resume", "alice")
    stage.passes(2)
    assert stage.weight == 50
    stage.errors = {"v2": 0.5}
    act(stage, rollout, "pause", "carol")
    assert stage.passes(300, until=lambda: fresh(rollout).is_over)
    assert stage.weight == 0, "a pause does not protect a canary that fails"


def test_an_abort_is_at_0_at_the_next_sweep_and_needs_no_prometheus(stage: Stage, rollout: Rollout) -> None:
    stage.metrics.goes_away()
    freezing.add_window(
        stage.mesh.cluster, name="f", namespaces=[], cron="* * * * *", minutes=60, by=stage.cast.dave, via=PAGE, now=stage.clock()
    )
    stopping.stop(stage.mesh.cluster, reason="All of it", by=stage.cast.carol, via=PAGE, now=stage.clock())
    act(stage, rollout, "abort", "carol", reason="I do not like it")
    stage.sweep()
    assert stage.weight == 0
    done = fresh(rollout)
    assert (done.phase, done.failure) == (Phase.ROLLED_BACK, "aborted")
    with pytest.raises(IllegalTransition):
        act(stage, rollout, "abort", "carol")


def test_an_abort_before_anything_was_written_writes_nothing(stage: Stage) -> None:
    stage.metrics.goes_away()
    rollout = begin(stage)
    stage.passes(5)
    act(stage, rollout, "abort", "alice")
    stage.sweep()
    assert fresh(rollout).phase == Phase.ROLLED_BACK
    assert stage.patches() == 0


def test_less_weight_at_once_and_back_to_the_step_when_resumed(stage: Stage, rollout: Rollout) -> None:
    act(stage, rollout, "lower", "carol", weight=4)
    stage.sweep()
    assert stage.weight == 4
    stage.passes(100)
    assert (stage.weight, fresh(rollout).weight, held_by(rollout)) == (4, 4, {"paused"})
    act(stage, rollout, "resume", "alice")
    stage.passes(2)
    assert stage.weight == 10
    assert stage.passes(900, until=lambda: fresh(rollout).is_over)
    assert fresh(rollout).phase == Phase.SUCCEEDED


def test_lower_is_never_more(stage: Stage, rollout: Rollout) -> None:
    for weight in (10, 11, 100, -1):
        with pytest.raises(Invalid):
            act(stage, rollout, "lower", "carol", weight=weight)
    assert not Shift.objects.filter(purpose="lower").exists()


def test_a_skipped_step_goes_to_the_next_without_its_time(stage: Stage, rollout: Rollout) -> None:
    act(stage, rollout, "skip", "alice", reason="Seen enough")
    stage.passes(3)
    assert stage.weight == 50
    assert fresh(rollout).events.get(code="skipped").values == {"step": 0, "reason": "Seen enough"}


def test_promoted_it_goes_to_100_and_is_watched_there(stage: Stage, rollout: Rollout) -> None:
    act(stage, rollout, "promote", "alice")
    stage.passes(3)
    assert stage.weight == 100
    reach(stage, rollout, Phase.BAKING, 3)
    stage.errors = {"v2": 0.5}
    assert stage.passes(300, until=lambda: fresh(rollout).is_over)
    assert stage.weight == 0


def test_a_gate_is_opened_by_somebody_else_than_the_author(stage: Stage) -> None:
    rollout = begin(stage, GATED)
    reach(stage, rollout, Phase.AWAITING_PROMOTION, 2)
    stage.passes(100)
    assert (stage.weight, held_by(rollout)) == (90, {"gate"})
    for who in ("alice", "carol", "mallory"):
        with pytest.raises(Refused):
            act(stage, rollout, "approve_step", who, step=3)
    assert "approve" in allowed(fresh(rollout), stage.cast.bob)
    act(stage, rollout, "approve_step", "bob", step=3)
    stage.passes(2)
    assert stage.weight == 100
    with pytest.raises(IllegalTransition):
        act(stage, rollout, "approve_step", "erin", step=3)


def test_whoever_cannot_open_a_gate_cannot_jump_over_it(stage: Stage) -> None:
    rollout = begin(stage, GATED)
    reach(stage, rollout, Phase.OBSERVING)
    with pytest.raises(Refused):
        act(stage, rollout, "promote", "alice")
    act(stage, rollout, "promote", "bob")
    stage.passes(3)
    assert stage.weight == 100


def test_a_freeze_stops_the_next_step_alone(stage: Stage, rollout: Rollout) -> None:
    window = freezing.add_window(
        stage.mesh.cluster, name="Friday", namespaces=["bookinfo"], cron="* * * * *", minutes=60, by=stage.cast.dave, via=PAGE,
        now=stage.clock(),
    )  # fmt: skip
    stage.passes(150)
    assert (stage.weight, held_by(rollout)) == (10, {"freeze"})
    freezing.remove_window(window, by=stage.cast.dave, via=PAGE, now=stage.clock())
    stage.passes(70)
    assert stage.weight == 50


def test_stop_everything_holds_every_canary_of_the_mesh(stage: Stage, rollout: Rollout) -> None:
    stopping.stop(stage.mesh.cluster, reason="All of it", by=stage.cast.carol, via=PAGE, now=stage.clock())
    stage.passes(150)
    assert (stage.weight, held_by(rollout)) == (10, {"stopped"})
    assert fresh(rollout).holds[0]["values"] == {"by": "carol"}


def test_an_observer_that_is_silent_holds(stage: Stage, rollout: Rollout) -> None:
    stage.observed = False
    stage.passes(150)
    assert stage.weight == 10
    assert "sync" in held_by(rollout)
    stage.observed = True
    stage.passes(70)
    assert stage.weight == 50


def test_proxies_that_are_out_of_sync_hold(stage: Stage, rollout: Rollout) -> None:
    stage.more = {"out_of_sync": 1, "sync_reason": "bad listener"}
    stage.passes(150)
    (hold,) = fresh(rollout).holds
    assert (hold["hold"], hold["values"]) == ("sync", {"out_of_sync": 1, "reason": "bad listener"})


@pytest.mark.parametrize("verb", ["pause", "abort", "skip", "promote"])
@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001, "a\x00b"])
def test_a_reason_is_needed_that_can_be_kept(stage: Stage, rollout: Rollout, verb: str, reason: str) -> None:
    with pytest.raises(Invalid):
        act(stage, rollout, verb, "alice", reason=reason)


def test_every_act_is_one_line_of_the_timeline_and_one_of_the_record(stage: Stage, rollout: Rollout) -> None:
    act(stage, rollout, "pause", "carol", reason="Lunch")
    act(stage, rollout, "resume", "alice", reason="Back")
    lines = [(event.code, event.actor, event.values) for event in rollout.events.filter(actor__gt="")]
    assert lines == [("paused", "carol", {"reason": "Lunch"}), ("resumed", "alice", {"reason": "Back"})]
    record = AuditEvent.objects.filter(subject=rollout.label, actor_id__isnull=False).order_by("sequence")
    assert [(event.verb, event.actor_name, event.sentence) for event in record] == [
        ("pause", "carol", "Paused: Lunch"),
        ("resume", "alice", "Resumed: Back"),
    ]
    assert story(rollout).count("paused") == 1
