"""Putting back what was written when the rest could not be: only our own write, whatever dies or interferes on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from meshportal.audit.models import AuditEvent
from meshportal.changes.models import ChangeRequest, HostClaim, Item, Status, Write
from meshportal.clients.ports import Reason
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ResourceRef
from tests.cast import Clock, Mesh, destination_rule

RULE = ResourceRef(DESTINATION_RULE, "bookinfo", "reviews")
ROUTE = ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews")
Make = Callable[..., ChangeRequest]
Run = Callable[[ChangeRequest], ChangeRequest]

pytestmark = pytest.mark.django_db


class Died(BaseException):
    """The worker ends here, without any cleaning up."""


def die() -> None:
    raise Died


def subsets(manifest: Manifest | None) -> list[str]:
    assert manifest is not None
    return [subset["name"] for subset in manifest["spec"]["subsets"]]


@pytest.fixture
def refused(approved: Make, mesh: Mesh) -> ChangeRequest:
    """An approved change whose DestinationRule will be written and whose VirtualService the cluster refuses."""
    mesh.api.put(destination_rule("v1"))
    mesh.observe()
    change = approved()
    mesh.api.refuses(ROUTE, [Reason("", "no such thing")])
    return change


@pytest.fixture
def created(approved: Make, mesh: Mesh) -> ChangeRequest:
    """The same where neither object exists before."""
    mesh.api.remove(ROUTE)
    mesh.api.remove(RULE)
    mesh.observe()
    change = approved()
    mesh.api.refuses(ROUTE, [Reason("", "no such thing")])
    return change


def test_a_worker_that_dies_while_putting_back_is_finished_by_the_next(
    refused: ChangeRequest, run: Run, mesh: Mesh, clock: Clock
) -> None:
    mesh.api.when_written(RULE, lambda: mesh.api.when_written(RULE, die))
    with pytest.raises(Died):
        run(refused)
    assert subsets(mesh.api.live(RULE)) == ["v1"], "it was put back, and nobody heard of it"
    clock.passes(60)
    assert run(refused).status == Status.FAILED
    assert [call.on for call in mesh.api.writes] == [str(RULE), str(ROUTE), str(RULE)]
    assert Item.objects.get(kind="DestinationRule").outcome == Item.Outcome.PUT_BACK
    assert AuditEvent.objects.filter(verb="put-back").count() == 1


def test_a_write_nobody_heard_of_and_its_put_back_are_both_recorded(approved: Make, run: Run, mesh: Mesh, clock: Clock) -> None:
    """The answer to the write is lost, the route has changed when the next worker looks, and that one dies putting back."""
    mesh.api.put(destination_rule("v1"))
    mesh.observe()
    change = approved()
    mesh.api.when_written(RULE, die)
    with pytest.raises(Died):
        run(change)
    mesh.api.put(mesh.api.live(ROUTE) | {"spec": {"hosts": ["reviews"], "http": []}})  # type: ignore[operator]  # it is there
    mesh.api.when_written(RULE, die)
    clock.passes(60)
    with pytest.raises(Died):
        run(change)
    clock.passes(60)
    assert run(change).status == Status.FAILED
    assert subsets(mesh.api.live(RULE)) == ["v1"]
    assert Item.objects.get(kind="DestinationRule").outcome == Item.Outcome.PUT_BACK
    assert AuditEvent.objects.filter(verb="put-back").count() == 1


def test_the_same_values_written_by_somebody_else_are_theirs(refused: ChangeRequest, run: Run, mesh: Mesh) -> None:
    mesh.api.when_written(RULE, lambda: mesh.api.put(destination_rule("v1", "v2")))  # without our marks: not our write
    assert run(refused).status == Status.NEEDS_HUMAN
    assert subsets(mesh.api.live(RULE)) == ["v1", "v2"]


def test_a_new_object_that_somebody_has_added_to_is_not_deleted(created: ChangeRequest, run: Run, mesh: Mesh) -> None:
    def add() -> None:
        live = mesh.api.live(RULE)
        assert live is not None
        live["spec"]["trafficPolicy"] = {"tls": {"mode": "ISTIO_MUTUAL"}}
        mesh.api.put(live)

    mesh.api.when_written(RULE, add)
    assert run(created).status == Status.NEEDS_HUMAN
    live = mesh.api.live(RULE)
    assert live is not None
    assert live["spec"]["trafficPolicy"] == {"tls": {"mode": "ISTIO_MUTUAL"}}
    assert HostClaim.objects.exists()


def test_a_new_object_that_was_deleted_and_made_again_by_somebody_is_not_deleted(
    created: ChangeRequest, run: Run, mesh: Mesh
) -> None:
    def again() -> None:
        mesh.api.remove(RULE)
        mesh.api.put(destination_rule("v1", "v2"))

    mesh.api.when_written(RULE, again)
    assert run(created).status == Status.NEEDS_HUMAN
    assert mesh.api.live(RULE) is not None


def test_an_object_that_may_no_longer_be_read_needs_a_human_and_is_not_tried_for_ever(
    refused: ChangeRequest, run: Run, mesh: Mesh, clock: Clock
) -> None:
    mesh.api.when_sent(ROUTE, lambda: mesh.api.forbids("get", DESTINATION_RULE))
    assert run(refused).status == Status.APPLYING, "an API server that has just started forbids everything for a moment"
    assert "no right to get" in refused.note
    clock.passes(61)
    assert run(refused).status == Status.NEEDS_HUMAN
    assert "no right to get" in refused.note


def test_a_worker_that_lost_its_lease_does_not_unwrite_what_the_next_one_wrote(
    approved: Make, run: Run, mesh: Mesh, clock: Clock
) -> None:
    """Its late refusal must not mark the write as failed: it would then not be put back."""
    change = approved()

    def taken_over() -> None:
        ChangeRequest.objects.filter(pk=change.pk).update(epoch=99, lease_until=clock() + timedelta(seconds=30))
        Write.objects.update(epoch=99, state=Write.State.DONE)
        mesh.api.refuses(ROUTE, [Reason("", "no such thing")])

    mesh.api.when_sent(ROUTE, taken_over)
    run(change)
    assert Write.objects.get().state == Write.State.DONE
    assert change.status == Status.APPLYING
