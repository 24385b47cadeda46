"""Somebody else writes between two of our looks at an object: their edit survives, and ours is made on it or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshportal.changes.applying import apply
from meshportal.changes.models import ChangeRequest, Status
from meshportal.clients.ports import Reason
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ResourceRef
from tests.cast import Clock, Mesh, virtual_service

RULE = ResourceRef(DESTINATION_RULE, "bookinfo", "reviews")
ROUTE = ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews")
Make = Callable[..., ChangeRequest]
Run = Callable[[ChangeRequest], ChangeRequest]

pytestmark = pytest.mark.django_db


def weights(manifest: Manifest | None) -> list[int]:
    assert manifest is not None
    return [entry["weight"] for entry in manifest["spec"]["http"][0]["route"]]


def after_reads(mesh: Mesh, ref: ResourceRef, count: int, then: Callable[[], object]) -> None:
    """`then` happens right after the portal has read `ref` for the `count`th time from now."""
    mesh.api.when_read(ref, then if count == 1 else lambda: after_reads(mesh, ref, count - 1, then))


def test_an_edit_between_the_check_and_the_write_goes_back_to_review(approved: Make, run: Run, mesh: Mesh) -> None:
    change = approved()
    after_reads(mesh, ROUTE, 1, lambda: mesh.api.put(virtual_service(v1=50, v2=50)))
    assert run(change).status == Status.IN_REVIEW
    assert weights(mesh.api.live(ROUTE)) == [50, 50]
    assert not mesh.api.writes


def test_an_edit_between_reading_and_writing_is_not_overwritten(approved: Make, run: Run, mesh: Mesh) -> None:
    change = approved()
    after_reads(mesh, ROUTE, 2, lambda: mesh.api.put(virtual_service(v1=50, v2=50)))
    assert run(change).status == Status.IN_REVIEW
    assert weights(mesh.api.live(ROUTE)) == [50, 50]


def test_a_label_set_between_reading_and_writing_survives_beside_our_write(approved: Make, run: Run, mesh: Mesh) -> None:
    change = approved()
    other = virtual_service(v1=100)
    other["metadata"]["labels"]["added"] = "meanwhile"
    after_reads(mesh, ROUTE, 2, lambda: mesh.api.put(other))
    assert run(change).status == Status.APPLIED
    live = mesh.api.live(ROUTE)
    assert live is not None
    assert live["metadata"]["labels"]["added"] == "meanwhile"
    assert weights(live) == [90, 10]


def test_the_same_weights_set_by_somebody_else_are_not_taken_for_our_write(approved: Make, run: Run, mesh: Mesh) -> None:
    change = approved()
    after_reads(mesh, ROUTE, 1, lambda: mesh.api.put(virtual_service(v1=90, v2=10)))
    assert run(change).status == Status.IN_REVIEW
    assert not change.revisions.get().items.filter(outcome="written").exists()


def test_what_is_added_between_reading_and_deleting_is_not_deleted(approved: Make, run: Run, mesh: Mesh) -> None:
    mesh.api.remove(ROUTE)
    mesh.api.remove(RULE)
    mesh.observe()
    change = approved()
    mesh.api.refuses(ROUTE, [Reason("", "no such thing")])

    def add() -> None:
        live = mesh.api.live(RULE)
        assert live is not None
        live["spec"]["trafficPolicy"] = {"tls": {"mode": "ISTIO_MUTUAL"}}
        mesh.api.put(live)

    # read before it is created (twice), read back, and read once more before it is deleted
    after_reads(mesh, RULE, 4, add)
    assert run(change).status == Status.NEEDS_HUMAN
    live = mesh.api.live(RULE)
    assert live is not None
    assert "trafficPolicy" in live["spec"]


def test_a_slow_cluster_does_not_cost_the_lease(approved: Make, run: Run, mesh: Mesh, clock: Clock) -> None:
    """Every answer takes 20 s of a lease of 30, and after each another worker looks whether there is something to take over."""
    change = approved()

    def slowly(ref: ResourceRef) -> Callable[[], None]:
        def passed() -> None:
            clock.passes(20)
            apply(change.pk, cluster=mesh.api, clock=clock)
            mesh.api.when_read(ref, slowly(ref))

        return passed

    for ref in (RULE, ROUTE):
        mesh.api.when_read(ref, slowly(ref))
    mesh.api.when_sent(ROUTE, lambda: clock.passes(20))
    assert run(change).status == Status.APPLIED
    assert change.epoch == 1
