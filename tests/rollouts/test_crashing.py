"""A process that dies at any place loses nothing and doubles nothing: the row and the token in the cluster know."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import NoReturn

import pytest
from pytest_django import Settings

from meshportal.audit.models import AuditEvent
from meshportal.changes.models import HostClaim, Status
from meshportal.rollouts import failpoints, services
from meshportal.rollouts.models import Look, Phase, Rollout, Shift
from tests.rollouts.cast import ROUTE, SPEC, Stage, begin, fresh, held_by, reach, story, weights

PAGE = AuditEvent.Via.PAGE
LEASE = 30


class Killed(BaseException):
    """The process is gone."""


def die() -> NoReturn:
    raise Killed


def doomed(stage: Stage, settings: Settings, failpoint: str, seconds: float = 300) -> None:
    """Time passes until the process dies at `failpoint`; nobody is there for a while; then somebody else goes on."""
    settings.FAILPOINT = failpoint
    with failpoints.dying(die), pytest.raises(Killed):
        stage.passes(seconds)
    settings.FAILPOINT = ""


def to_the_end(stage: Stage, rollout: Rollout) -> Rollout:
    assert stage.passes(1500, until=lambda: fresh(rollout).is_over), (fresh(rollout).phase, fresh(rollout).holds)
    return fresh(rollout)


@pytest.mark.parametrize("where", [":0", ":2", ":3"])
@pytest.mark.parametrize("failpoint", failpoints.ALL)
def test_a_step_is_neither_lost_nor_doubled(stage: Stage, settings: Settings, failpoint: str, where: str) -> None:
    if failpoint == failpoints.AFTER_CLAIM:
        where = ""
    if failpoint == failpoints.BEFORE_FINISH and where != ":3":
        pytest.skip("it finishes in the last step")
    rollout = begin(stage)
    doomed(stage, settings, failpoint + where)
    done = to_the_end(stage, rollout)
    assert done.phase == Phase.SUCCEEDED
    assert [(shift.weight, shift.state) for shift in Shift.objects.all()] == [(w, "done") for w in (10, 50, 90, 100)]
    assert stage.patches() == 4, "one write for each token"
    assert done.change.status == Status.APPLIED
    assert not HostClaim.objects.exists()
    assert Counter(story(done))["shifted"] == 4
    at = [event.at.timestamp() for event in done.events.filter(code="shifted")]
    assert all(later - sooner >= 59.9 for sooner, later in pairwise(at)), "no step is cut short"


@pytest.mark.parametrize("failpoint", [name for name in failpoints.ALL if name != failpoints.AFTER_CLAIM])
def test_a_rollback_is_finished_by_whoever_comes_next(stage: Stage, settings: Settings, failpoint: str) -> None:
    stage.errors = {"v2": 0.3}
    rollout = begin(stage)
    doomed(stage, settings, f"{failpoint}:rollback")
    done = to_the_end(stage, rollout)
    assert (done.phase, stage.weight) == (Phase.ROLLED_BACK, 0)
    assert stage.patches() == 2
    assert done.change.status == Status.REVERTED
    assert Counter(story(done))["rolled-back"] == 1


def test_whoever_died_keeps_the_canary_for_one_lease_and_no_longer(stage: Stage, settings: Settings) -> None:
    rollout = begin(stage)
    doomed(stage, settings, failpoints.AFTER_INTENT)
    assert stage.weight == 0
    stage.passes(LEASE - 2)
    assert stage.weight == 0
    stage.passes(4)
    assert stage.weight == 10
    assert fresh(rollout).epoch > 1


def test_a_write_whose_answer_was_lost_is_found_and_not_done_again(stage: Stage) -> None:
    rollout = begin(stage)
    stage.mesh.api.fails_after_write()
    reach(stage, rollout, Phase.SETTLING)
    assert stage.patches() == 1
    assert Shift.objects.get().state == Shift.State.DONE


def test_an_api_server_that_is_away_is_waited_for_with_the_reason_in_sight(stage: Stage) -> None:
    rollout = begin(stage)
    stage.mesh.api.goes_away()
    stage.observed = False
    stage.passes(10)
    assert "cannot be reached" in fresh(rollout).error
    stage.mesh.api.comes_back()
    stage.observed = True
    reach(stage, rollout, Phase.SETTLING)
    assert fresh(rollout).error == ""


def test_a_long_pause_neither_skips_nor_catches_up(stage: Stage) -> None:
    rollout = begin(stage)
    reach(stage, rollout, Phase.OBSERVING, 1)
    stage.clock.passes(3600)
    stage.requests(3600)
    stage.observe()
    before = stage.clock()
    stage.sweep()
    assert stage.weight in {50, 90}
    to_the_end(stage, rollout)
    at = [event.at for event in rollout.events.filter(code="shifted", at__gte=before)]
    assert len(at) == 2
    assert at[1] - at[0] >= timedelta(seconds=59)


def test_messages_that_are_doubled_lost_or_late_change_nothing(stage: Stage) -> None:
    rollout = begin(stage)
    seconds = 0
    while not fresh(rollout).is_over:
        stage.clock.passes(1)
        stage.requests(1)
        stage.observe()
        seconds += 1
        assert seconds < 1500
        if seconds % 7 in {2, 3}:
            continue  # lost
        for _copy in range(1 + seconds % 3):
            stage.sweep()
    assert fresh(rollout).phase == Phase.SUCCEEDED
    assert stage.patches() == 4
    at = [event.at.timestamp() for event in rollout.events.filter(code="shifted")]
    assert all(later - sooner >= 58 for sooner, later in pairwise(at))


def test_two_engines_at_once_are_one(stage: Stage) -> None:
    rollout = begin(stage)
    counted: list[int] = []
    stage.mesh.api.when_read(ROUTE, lambda: counted.append(stage.sweep()))
    stage.sweep()
    assert counted == [0], "what one has in hand is not there for the other"
    assert stage.patches() == 1
    assert fresh(rollout).phase == Phase.SETTLING


def test_whoever_was_overtaken_records_nothing(stage: Stage) -> None:
    rollout = begin(stage)

    def overtaken() -> None:
        row = fresh(rollout)
        Rollout.objects.filter(pk=row.pk).update(epoch=row.epoch + 1, lease_until=None)

    stage.mesh.api.when_written(ROUTE, overtaken)
    stage.sweep()
    assert Shift.objects.get().state == Shift.State.INTENDED
    assert fresh(rollout).phase == Phase.SHIFTING
    stage.passes(3)
    assert Shift.objects.get().state == Shift.State.DONE
    assert stage.patches() == 1


def test_an_abort_while_a_step_is_being_written_ends_at_0(stage: Stage) -> None:
    rollout = begin(stage)

    def abort() -> None:
        services.abort(fresh(rollout), by=stage.cast.carol, via=PAGE, now=stage.clock(), reason="No")

    stage.mesh.api.when_read(ROUTE, abort)
    stage.sweep()
    stage.passes(5)
    assert fresh(rollout).phase == Phase.ROLLED_BACK
    assert weights(stage.route()) == {"v1": 100, "v2": 0}


@pytest.mark.parametrize("columns", [{"spec": {"no": "spec"}}, {"sticky": [{"hold": "no such thing"}]}])
def test_one_that_cannot_be_read_keeps_nobody_from_walking(stage: Stage, columns: dict[str, object]) -> None:
    broken = begin(stage)
    Rollout.objects.filter(pk=broken.pk).update(service="other", **columns)
    HostClaim.objects.all().delete()
    rollout = begin(stage)
    reach(stage, rollout, Phase.SETTLING)
    assert "Error" in fresh(broken).error
    assert fresh(broken).lease_until is None
    again = fresh(broken).next_due_at
    assert again is not None
    assert timedelta(0) < again - stage.clock() <= timedelta(seconds=10)


def test_one_whose_looks_are_broken_is_put_off_and_the_others_go_on(stage: Stage) -> None:
    broken = begin(stage)
    Rollout.objects.filter(pk=broken.pk).update(service="other")
    reach(stage, broken, Phase.OBSERVING)
    stage.passes(15)
    Look.objects.update(counts={"canary": {"nonsense": 1}, "baseline": None})
    HostClaim.objects.all().delete()
    rollout = begin(stage)
    Rollout.objects.update(next_due_at=stage.clock())
    stage.sweep()
    assert "TypeError" in fresh(broken).error
    assert (fresh(rollout).error, held_by(rollout)) == ("", {"preflight"})


def test_a_sweep_without_anything_due_asks_nobody(stage: Stage) -> None:
    rollout = begin(stage)
    reach(stage, rollout, Phase.OBSERVING)
    stage.passes(3)
    calls, asked = len(stage.mesh.api.calls), len(stage.metrics.calls)
    due = fresh(rollout).next_due_at
    assert due is not None
    assert due > stage.clock()
    assert stage.sweep() == 0
    assert (len(stage.mesh.api.calls), len(stage.metrics.calls)) == (calls, asked)


def test_the_spec_survives_its_row(stage: Stage) -> None:
    assert begin(stage).wanted == SPEC
