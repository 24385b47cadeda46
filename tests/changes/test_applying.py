"""From approved to applied, and every way it can go wrong on the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshportal.accounts.models import RoleBinding
from meshportal.audit.models import AuditEvent
from meshportal.changes.models import ChangeRequest, HostClaim, Item, Review, Status, Write
from meshportal.clients.ports import Reason
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ResourceRef
from tests.cast import Cast, Clock, Mesh, destination_rule, virtual_service

RULE = ResourceRef(DESTINATION_RULE, "bookinfo", "reviews")
ROUTE = ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews")
Make = Callable[..., ChangeRequest]
Run = Callable[[ChangeRequest], ChangeRequest]

pytestmark = pytest.mark.django_db


def weights(manifest: Manifest | None) -> dict[str, int]:
    assert manifest is not None
    return {entry["destination"]["subset"]: entry["weight"] for entry in manifest["spec"]["http"][0]["route"]}


def subsets(manifest: Manifest | None) -> list[str]:
    assert manifest is not None
    return [subset["name"] for subset in manifest["spec"]["subsets"]]


def test_the_cluster_gets_exactly_what_was_approved(approved: Make, run: Run, mesh: Mesh) -> None:
    change = run(approved())
    assert change.status == Status.APPLIED
    live = mesh.api.get(ROUTE)
    assert live is not None
    assert weights(live) == {"v1": 90, "v2": 10}
    assert live["spec"]["http"][0]["timeout"] == "3s"
    assert live["metadata"]["labels"] == {"team": "books"}
    write = Write.objects.get()
    assert live["metadata"]["annotations"] == {"meshportal.io/token": write.token, "meshportal.io/change": change.label}
    assert not HostClaim.objects.exists()


def test_an_api_server_that_has_just_started_and_knows_no_roles_yet_is_waited_for(
    approved: Make, run: Run, mesh: Mesh, clock: Clock
) -> None:
    mesh.api.forbids("get", DESTINATION_RULE)
    change = run(approved())
    assert change.status == Status.APPLYING
    assert change.note.startswith("Waiting: The portal has no right to get")
    mesh.api.allows("get", DESTINATION_RULE)
    clock.passes(6)
    assert run(change).status == Status.APPLIED
    assert len(mesh.api.writes) == 1


def test_a_right_to_read_that_stays_away_fails_the_change(approved: Make, run: Run, mesh: Mesh, clock: Clock) -> None:
    mesh.api.forbids("get", DESTINATION_RULE)
    change = run(approved())
    clock.passes(61)
    assert run(change).status == Status.FAILED
    assert not mesh.api.writes


def test_an_object_that_does_not_change_is_not_written(approved: Make, run: Run, mesh: Mesh) -> None:
    before = mesh.api.get(RULE)
    run(approved())
    assert mesh.api.get(RULE) == before


def test_a_missing_subset_is_written_before_the_route(approved: Make, run: Run, mesh: Mesh) -> None:
    mesh.api.put(destination_rule("v1"))
    mesh.observe()
    change = run(approved())
    assert change.status == Status.APPLIED
    written = [write.item.kind for write in Write.objects.order_by("id")]
    assert written == ["DestinationRule", "VirtualService"]
    assert subsets(mesh.api.get(RULE)) == ["v1", "v2"]


def test_the_record_tells_the_whole_story_in_order(approved: Make, run: Run) -> None:
    change = run(approved())
    verbs = list(AuditEvent.objects.filter(subject=change.label).order_by("sequence").values_list("verb", "actor_name"))
    assert verbs == [
        ("draft", "alice"),
        ("submit", "alice"),
        ("approve", "bob"),
        ("apply", "MeshPortal"),
        ("written", "MeshPortal"),
        ("applied", "MeshPortal"),
    ]


def test_looking_twice_writes_once(approved: Make, run: Run, mesh: Mesh) -> None:
    change = approved()
    run(change)
    version = mesh.api.get(ROUTE)
    run(change)
    assert mesh.api.get(ROUTE) == version
    assert Write.objects.count() == 1


def test_what_is_not_approved_is_not_applied(submitted: Make, run: Run, mesh: Mesh) -> None:
    change = run(submitted())
    assert change.status == Status.IN_REVIEW
    assert weights(mesh.api.get(ROUTE)) == {"v1": 100}


def test_a_route_changed_since_the_review_goes_back_to_review(approved: Make, run: Run, mesh: Mesh) -> None:
    change = approved()
    mesh.api.put(virtual_service(v1=50, v2=50))
    run(change)
    assert change.status == Status.IN_REVIEW
    assert "not as it was reviewed" in change.note
    assert weights(mesh.api.get(ROUTE)) == {"v1": 50, "v2": 50}
    assert not Review.objects.filter(voided_at=None).exists()
    assert not HostClaim.objects.exists()


def test_a_label_changed_since_the_review_voids_nothing_and_survives(approved: Make, run: Run, mesh: Mesh) -> None:
    change = approved()
    other = virtual_service(v1=100)
    other["metadata"]["labels"]["added"] = "since"
    mesh.api.put(other)
    run(change)
    assert change.status == Status.APPLIED
    live = mesh.api.get(ROUTE)
    assert live is not None
    assert live["metadata"]["labels"] == {"team": "books", "added": "since"}


def test_a_deleted_route_is_not_resurrected(approved: Make, run: Run, mesh: Mesh) -> None:
    change = approved()
    mesh.api.remove(ROUTE)
    run(change)
    assert change.status == Status.IN_REVIEW
    assert mesh.api.get(ROUTE) is None


def test_an_approver_who_lost_the_role_no_longer_counts(approved: Make, run: Run, mesh: Mesh, cast: Cast) -> None:
    change = approved()
    RoleBinding.objects.filter(person=cast.bob).delete()
    run(change)
    assert change.status == Status.IN_REVIEW
    assert "bob" in change.note
    assert weights(mesh.api.get(ROUTE)) == {"v1": 100}


def test_if_the_second_object_is_refused_the_first_is_put_back(approved: Make, run: Run, mesh: Mesh) -> None:
    mesh.api.put(destination_rule("v1"))
    mesh.observe()
    change = approved()
    mesh.api.refuses(ROUTE, [Reason("spec.http[0]", "no such thing")])
    run(change)
    assert change.status == Status.FAILED
    assert "no such thing" in change.note
    assert subsets(mesh.api.get(RULE)) == ["v1"]
    assert list(change.revisions.get().items.values_list("kind", "outcome")) == [
        ("DestinationRule", Item.Outcome.PUT_BACK),
        ("VirtualService", Item.Outcome.PENDING),
    ]
    assert not HostClaim.objects.exists()


def test_if_putting_back_is_refused_too_a_human_is_needed_and_told_what(approved: Make, run: Run, mesh: Mesh) -> None:
    mesh.api.put(destination_rule("v1"))
    mesh.observe()
    change = approved()
    mesh.api.refuses(ROUTE, [Reason("", "no such thing")])
    mesh.api.when_written(RULE, lambda: mesh.api.refuses(RULE, [Reason("", "nor that")]))
    run(change)
    assert change.status == Status.NEEDS_HUMAN
    assert "DestinationRule bookinfo/reviews" in change.note
    assert HostClaim.objects.filter(change=change).exists(), "nobody else may touch the host until it is settled"


def test_what_somebody_else_changed_after_us_is_never_put_back_over(approved: Make, run: Run, mesh: Mesh) -> None:
    mesh.api.put(destination_rule("v1"))
    mesh.observe()
    change = approved()
    mesh.api.refuses(ROUTE, [Reason("", "no")])
    mesh.api.when_written(RULE, lambda: mesh.api.put(destination_rule("v1", "v2", "v9")))
    run(change)
    assert change.status == Status.NEEDS_HUMAN
    assert subsets(mesh.api.get(RULE)) == ["v1", "v2", "v9"]


def test_a_cluster_that_is_away_is_waited_for_with_the_reason_in_sight(
    approved: Make, run: Run, mesh: Mesh, clock: Clock
) -> None:
    change = approved()
    mesh.api.goes_away()
    run(change)
    assert change.status == Status.APPLYING
    assert change.note.startswith("Waiting:")
    mesh.api.comes_back()
    clock.passes(6)
    run(change)
    assert change.status == Status.APPLIED
    assert change.note == ""


def test_a_write_whose_answer_was_lost_is_found_and_not_done_again(approved: Make, run: Run, mesh: Mesh, clock: Clock) -> None:
    change = approved()
    mesh.api.fails_after_write()
    run(change)
    assert change.status == Status.APPLYING
    written = mesh.api.get(ROUTE)
    clock.passes(60)
    run(change)
    assert change.status == Status.APPLIED
    assert mesh.api.get(ROUTE) == written
    assert Write.objects.get().state == Write.State.DONE


def test_a_held_lease_is_respected_and_an_expired_one_taken_over(approved: Make, run: Run, mesh: Mesh, clock: Clock) -> None:
    change = approved()
    mesh.api.goes_away()
    run(change)
    ChangeRequest.objects.filter(pk=change.pk).update(lease_until=clock() + (clock() - clock()))
    mesh.api.comes_back()
    clock.passes(-1)
    assert run(change).status == Status.APPLYING
    clock.passes(2)
    assert run(change).status == Status.APPLIED


def test_a_worker_that_lost_its_lease_records_nothing(approved: Make, run: Run, mesh: Mesh) -> None:
    change = approved()
    mesh.api.when_written(ROUTE, lambda: ChangeRequest.objects.filter(pk=change.pk).update(epoch=99))
    run(change)
    assert change.status == Status.APPLYING
    assert Write.objects.get().state == Write.State.INTENDED


def test_two_changes_of_one_host_follow_each_other(
    approved: Make, submitted: Make, run: Run, mesh: Mesh, cast: Cast, clock: Clock
) -> None:
    first, second = approved(), approved({"v1": 80, "v2": 20})
    mesh.api.goes_away()
    run(first)
    run(second)
    assert second.status == Status.APPROVED
    assert second.note == f"Waits for {first.label}"
    mesh.api.comes_back()
    clock.passes(60)
    run(first)
    run(second)
    assert first.status == Status.APPLIED
    assert second.status == Status.IN_REVIEW, "its base is not live any more"


def test_new_objects_are_created_with_our_marks(approved: Make, run: Run, mesh: Mesh) -> None:
    mesh.api.remove(ROUTE)
    mesh.api.remove(RULE)
    mesh.observe()
    change = run(approved())
    assert change.status == Status.APPLIED
    live = mesh.api.get(ROUTE)
    assert weights(live) == {"v1": 90, "v2": 10}
    assert live is not None
    assert live["metadata"]["annotations"]["meshportal.io/change"] == change.label


def test_a_new_object_is_removed_again_when_the_next_one_is_refused(approved: Make, run: Run, mesh: Mesh) -> None:
    mesh.api.remove(ROUTE)
    mesh.api.remove(RULE)
    mesh.observe()
    change = approved()
    mesh.api.refuses(ROUTE, [Reason("", "no")])
    run(change)
    assert change.status == Status.FAILED
    assert mesh.api.get(RULE) is None


def test_a_plan_that_was_changed_in_the_database_after_its_review_is_not_applied(approved: Make, run: Run, mesh: Mesh) -> None:
    change = approved()
    item = Item.objects.get(kind="VirtualService")
    assert item.after is not None
    item.after["spec"]["http"][0]["route"][0]["weight"] = 0
    item.save()
    run(change)
    assert change.status == Status.IN_REVIEW
    assert "not the one that was reviewed" in change.note
    assert not mesh.api.writes


def test_an_approver_who_lost_the_role_while_the_cluster_was_away_no_longer_counts(
    approved: Make, run: Run, mesh: Mesh, cast: Cast, clock: Clock
) -> None:
    change = approved()
    mesh.api.goes_away()
    run(change)
    RoleBinding.objects.filter(person=cast.bob).delete()
    mesh.api.comes_back()
    clock.passes(60)
    run(change)
    assert change.status == Status.IN_REVIEW
    assert not mesh.api.writes
    assert not HostClaim.objects.exists()


def test_what_has_begun_is_finished_although_the_approver_lost_the_role(
    approved: Make, run: Run, mesh: Mesh, cast: Cast, clock: Clock
) -> None:
    change = approved()
    mesh.api.fails_after_write()
    run(change)
    RoleBinding.objects.filter(person=cast.bob).delete()
    clock.passes(60)
    assert run(change).status == Status.APPLIED
