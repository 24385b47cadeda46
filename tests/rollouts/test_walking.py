"""A canary walks on evidence alone: to 100 %, or back to 0."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshportal.audit.models import AuditEvent
from meshportal.audit.services import verify
from meshportal.changes.models import HostClaim, Status
from meshportal.mesh.facts import PodGroup
from meshportal.mesh.rollouts.spec import Criteria, OnTimeout, Spec, Step
from meshportal.rollouts.evidence import two_scrapes
from meshportal.rollouts.models import Look, Phase, Rollout, Shift
from tests.cast import PODS, pod_group
from tests.rollouts.cast import QUICK, SPEC, Stage, begin, fresh, held_by, reach, story


def over(stage: Stage, rollout: Rollout, seconds: float = 1500) -> Rollout:
    assert stage.passes(seconds, until=lambda: fresh(rollout).is_over), (fresh(rollout).phase, fresh(rollout).holds)
    return fresh(rollout)


def test_a_good_canary_walks_to_the_end_and_its_change_is_applied(stage: Stage) -> None:
    done = over(stage, begin(stage))
    assert done.phase == Phase.SUCCEEDED
    assert (stage.weight, done.weight) == (100, 100)
    assert done.change.status == Status.APPLIED
    assert not HostClaim.objects.exists()
    assert [(shift.weight, shift.state) for shift in Shift.objects.all()] == [(w, "done") for w in (10, 50, 90, 100)]
    assert stage.patches() == 4, "one write for each step"
    assert not done.looks.filter(answer="UNKNOWN").exists(), "nobody looks where nobody has asked"
    assert [code for code in story(done) if code != "look"] == [
        "started",
        "preflight-passed",
        *(["shifted", "settled", "passed"] * 3),
        "shifted",
        "settled",
        "succeeded",
    ]


def test_each_step_begins_when_it_was_planned(stage: Stage) -> None:
    done = over(stage, begin(stage))
    at = [event.at.timestamp() for event in done.events.filter(code="shifted")]
    assert [round(moment - at[0]) for moment in at] == [0, 60, 120, 180]


def test_what_was_counted_before_a_weight_had_settled_is_not_of_it(stage: Stage) -> None:
    done = over(stage, begin(stage))
    begun = {event.values["step"]: event.at.timestamp() for event in done.events.filter(code="shifted")}
    assert set(begun) == {0, 1, 2, 3}
    assert all(look.start >= begun[look.step] + two_scrapes() for look in done.looks.all())


def test_a_step_costs_two_requests_and_waiting_none(stage: Stage) -> None:
    rollout = begin(stage)
    reach(stage, rollout, Phase.SETTLING)
    calls = [call for call in stage.mesh.api.calls if call.verb in {"get", "patch"}]
    assert [call.verb for call in calls] == ["get", "patch"]
    stage.passes(40)
    assert [call for call in stage.mesh.api.calls if call.verb in {"get", "patch"}] == calls


def test_what_else_the_route_has_survives(stage: Stage) -> None:
    before = stage.route()
    over(stage, begin(stage))
    after = stage.route()
    assert after["spec"]["http"][0]["retries"] == before["spec"]["http"][0]["retries"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]


def test_a_failing_canary_goes_back_and_its_change_is_reverted(stage: Stage) -> None:
    stage.errors = {"v2": 0.05}
    done = over(stage, begin(stage))
    assert (done.phase, done.failure) == (Phase.ROLLED_BACK, "error-rate")
    assert stage.weight == 0
    assert done.change.status == Status.REVERTED
    assert not HostClaim.objects.exists()
    assert done.step == 0, "it saw no more than the first step"
    event = done.events.get(code="rolling-back")
    assert event.values["failure"] == "error-rate"
    assert event.values["measured"] == pytest.approx(0.05, abs=0.01)


def test_a_slow_canary_goes_back(stage: Stage) -> None:
    stage.slow = {"v2": 0.6}
    spec = replace(SPEC, criteria=replace(QUICK, max_slow_rate=0.05))
    assert over(stage, begin(stage, spec)).failure == "slow-rate"


def test_the_default_rule_blames_a_bad_canary_and_promotes_a_good_one(stage: Stage) -> None:
    spec = replace(SPEC, criteria=Criteria())
    stage.errors = {"v1": 0.002, "v2": 0.002}
    assert over(stage, begin(stage, spec)).phase == Phase.SUCCEEDED
    stage.sets(v1=100, v2=0)
    stage.errors = {"v1": 0.002, "v2": 0.05}
    assert over(stage, begin(stage, spec)).failure in {"relative", "absolute"}


def test_no_evidence_holds_and_then_rolls_back(stage: Stage) -> None:
    rollout = begin(stage)
    reach(stage, rollout, Phase.OBSERVING)
    stage.passes(20)
    stage.metrics.goes_away()
    stage.passes(SPEC.max_blind + 30)
    assert held_by(rollout) == {"blind"}
    assert fresh(rollout).holds[0]["values"]["reason"] == "prometheus-down"
    assert stage.weight == 10
    done = over(stage, rollout)
    assert (done.failure, stage.weight) == ("blind", 0)


@pytest.mark.parametrize("problem", ["nan", "stale", "ambiguous", "no-data"])
def test_an_answer_that_says_nothing_never_raises_the_weight(stage: Stage, problem: str) -> None:
    rollout = begin(stage)
    reach(stage, rollout, Phase.OBSERVING)
    stage.passes(10)
    match problem:
        case "nan":
            stage.metrics.says("v2", float("nan"))
        case "stale":
            stage.metrics.was_last_scraped(SPEC.service, "v2", 300)
        case "ambiguous":
            stage.metrics.says_everything_twice()
        case "no-data":
            stage.metrics.forgets(SPEC.service)
            stage.per_second = 0
    stage.passes(SPEC.max_blind + 30)
    assert held_by(rollout) == {"blind"}
    assert Look.objects.filter(answer="UNKNOWN").last().reason == problem  # type: ignore[union-attr]  # there is one
    assert stage.weight == 10


def test_evidence_that_comes_back_lets_it_go_on(stage: Stage) -> None:
    rollout = begin(stage)
    reach(stage, rollout, Phase.OBSERVING)
    stage.metrics.goes_away()
    stage.passes(SPEC.max_blind + 30)
    stage.metrics.comes_back()
    done = over(stage, rollout)
    assert done.phase == Phase.SUCCEEDED
    assert "cleared" in story(done)


def test_a_weight_that_has_no_effect_holds_with_the_numbers(stage: Stage) -> None:
    stage.obeys = False
    rollout = begin(stage)
    reach(stage, rollout, Phase.OBSERVING)
    stage.passes(60)
    (hold,) = fresh(rollout).holds
    assert hold["hold"] == "weights-not-effective"
    assert hold["values"]["received"] == 0
    assert hold["values"]["expected"] > 20
    assert stage.weight == 10


def test_without_traffic_it_waits_and_then_holds(stage: Stage) -> None:
    rollout = begin(stage, replace(SPEC, step_timeout=120.0))
    reach(stage, rollout, Phase.OBSERVING)
    stage.per_second = 0
    stage.passes(140)
    (hold,) = fresh(rollout).holds
    assert hold["hold"] == "inconclusive"
    assert hold["values"]["received"] < hold["values"]["expected"] == 100
    assert stage.weight == 10


def test_a_step_that_cannot_be_decided_goes_back_where_that_was_asked(stage: Stage) -> None:
    rollout = begin(stage, replace(SPEC, step_timeout=120.0, on_timeout=OnTimeout.ROLLBACK))
    reach(stage, rollout, Phase.OBSERVING)
    stage.per_second = 0
    assert over(stage, rollout, 200).failure == "inconclusive"


@pytest.mark.parametrize(
    ("pods", "failure"),
    [
        ((*PODS[:2], pod_group("reviews", "v2", 0, 2)), "no-ready-pods"),
        ((*PODS[:2], pod_group("reviews", "v2", 1, 2, crashing=1)), "crash-looping"),
    ],
)
def test_broken_pods_need_no_statistics(stage: Stage, pods: tuple[PodGroup, ...], failure: str) -> None:
    rollout = begin(stage)
    reach(stage, rollout, Phase.SETTLING)
    stage.pods = pods
    done = over(stage, rollout, 10)
    assert (done.failure, stage.weight) == (failure, 0)


def test_too_few_pods_hold_the_next_step_and_not_this_one(stage: Stage) -> None:
    rollout = begin(stage, replace(SPEC, steps=(Step(10, 60.0), Step(100, 60.0))))
    reach(stage, rollout, Phase.OBSERVING)
    stage.pods = (*PODS[:2], pod_group("reviews", "v2", 1))
    stage.passes(90)
    (hold,) = fresh(rollout).holds
    assert (hold["hold"], hold["values"]) == ("capacity", {"ready": 1, "needed": 2})
    stage.pods = PODS
    assert over(stage, rollout).phase == Phase.SUCCEEDED


def test_a_rollback_to_fewer_pods_than_there_were_is_told_and_waits_for_nothing(stage: Stage) -> None:
    rollout = begin(stage)
    reach(stage, rollout, Phase.OBSERVING)
    stage.pods = (PODS[0], pod_group("reviews", "v1", 1, 3), PODS[2])
    stage.errors = {"v2": 0.5}
    assert over(stage, rollout).phase == Phase.ROLLED_BACK
    assert rollout.events.get(code="baseline-short").values == {"ready": 1, "had": 3}


def test_what_happens_is_on_the_record(stage: Stage) -> None:
    stage.errors = {"v2": 0.05}
    done = over(stage, begin(stage))
    verbs = list(AuditEvent.objects.filter(subject=done.label).order_by("sequence").values_list("verb", flat=True))
    assert verbs == ["start rollout", "shifted", "rolling-back", "rolled-back"]
    assert verify().broken_at is None


def test_a_look_costs_one_question_for_all(stage: Stage) -> None:
    spec = Spec.from_json(SPEC.to_json())
    rollout = begin(stage, spec)
    reach(stage, rollout, Phase.OBSERVING)
    stage.metrics.calls.clear()
    before = rollout.looks.count()
    stage.passes(30)
    looks = rollout.looks.count() - before
    assert looks >= 2
    assert len(stage.metrics.calls) <= looks + 1
