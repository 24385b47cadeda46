"""From a draft to its end: a canary is a change like any other, and its host is nobody else's until it is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from meshportal.audit.models import AuditEvent
from meshportal.audit.services import verify
from meshportal.changes import deciding, services
from meshportal.changes.applying import apply
from meshportal.changes.kinds import Subject
from meshportal.changes.models import ChangeRequest, HostClaim, Review, Status
from meshportal.changes.services import IllegalTransition
from meshportal.changes.steps import steps_of
from meshportal.changes.watching import finish_watch
from meshportal.rollouts.models import Phase, Rollout
from tests.cast import virtual_service
from tests.rollouts.cast import Stage, fresh, weights

PAGE = AuditEvent.Via.PAGE
RAW = {
    "baseline": "v1",
    "canary": "v2",
    "initial_weight": 10,
    "increment": 40,
    "interval": 60,
    "rule": "threshold",
    "success_criteria": {"max_error_rate": 0.01, "min_request_count": 100},
    "bake": 60,
}


def approved(stage: Stage, kind: str = "rollout", raw: Mapping[str, Any] = RAW) -> ChangeRequest:
    subject = Subject(stage.mesh.cluster, "bookinfo", "reviews")
    proposal = services.propose(kind, subject, raw, by=stage.cast.alice)
    change = services.draft(
        kind, subject, raw, by=stage.cast.alice, via=PAGE, now=stage.clock(), reason="New layout",
        confirm=[finding.code for finding in proposal.findings],
    )  # fmt: skip
    services.submit(change, by=stage.cast.alice, via=PAGE, now=stage.clock())
    deciding.decide(change, Review.Decision.APPROVE, by=stage.cast.bob, via=PAGE, digest=change.digest, now=stage.clock())
    return change


def applied(stage: Stage, change: ChangeRequest) -> ChangeRequest:
    apply(change.pk, cluster=stage.mesh.api, clock=stage.clock)
    change.refresh_from_db()
    return change


@pytest.fixture
def only_v1(stage: Stage) -> Stage:
    """The route as it is before anybody thought of a canary."""
    stage.edits(virtual_service(v1=100))
    return stage


def test_it_is_written_at_0_watched_and_then_walks_to_the_end(only_v1: Stage) -> None:
    change = applied(only_v1, approved(only_v1))
    assert change.status == Status.WATCHING
    assert weights(only_v1.route()) == {"v1": 100, "v2": 0}
    assert [step.state for step in steps_of(change)] == ["done", "done", "done", "done", "current", ""]
    only_v1.observe()
    rollout = Rollout.objects.get(change=change)
    assert only_v1.passes(900, until=lambda: fresh(rollout).is_over), fresh(rollout).holds
    assert fresh(rollout).phase == Phase.SUCCEEDED
    change.refresh_from_db()
    assert change.status == Status.APPLIED
    verbs = list(AuditEvent.objects.filter(subject=change.label).order_by("sequence").values_list("verb", flat=True))
    assert verbs == ["draft", "submit", "approve", "apply", "written", "watching", "applied"]
    assert verify().broken_at is None


def test_its_host_is_nobody_elses_until_it_is_over(only_v1: Stage) -> None:
    change = applied(only_v1, approved(only_v1))
    only_v1.observe()
    rollout = Rollout.objects.get(change=change)
    only_v1.passes(40)
    other = approved(only_v1, "traffic", {"weights": {"v1": 60, "v2": 40}})
    applied(only_v1, other)
    assert (other.status, other.note) == (Status.APPROVED, f"Waits for {change.label}")
    only_v1.errors = {"v2": 0.5}
    assert only_v1.passes(900, until=lambda: fresh(rollout).is_over)
    assert not HostClaim.objects.exists()
    only_v1.clock.passes(60)
    applied(only_v1, other)
    assert other.status == Status.IN_REVIEW, "what it was reviewed on is not live any more"


def test_a_canary_that_went_back_is_a_reverted_change(only_v1: Stage) -> None:
    change = applied(only_v1, approved(only_v1))
    only_v1.observe()
    only_v1.errors = {"v2": 0.5}
    rollout = Rollout.objects.get(change=change)
    assert only_v1.passes(900, until=lambda: fresh(rollout).is_over)
    change.refresh_from_db()
    assert change.status == Status.REVERTED
    assert [step.word for step in steps_of(change)][-1] == "Reverted"
    assert weights(only_v1.route()) == {"v1": 100, "v2": 0}


def test_looking_twice_at_its_change_starts_one_canary(only_v1: Stage) -> None:
    change = approved(only_v1)
    for _time in range(3):
        applied(only_v1, change)
        only_v1.clock.passes(60)
    assert Rollout.objects.count() == 1


def test_a_watch_ends_once(only_v1: Stage) -> None:
    change = applied(only_v1, approved(only_v1))
    finish_watch(change, Status.APPLIED, now=only_v1.clock())
    with pytest.raises(IllegalTransition):
        finish_watch(change, Status.REVERTED, now=only_v1.clock())
