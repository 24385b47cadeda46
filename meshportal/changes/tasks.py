"""What the worker does for changes. A message carries an id and means "look at this row": doubled or lost, it changes nothing."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from meshportal.changes import applying, dry_running
from meshportal.changes.models import ChangeRequest, Revision, Status
from meshportal.clients import connect
from meshportal.clients.ports import ClientError

EXPIRES_SECONDS = 60
"""What is due is handed out again at every tick: for a worker that is away or busy, messages must not pile up."""

QUARANTINE = timedelta(minutes=1)


@shared_task
def tick() -> None:
    """Find what is due and hand it out."""
    now = timezone.now()
    due = Q(status=Status.APPROVED) & (Q(next_due_at=None) | Q(next_due_at__lte=now))
    orphaned = Q(status=Status.APPLYING, lease_until__lte=now)
    for pk in ChangeRequest.objects.filter(due | orphaned).values_list("pk", flat=True):
        apply_change.apply_async((pk,), expires=EXPIRES_SECONDS)
    unasked = Q(dry_run=Revision.DryRun.WAITING)
    unanswered = Q(dry_run=Revision.DryRun.UNKNOWN, dry_run_at__lte=now - timedelta(seconds=15))
    for pk in dry_running.open_questions().filter(unasked | unanswered).values_list("pk", flat=True)[:50]:
        dry_run.apply_async((pk,), expires=EXPIRES_SECONDS)


@shared_task
def apply_change(change_id: int) -> None:
    """Carry one approved change to its cluster."""
    change = ChangeRequest.objects.select_related("cluster").filter(pk=change_id).first()
    if change is None:
        return
    try:
        cluster = connect.cluster(change.cluster.worker_kubeconfig)
    except ClientError as error:
        now, note = timezone.now(), f"Waiting: {error}"
        rows = ChangeRequest.objects.filter(pk=change_id)
        rows.filter(status=Status.APPROVED).update(note=note, next_due_at=now + applying.RETRY)
        rows.filter(status=Status.APPLYING, lease_until__lte=now).update(note=note, lease_until=now + applying.RETRY)
        return
    try:
        applying.apply(change_id, cluster=cluster, clock=timezone.now)
    except Exception:
        # a fault of ours must not spin unseen: it is shown on the change, and looked at again after a while
        later = timezone.now() + QUARANTINE
        note = "Waiting: a fault in the portal itself, see the worker's log. It is tried again in a minute."
        ChangeRequest.objects.filter(pk=change_id, status=Status.APPLYING).update(note=note, lease_until=later)
        raise


@shared_task
def dry_run(revision_id: int) -> None:
    """Ask the cluster what it would say to one revision."""
    revision = dry_running.open_questions().select_related("change__cluster").filter(pk=revision_id).first()
    if revision is None:
        return
    try:
        cluster = connect.cluster(revision.change.cluster.worker_kubeconfig)
    except ClientError as error:
        dry_running.unknown(revision, str(error), now=timezone.now())
        return
    dry_running.ask(revision, cluster=cluster, now=timezone.now())
