"""From approved to applied: announce, write, read back, record. Every step can be repeated after a crash at any point.

1. Claim the change (epoch + 1, a lease, the host) or leave: somebody else is at it.
2. See that reviews still hold and that the live objects still are what was reviewed; else back to review.
3. For each object: commit a Write row with a token, write with the version just read as precondition and the token in an
   annotation, read back, record.
4. If an object cannot be written, put back those that were, in reverse, and fail; if that fails too, a human is needed.

No transaction is open while the cluster is asked. Whoever lost the lease finds out at the next guarded UPDATE and stops.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from meshportal.accounts.permissions import Verb, can
from meshportal.changes.failpoints import AFTER_CLAIM, BEFORE_FINISH, reach
from meshportal.changes.kinds import GoesOn, kind_named
from meshportal.changes.models import ChangeRequest, HostClaim, Item, Review, Revision, Status, Write
from meshportal.changes.queries import WHOLE, current_revision, plan_item, plan_of, scopes_of
from meshportal.changes.writing import LostLease, NotAsReviewed, Run, is_leaving, may_have_removed, tell, write_item
from meshportal.clients.ports import ClientError, ClusterPort, Forbidden
from meshportal.clusters.freezing import frozen
from meshportal.clusters.stopping import stopped
from meshportal.mesh.plans import TOKEN_ANNOTATION, annotation, same_fields

log = structlog.get_logger(__name__)

RETRY = timedelta(seconds=5)
RIGHTS_SETTLE = timedelta(minutes=1)
PUT_BACK_ATTEMPTS = 5


def apply(change_id: int, *, cluster: ClusterPort, clock: Callable[[], datetime]) -> None:
    """Carry an approved change to the cluster, or take over one whose worker was lost. Safe to call at any time, any number of
    times: what is not due, is held by somebody, or is finished stays as it is."""
    run = _claim(change_id, cluster, clock)
    if run is None:
        return
    reach(AFTER_CLAIM)
    try:
        if run.change.failure:
            _put_back(run)
        else:
            _carry_out(run)
    except LostLease:
        log.info("lease lost", change=run.change.label)
    except ClientError as error:
        # Nothing is known about the last write, and nothing needs to be: the Write row says what to look for at the next try.
        if not _may_pass(run, error):
            raise
        _wait(run, str(error))


def _claim(change_id: int, cluster: ClusterPort, clock: Callable[[], datetime]) -> Run | None:
    now = clock()
    with transaction.atomic():
        # of self: locked rows of cluster and author would stop whoever refers to them, and holds the head of the record meanwhile
        rows = ChangeRequest.objects.select_for_update(of=("self",)).select_related("cluster", "author")
        change = rows.filter(pk=change_id).first()
        if change is None:
            return None
        due = change.status == Status.APPROVED and (change.next_due_at is None or change.next_due_at <= now)
        orphaned = change.status == Status.APPLYING and change.lease_until is not None and change.lease_until <= now
        if not (due or orphaned):
            return None
        if (due or not _announced(change)) and (reason := _no_longer_approved(change)):
            _back_to_review(change, reason, now)
            return None
        if what := _must_wait(change, now) or _other_holder(change):
            ChangeRequest.objects.filter(pk=change.pk).update(note=f"Waits for {what}", next_due_at=now + RETRY)
            return None
        guarded = ChangeRequest.objects.filter(pk=change.pk, status=change.status, epoch=change.epoch)
        columns = {"status": Status.APPLYING, "epoch": change.epoch + 1, "note": ""}
        lease = now + timedelta(seconds=settings.APPLY_LEASE_SECONDS)
        since = now if due else change.status_since
        if guarded.update(**columns, lease_until=lease, status_since=since, next_due_at=None) != 1:
            return None
        if due:
            tell(change, "apply", f"Started to apply: {change.title}", now)
    fresh = ChangeRequest.objects.select_related("cluster", "author").prefetch_related(*WHOLE).get(pk=change_id)
    return Run(fresh, current_revision(fresh), cluster, clock)


def _must_wait(change: ChangeRequest, now: datetime) -> str:
    """What stops applies in this mesh, "" for nothing. It never stops putting back, and a freeze lets finish what has begun."""
    if change.failure:
        return ""
    if halt := stopped(change.cluster):
        return f"{halt.by.username}, who has stopped everything: {halt.reason}"
    if _announced(change):
        return ""
    windows = [frozen(change.cluster, scope.namespace, now) for scope in scopes_of(change)]
    return next((f"the end of the freeze {window}" for window in windows if window), "")


def _announced(change: ChangeRequest) -> bool:
    """Whether anything of the current plan may have reached the cluster."""
    writes = Write.objects.filter(item__revision__change=change, item__revision__number=change.revision)
    return writes.exclude(state=Write.State.FAILED).exists()


def _no_longer_approved(change: ChangeRequest) -> str:
    """Why the approvals do not hold any more, "" if they do: reviewers must still be allowed to review."""
    approvals = Review.objects.filter(
        change=change, digest=change.digest, decision=Review.Decision.APPROVE, voided_at=None
    ).select_related("reviewer")
    scopes = scopes_of(change)
    lost = [review for review in approvals if not all(can(review.reviewer, Verb.APPROVE, scope) for scope in scopes)]
    if len(approvals) - len(lost) >= change.approvals_needed:
        return ""
    names = ", ".join(review.reviewer.username for review in lost) or "nobody"
    return f"An approval no longer counts: {names} may not approve here any more"


def _other_holder(change: ChangeRequest) -> str:
    """Take the host, or say who has it: the unique row is the lock."""
    host = {"cluster": change.cluster, "namespace": change.namespace, "service": change.service}
    try:
        with transaction.atomic():
            claim, _created = HostClaim.objects.select_related("change").get_or_create(**host, defaults={"change": change})
    except IntegrityError:  # two at once on a database that lets both look first
        claim = HostClaim.objects.select_related("change").get(**host)
    return "" if claim.change_id == change.pk else claim.change.label


def _back_to_review(change: ChangeRequest, reason: str, now: datetime) -> None:
    moved = ChangeRequest.objects.filter(pk=change.pk, status__in=[Status.APPROVED, Status.APPLYING], epoch=change.epoch)
    if moved.update(status=Status.IN_REVIEW, status_since=now, note=reason, next_due_at=None, lease_until=None) == 1:
        Review.objects.filter(change=change, voided_at=None).update(voided_at=now)
        # what the cluster said was about a mesh that may be no more
        change.revisions.filter(number=change.revision).update(
            dry_run=Revision.DryRun.WAITING, dry_run_at=None, dry_run_answer=[]
        )
        HostClaim.objects.filter(change=change).delete()
        tell(change, "stale", f"Back to review: {reason}", now)


def _carry_out(run: Run) -> None:
    items = [item for item in run.revision.items.all() if item.outcome != Item.Outcome.UNTOUCHED]
    try:
        _see_that_live_is_as_reviewed(run)
        for item in items:
            write_item(run, item, Write.Purpose.APPLY)
    except NotAsReviewed as error:
        if _announced(run.change):
            _fail(run, str(error))
        else:
            with transaction.atomic():
                run.keep()
                _back_to_review(run.change, str(error), run.clock())
        return
    except ClientError as error:
        if _may_pass(run, error):
            raise
        _fail(run, str(error))
        return
    reach(BEFORE_FINISH)
    _end(run, [str(item) for item in items])


def _may_pass(run: Run, error: ClientError) -> bool:
    """Whether another try may help. An API server that has just been started has not read its roles yet, and for a moment lets
    nobody read anything: that is no missing right before a while has passed."""
    settling = run.clock() - run.change.status_since < RIGHTS_SETTLE
    return error.retry_helps or (isinstance(error, Forbidden) and error.verb == "get" and settling)


def _end(run: Run, objects: list[str]) -> None:
    now, kind = run.clock(), kind_named(run.change.kind)
    with transaction.atomic():
        after = kind.applied(run.change, now=now) if isinstance(kind, GoesOn) else Status.APPLIED
        run.keep(status=after, status_since=now, applied_at=now, note="", lease_until=None, next_due_at=None)
        if after is Status.WATCHING:
            tell(run.change, "watching", f"Written and being watched: {run.change.title}", now, objects=objects)
            return
        HostClaim.objects.filter(change=run.change).delete()
        tell(run.change, "applied", f"Applied: {run.change.title}", now, objects=objects)


def _see_that_live_is_as_reviewed(run: Run) -> None:
    """Every object, before the first is written, and also those the plan only reads. Raises NotAsReviewed, LostLease,
    ClientError."""
    if plan_of(run.revision).digest != run.change.digest:
        raise NotAsReviewed(f"The plan that is kept for {run.change.label} is not the one that was reviewed")
    for row in run.revision.items.all():
        run.keep()
        item = plan_item(row)
        live = run.cluster.get(item.ref)
        if item.after is None:
            ours = live is None and may_have_removed(row)
        else:
            token = annotation(live, TOKEN_ANNOTATION)
            ours = any(write.token == token for write in row.writes.all()) and same_fields(live, item.after, item.fields)
        if not ours and not same_fields(live, item.before, item.fields):
            raise NotAsReviewed(f"{item.ref} is not as it was reviewed: somebody changed it since")


def _fail(run: Run, reason: str) -> None:
    """Remember why, then put back: a worker that dies in between leaves a change that the next one puts back."""
    run.keep(failure=reason)
    run.change.failure = reason
    _put_back(run)


def _put_back(run: Run) -> None:
    """Undo in reverse order what this change has written. Raises LostLease, ClientError where a retry helps."""
    stuck: list[str] = []
    touched = Write.objects.filter(item__revision=run.revision, purpose=Write.Purpose.APPLY).exclude(state=Write.State.FAILED)
    for write in touched.select_related("item").order_by("-item__position"):
        row = write.item
        if row.outcome == Item.Outcome.PUT_BACK:
            continue
        try:
            if _never_made(run, write):
                continue
            write_item(run, row, Write.Purpose.PUT_BACK)
        except (NotAsReviewed, ClientError) as error:
            if isinstance(error, ClientError) and _may_pass(run, error) and not _tried_enough(row):
                raise
            with transaction.atomic():
                run.keep()
                Item.objects.filter(pk=row.pk).update(outcome=Item.Outcome.STUCK)
            stuck.append(f"{row}: {error}")
    _end_failed(run, stuck)


def _never_made(run: Run, write: Write) -> bool:
    """Whether a write was announced and no more: the object is as before, and not because it was put back already."""
    if write.state != Write.State.INTENDED or write.item.writes.filter(purpose=Write.Purpose.PUT_BACK).exists():
        return False
    run.keep()
    item = plan_item(write.item)
    live = run.cluster.get(item.ref)
    return same_fields(live, item.before, item.fields) and not is_leaving(live)


def _tried_enough(row: Item) -> bool:
    return Write.objects.filter(item=row, purpose=Write.Purpose.PUT_BACK, attempts__gte=PUT_BACK_ATTEMPTS).exists()


def _end_failed(run: Run, stuck: list[str]) -> None:
    if stuck:
        status, note = Status.NEEDS_HUMAN, "\n".join([run.change.failure, "Could not be put back:", *stuck])
    else:
        status, note = Status.FAILED, f"{run.change.failure}\nEverything that was written has been put back."
    with transaction.atomic():
        run.keep(status=status, status_since=run.clock(), note=note, lease_until=None, next_due_at=None)
        if status is Status.FAILED:
            HostClaim.objects.filter(change=run.change).delete()
        tell(run.change, status.value, f"{status.label}: {note}", run.clock())


def _wait(run: Run, reason: str) -> None:
    """Leave it to the next tick, with the reason in sight."""
    try:
        run.keep(note=f"Waiting: {reason}", lease_until=run.clock() + RETRY)
    except LostLease:
        log.info("lease lost", change=run.change.label)
