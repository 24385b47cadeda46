"""Messages between web and worker: lost, late, doubled or undeliverable, they change when something happens, never what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from meshportal.changes import dry_running
from meshportal.changes.models import ChangeRequest, Revision, Status
from meshportal.changes.tasks import apply_change, dry_run, tick
from tests.cast import NOON, Cast, Mesh, virtual_service

Make = Callable[..., ChangeRequest]
Run = Callable[[ChangeRequest], ChangeRequest]
DryRun = Revision.DryRun

pytestmark = pytest.mark.django_db


@contextmanager
def no_broker() -> Iterator[None]:
    """The queue is gone: nothing can be sent."""
    messages = Path(settings.QUEUE_DIR) / "messages"
    aside = messages.with_name("aside")
    messages.rename(aside)
    messages.touch()
    try:
        yield
    finally:
        messages.unlink()
        aside.rename(messages)


on_sqlite = pytest.mark.skipif("settings.REDIS_URL", reason="the queue is not in a folder here")


@on_sqlite
def test_an_approval_is_kept_although_no_message_can_be_sent(
    submitted: Make, cast: Cast, client: Client, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    change = submitted()
    client.force_login(cast.bob)
    with no_broker(), django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]  # a context manager
        answer = client.post(f"/changes/{change.pk}/decide/", {"decision": "approve", "digest": change.digest})
    assert answer.status_code == 303
    change.refresh_from_db()
    assert change.status == Status.APPROVED
    assert change.next_due_at is not None, "the next tick finds it"


@on_sqlite
def test_a_page_that_would_have_newer_charts_fetched_is_shown_without_them(
    cast: Cast, mesh: Mesh, client: Client, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    client.force_login(cast.alice)
    with no_broker(), django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]  # a context manager
        answer = client.get("/services/demo/bookinfo/reviews/")
    assert answer.status_code == 200


@on_sqlite
def test_what_is_handed_out_again_and_again_does_not_pile_up_for_a_worker_that_is_away(approved: Make) -> None:
    messages = Path(settings.QUEUE_DIR) / "messages"
    before = set(messages.iterdir())
    change = approved()
    ChangeRequest.objects.filter(pk=change.pk).update(next_due_at=None)
    tick()
    sent = [json.loads(path.read_text()) for path in messages.iterdir() if path not in before]
    assert {message["headers"]["task"].rpartition(".")[2] for message in sent} == {"apply_change", "dry_run"}
    assert all(message["headers"]["expires"] for message in sent)


def test_a_late_dry_run_does_not_call_an_applied_plan_refused(approved: Make, run: Run, mesh: Mesh) -> None:
    change = approved()
    asked = change.revisions.get()
    run(change)
    dry_running.ask(asked, cluster=mesh.api, now=NOON)
    assert Revision.objects.get().dry_run == DryRun.WAITING
    dry_run(asked.pk)
    assert Revision.objects.get().dry_run == DryRun.WAITING


def test_a_doubled_dry_run_does_not_change_the_answer(submitted: Make, mesh: Mesh) -> None:
    revision = submitted().revisions.get()
    dry_running.ask(revision, cluster=mesh.api, now=NOON)
    assert Revision.objects.get().dry_run == DryRun.ACCEPTED
    mesh.api.put(virtual_service(v1=50, v2=50))
    dry_running.ask(revision, cluster=mesh.api, now=NOON)
    assert Revision.objects.get().dry_run == DryRun.ACCEPTED


def test_a_change_that_comes_back_to_review_is_asked_for_again(approved: Make, run: Run, mesh: Mesh) -> None:
    """Reviewers must not go by an answer about a mesh that is no more."""
    change = approved()
    dry_running.ask(change.revisions.get(), cluster=mesh.api, now=NOON)
    mesh.api.put(virtual_service(v1=50, v2=50))
    run(change)
    assert change.status == Status.IN_REVIEW
    assert Revision.objects.get().dry_run == DryRun.WAITING
    dry_running.ask(change.revisions.get(), cluster=mesh.api, now=NOON)
    assert Revision.objects.get().dry_run == DryRun.REFUSED


@pytest.mark.parametrize("status", [Status.APPROVED, Status.APPLYING])
def test_a_worker_without_its_kubeconfig_says_so_on_the_change(approved: Make, status: Status) -> None:
    change = approved()
    ChangeRequest.objects.filter(pk=change.pk).update(status=status, lease_until=timezone.now() - timedelta(seconds=1))
    apply_change(change.pk)
    change.refresh_from_db()
    assert change.status == status
    assert change.note.startswith("Waiting: The kubeconfig /nowhere/w")


def test_a_worker_without_its_kubeconfig_does_not_touch_what_another_one_holds(approved: Make) -> None:
    change = approved()
    held = timezone.now() + timedelta(seconds=30)
    ChangeRequest.objects.filter(pk=change.pk).update(status=Status.APPLYING, lease_until=held)
    apply_change(change.pk)
    change.refresh_from_db()
    assert (change.note, change.lease_until) == ("", held)


def test_a_fault_of_the_portal_itself_is_shown_and_does_not_spin(
    approved: Make, monkeypatch: pytest.MonkeyPatch, mesh: Mesh
) -> None:
    change = approved()
    ChangeRequest.objects.filter(pk=change.pk).update(next_due_at=None)

    class Broken:
        def get(self, _ref: object) -> None:
            raise ZeroDivisionError("a bug")

    monkeypatch.setattr("meshportal.clients.connect.cluster", lambda _kubeconfig: Broken())
    with pytest.raises(ZeroDivisionError):
        apply_change(change.pk)
    change.refresh_from_db()
    assert change.status == Status.APPLYING
    assert "fault in the portal" in change.note
    assert change.lease_until is not None
    assert change.lease_until > timezone.now() + timedelta(seconds=45)
