"""A canary walks on evidence alone: to 100 %, or back to 0."""

from __future__ import annotations

from meshportal.changes.models import HostClaim, Status
from meshportal.rollouts.models import Phase, Shift
from tests.rollouts.cast import Stage, begin, fresh, story


def test_a_good_canary_walks_to_the_end_and_its_change_is_applied(stage: Stage) -> None:
    rollout = begin(stage)
    assert stage.passes(600, until=lambda: fresh(rollout).is_over), (
        fresh(rollout).phase,
        fresh(rollout).holds,
        fresh(rollout).error,
    )
    done = fresh(rollout)
    assert done.phase == Phase.SUCCEEDED
    assert stage.weight == 100
    assert done.change.status == Status.APPLIED
    assert not HostClaim.objects.exists()
    assert [shift.weight for shift in Shift.objects.all()] == [10, 50, 90, 100]
    print(story(rollout))
