"""Objects that a change takes away: exactly those that were reviewed, by nobody else's hand, and back again if the rest fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshportal.audit.models import AuditEvent
from meshportal.changes import deciding, dry_running, services
from meshportal.changes.kinds import Subject
from meshportal.changes.models import ChangeRequest, HostClaim, Item, Review, Revision, Status, Write
from meshportal.clients.ports import Reason
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ResourceRef
from tests.cast import NOON, Cast, Clock, Mesh, destination_rule, virtual_service

RULE = ResourceRef(DESTINATION_RULE, "bookinfo", "reviews")
ROUTE = ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews")
PAGE = AuditEvent.Via.PAGE
Run = Callable[[ChangeRequest], ChangeRequest]

pytestmark = pytest.mark.django_db


class Died(BaseException):
    """The worker ends here, without any cleaning up."""


def die() -> None:
    raise Died


@pytest.fixture
def removal(cast: Cast, mesh: Mesh) -> ChangeRequest:
    """An approved change that takes away the VirtualService and the DestinationRule of reviews."""
    return approved_removal(cast, mesh)


def approved_removal(cast: Cast, mesh: Mesh) -> ChangeRequest:
    subject, raw = Subject(mesh.cluster, "bookinfo", "reviews"), {"objects": [str(RULE), str(ROUTE)]}
    change = services.draft("removal", subject, raw, by=cast.alice, via=PAGE, now=NOON, reason="gone", confirm=["MP0702"])
    services.submit(change, by=cast.alice, via=PAGE, now=NOON)
    deciding.decide(change, Review.Decision.APPROVE, by=cast.bob, via=PAGE, digest=change.digest, now=NOON)
    return change


def outcomes(change: ChangeRequest) -> dict[str, str]:
    return dict(change.revisions.get().items.values_list("kind", "outcome"))


def made(mesh: Mesh) -> list[tuple[str, str]]:
    """What the portal has sent, in order."""
    return [(call.verb, call.on) for call in mesh.api.writes]


def keeps(manifest: Manifest, *finalizers: str) -> Manifest:
    manifest["metadata"]["finalizers"] = list(finalizers)
    return manifest


def test_what_routes_goes_first_then_what_it_leans_on(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    assert run(removal).status == Status.APPLIED
    assert made(mesh) == [("delete", str(ROUTE)), ("delete", str(RULE))]
    assert mesh.api.live(ROUTE) is None
    assert mesh.api.live(RULE) is None
    assert set(outcomes(removal).values()) == {Item.Outcome.WRITTEN}
    assert not HostClaim.objects.exists()
    story = AuditEvent.objects.filter(subject=removal.label, verb="written").order_by("sequence")
    assert [event.sentence for event in story] == [f"Removed: {ROUTE}", f"Removed: {RULE}"]


def test_looking_twice_removes_once(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    run(removal)
    mesh.api.put(virtual_service(v1=100))
    run(removal)
    assert mesh.api.live(ROUTE) is not None, "it was made again after the change was over"


def test_an_object_changed_since_the_review_goes_back_to_review(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    mesh.api.put(virtual_service(v1=50, v2=50))
    assert run(removal).status == Status.IN_REVIEW
    assert not mesh.api.writes


def test_an_object_changed_between_reading_and_deleting_stays(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    mesh.api.when_sent(ROUTE, lambda: mesh.api.put(virtual_service(v1=50, v2=50)))
    assert run(removal).status == Status.IN_REVIEW
    assert mesh.api.live(ROUTE) is not None
    assert mesh.api.live(RULE) is not None


def test_a_label_changed_between_reading_and_deleting_keeps_nothing_back(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    labelled = virtual_service(v1=100)
    labelled["metadata"]["labels"]["added"] = "since"
    mesh.api.when_sent(ROUTE, lambda: mesh.api.put(labelled))
    assert run(removal).status == Status.APPLIED
    assert mesh.api.live(ROUTE) is None


def test_an_object_that_somebody_else_removed_before_makes_it_stale(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    mesh.api.remove(ROUTE)
    assert run(removal).status == Status.IN_REVIEW
    assert str(ROUTE) in removal.note
    assert mesh.api.live(RULE) is not None


def test_nothing_is_removed_when_the_last_of_them_is_gone_already(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    mesh.api.remove(RULE)
    assert run(removal).status == Status.IN_REVIEW
    assert not mesh.api.writes


def test_an_object_made_again_just_as_it_was_reviewed_goes_too(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    def again() -> None:
        mesh.api.remove(ROUTE)
        mesh.api.put(virtual_service(v1=100))

    mesh.api.when_sent(ROUTE, again)
    assert run(removal).status == Status.APPLIED
    assert mesh.api.live(ROUTE) is None


def test_an_object_that_somebody_else_removes_between_check_and_write_makes_it_stale(
    removal: ChangeRequest, run: Run, mesh: Mesh
) -> None:
    mesh.api.when_read(ROUTE, lambda: mesh.api.remove(ROUTE))
    assert run(removal).status == Status.IN_REVIEW
    assert "removed by somebody else" in removal.note
    assert mesh.api.live(RULE) is not None
    assert outcomes(removal)["VirtualService"] == Item.Outcome.PENDING


def test_an_object_made_again_right_after_is_left_and_the_change_fails(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    """As a tool does that repairs what it finds missing: the mesh is as before, and nobody has to look."""
    mesh.api.when_written(ROUTE, lambda: mesh.api.put(virtual_service(v1=100)))
    assert run(removal).status == Status.FAILED
    assert "made again by somebody else" in removal.note
    assert made(mesh) == [("delete", str(ROUTE))]
    assert outcomes(removal)["VirtualService"] == Item.Outcome.PUT_BACK


def test_another_object_made_in_its_place_is_not_touched_and_a_human_told(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    mesh.api.when_written(ROUTE, lambda: mesh.api.put(virtual_service(v1=1, v2=99)))
    assert run(removal).status == Status.NEEDS_HUMAN
    assert str(ROUTE) in removal.note
    live = mesh.api.live(ROUTE)
    assert live is not None
    assert live["spec"] == virtual_service(v1=1, v2=99)["spec"]


def test_if_the_second_cannot_go_the_first_is_made_again_as_it_was(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    labelled = virtual_service(v1=100)
    labelled["metadata"] |= {"labels": {"team": "books", "added": "since"}, "annotations": {"note": "mine"}}
    before = mesh.api.put(labelled)
    mesh.api.forbids("delete", DESTINATION_RULE)
    assert run(removal).status == Status.FAILED
    live = mesh.api.live(ROUTE)
    assert live is not None
    assert live["spec"] == before["spec"]
    assert live["metadata"]["labels"] == {"team": "books", "added": "since"}
    assert live["metadata"]["annotations"]["note"] == "mine"
    assert live["metadata"]["annotations"]["meshportal.io/change"] == removal.label
    assert live["metadata"]["uid"] != before["metadata"]["uid"]
    assert mesh.api.live(RULE) is not None
    assert outcomes(removal) == {"VirtualService": Item.Outcome.PUT_BACK, "DestinationRule": Item.Outcome.PENDING}


def test_what_somebody_made_meanwhile_is_not_overwritten_by_putting_back(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    mesh.api.forbids("delete", DESTINATION_RULE)
    mesh.api.when_written(ROUTE, lambda: mesh.api.when_read(RULE, lambda: mesh.api.put(virtual_service(v1=5, v2=95))))
    assert run(removal).status == Status.NEEDS_HUMAN
    live = mesh.api.live(ROUTE)
    assert live is not None
    assert [entry["weight"] for entry in live["spec"]["http"][0]["route"]] == [5, 95]


def test_if_making_it_again_is_refused_a_human_is_told_what(removal: ChangeRequest, run: Run, mesh: Mesh) -> None:
    mesh.api.forbids("delete", DESTINATION_RULE)
    mesh.api.refuses(ROUTE, [Reason("", "not any more")])
    assert run(removal).status == Status.NEEDS_HUMAN
    assert "not any more" in removal.note
    assert str(ROUTE) in removal.note


def test_a_deletion_whose_answer_was_lost_is_found_and_not_doubled(
    removal: ChangeRequest, run: Run, mesh: Mesh, clock: Clock
) -> None:
    mesh.api.fails_after_write()
    assert run(removal).status == Status.APPLYING
    clock.passes(60)
    assert run(removal).status == Status.APPLIED
    assert made(mesh) == [("delete", str(ROUTE)), ("delete", str(RULE))]
    assert AuditEvent.objects.filter(verb="written").count() == 2


def test_a_worker_that_died_after_deleting_is_finished_by_the_next(
    removal: ChangeRequest, run: Run, mesh: Mesh, clock: Clock
) -> None:
    mesh.api.when_written(ROUTE, die)
    with pytest.raises(Died):
        run(removal)
    assert mesh.api.live(ROUTE) is None
    clock.passes(60)
    assert run(removal).status == Status.APPLIED
    assert made(mesh) == [("delete", str(ROUTE)), ("delete", str(RULE))]


def test_after_a_crash_an_object_that_was_made_again_is_not_deleted_a_second_time(
    removal: ChangeRequest, run: Run, mesh: Mesh, clock: Clock
) -> None:
    mesh.api.when_written(ROUTE, die)
    with pytest.raises(Died):
        run(removal)
    mesh.api.put(virtual_service(v1=100))
    clock.passes(60)
    assert run(removal).status == Status.FAILED
    assert mesh.api.live(ROUTE) is not None
    assert made(mesh) == [("delete", str(ROUTE))]


def test_a_worker_that_dies_after_making_it_again_is_finished_by_the_next(
    removal: ChangeRequest, run: Run, mesh: Mesh, clock: Clock
) -> None:
    mesh.api.forbids("delete", DESTINATION_RULE)
    mesh.api.when_written(ROUTE, lambda: mesh.api.when_written(ROUTE, die))
    with pytest.raises(Died):
        run(removal)
    clock.passes(60)
    assert run(removal).status == Status.FAILED
    assert [verb for verb, on in made(mesh) if on == str(ROUTE)] == ["delete", "create"]
    assert AuditEvent.objects.filter(verb="put-back").count() == 1


def test_a_change_stopped_after_a_deletion_nobody_heard_of_makes_the_object_again(
    removal: ChangeRequest, run: Run, mesh: Mesh, cast: Cast, clock: Clock
) -> None:
    mesh.api.when_written(ROUTE, die)
    with pytest.raises(Died):
        run(removal)
    deciding.stop(removal, by=cast.alice, via=PAGE, now=clock())
    assert run(removal).status == Status.FAILED
    assert mesh.api.live(ROUTE) is not None


def test_an_object_with_finalizers_is_waited_for_with_the_reason_in_sight(cast: Cast, mesh: Mesh, run: Run, clock: Clock) -> None:
    mesh.api.put(keeps(virtual_service(v1=100), "example.com/cleanup"))
    mesh.observe()
    change = run(approved_removal(cast, mesh))
    assert change.status == Status.APPLYING
    assert "waits for its finalizers (example.com/cleanup)" in change.note
    assert mesh.api.live(RULE) is not None, "the rule stays as long as the route may still be there"
    clock.passes(60)
    assert run(change).status == Status.APPLYING
    mesh.api.remove(ROUTE)
    clock.passes(60)
    assert run(change).status == Status.APPLIED
    assert made(mesh) == [("delete", str(ROUTE)), ("delete", str(RULE))]


def test_what_is_still_leaving_is_not_taken_for_put_back(cast: Cast, mesh: Mesh, run: Run, clock: Clock) -> None:
    mesh.api.put(keeps(virtual_service(v1=100), "example.com/cleanup"))
    mesh.observe()
    change = run(approved_removal(cast, mesh))
    deciding.stop(change, by=cast.alice, via=PAGE, now=clock())
    assert run(change).status == Status.APPLYING
    mesh.api.remove(ROUTE)
    clock.passes(60)
    assert run(change).status == Status.FAILED
    live = mesh.api.live(ROUTE)
    assert live is not None
    assert "deletionTimestamp" not in live["metadata"]


def test_a_dry_run_asks_about_the_deletion_too(removal: ChangeRequest, mesh: Mesh) -> None:
    Revision.objects.update(dry_run=Revision.DryRun.WAITING)
    revision = removal.revisions.get()
    dry_running.ask(revision, cluster=mesh.api, now=NOON)
    revision.refresh_from_db()
    assert revision.dry_run == Revision.DryRun.ACCEPTED
    assert [call.verb for call in mesh.api.calls if call.dry_run] == ["delete", "delete"]
    assert mesh.api.live(ROUTE) is not None


def test_a_missing_right_to_delete_shows_before_the_review(cast: Cast, mesh: Mesh) -> None:
    change = approved_removal(cast, mesh)
    mesh.api.forbids("delete", VIRTUAL_SERVICE)
    dry_running.ask(change.revisions.get(), cluster=mesh.api, now=NOON)
    revision = change.revisions.get()
    assert revision.dry_run == Revision.DryRun.REFUSED
    assert "no right to delete" in revision.dry_run_answer[0]["reasons"][0]["sentence"]


def test_what_was_deleted_is_kept_whole(removal: ChangeRequest, run: Run) -> None:
    run(removal)
    kept: Any = {write.item.kind: write.expected for write in Write.objects.select_related("item")}
    assert kept["VirtualService"]["manifest"]["spec"] == virtual_service(v1=100)["spec"]
    assert kept["DestinationRule"]["manifest"]["spec"] == destination_rule("v1", "v2")["spec"]
