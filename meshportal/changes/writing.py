"""One write to a cluster, exactly once: announce it, write with the version just read as precondition, read back, record."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from meshportal.audit.services import PORTAL, record
from meshportal.changes.failpoints import AFTER_INTENT, AFTER_RECORD, AFTER_WRITE, reach
from meshportal.changes.models import ChangeRequest, Item, Revision, Status, Write
from meshportal.changes.queries import plan_item
from meshportal.clients.ports import ClientError, ClusterPort, Conflict, Written
from meshportal.mesh.plans import (
    ABSENT,
    CHANGE_ANNOTATION,
    TOKEN_ANNOTATION,
    PlanItem,
    afresh,
    annotated,
    annotation,
    same_fields,
    value_at,
    with_fields,
)
from meshportal.mesh.refs import Manifest, version_of

RACES = 3  # a write that finds another version is tried again on it this often, as long as the reviewed fields are the same


class LostLease(Exception):
    """Another worker has taken this change over: stop, write nothing."""


class NotAsReviewed(Exception):
    """A live object is not what the reviewers saw."""


@dataclass
class Run:
    """One worker's hold on one change."""

    change: ChangeRequest
    revision: Revision
    cluster: ClusterPort
    clock: Callable[[], datetime]

    def keep(self, **columns: object) -> None:
        """Go on holding: guarded by status and epoch, renews the lease. Raises LostLease.

        Done before each request, for one may take as long as two thirds of a lease: a slow cluster must not cost it.
        """
        lease = self.clock() + timedelta(seconds=settings.APPLY_LEASE_SECONDS)
        held = ChangeRequest.objects.filter(pk=self.change.pk, status=Status.APPLYING, epoch=self.change.epoch)
        held = held.filter(failure=self.change.failure)  # somebody who stops the change sets it
        if held.update(**({"lease_until": lease} | columns)) != 1:
            raise LostLease(self.change.label)


class StillThere(ClientError):
    """An object was deleted and waits for its finalizers. Looking again helps."""

    retry_helps = True


def write_item(run: Run, row: Item, purpose: Write.Purpose) -> None:
    """Bring one object to where it shall be, exactly once. Raises NotAsReviewed, LostLease, ClientError."""
    item = plan_item(row)
    target = item.after if purpose is Write.Purpose.APPLY else item.before
    step = _remove if target is None else _store
    for _race in range(RACES):
        if step(run, row, item, purpose):
            return
    raise NotAsReviewed(f"{item.ref} keeps being changed by somebody else: this change could not be written between their writes")


def _store(run: Run, row: Item, item: PlanItem, purpose: Write.Purpose) -> bool:
    """Create or replace; False where somebody was faster, so that it has to be looked at again."""
    expected, target = _sides(row, item, purpose)
    run.keep()
    live = run.cluster.get(item.ref)
    write = _announce(run, row, purpose, live)
    if write.state == Write.State.DONE:
        return True
    if happened(write, live, target, item):
        _record_write(run, row, write, live)
        return True
    if purpose is Write.Purpose.PUT_BACK and item.after is None:
        if is_leaving(live):
            raise StillThere(_waits_for_finalizers(item, live))
        if same_fields(live, item.before, item.fields):  # somebody has put it back already
            _record_write(run, row, write, live)
            return True
    if not same_fields(live, expected, item.fields) or (purpose is Write.Purpose.PUT_BACK and not _ours(row, item, live)):
        _not_made(run, write, "found it changed")
        raise NotAsReviewed(f"{item.ref} was changed by somebody else while this change was being applied")
    reach(AFTER_INTENT)
    try:
        written = _send(run, item, live, target, write.token)
    except Conflict:
        return False
    except ClientError as error:
        if not error.retry_helps:
            _not_made(run, write, str(error))
        raise
    reach(AFTER_WRITE)
    run.keep()
    stored = run.cluster.get(item.ref)
    if not happened(write, stored, target, item):
        _record_write(run, row, write, written.manifest)
        raise NotAsReviewed(f"{item.ref} was changed by somebody else right after this change wrote it")
    _record_write(run, row, write, stored)
    return True


def _remove(run: Run, row: Item, item: PlanItem, purpose: Write.Purpose) -> bool:
    """Delete; False where somebody was faster.

    An object that is gone carries no token, so the announced write has to tell whether it was ours to delete: once a deletion may
    have been sent, an absence is taken for its success.
    """
    run.keep()
    live = run.cluster.get(item.ref)
    earlier = row.writes.filter(purpose=purpose).exclude(state=Write.State.FAILED).first()
    write = _announce(run, row, purpose, live)
    if write.state == Write.State.DONE:
        return True
    if live is None:
        if purpose is Write.Purpose.APPLY and earlier is None:
            _not_made(run, write, "found it removed")
            raise NotAsReviewed(f"{item.ref} was removed by somebody else while this change was being applied")
        _record_write(run, row, write, None)
        return True
    if earlier is not None and (earlier.expected or {}).get("uid") not in (None, version_of(live).uid):
        _record_write(run, row, write, None)
        raise NotAsReviewed(f"{item.ref} was made again by somebody else after this change removed it")
    if earlier is not None and is_leaving(live):
        raise StillThere(_waits_for_finalizers(item, live))
    expected = item.before if purpose is Write.Purpose.APPLY else item.after
    if not same_fields(live, expected, item.fields) or (purpose is Write.Purpose.PUT_BACK and not _ours(row, item, live)):
        _not_made(run, write, "found it changed")
        raise NotAsReviewed(f"{item.ref} was changed by somebody else while this change was being applied")
    reach(AFTER_INTENT)
    try:
        run.cluster.delete(item.ref, expect=version_of(live))
    except Conflict as error:
        _not_made(run, write, str(error))  # else the next look would take somebody else's deletion for ours
        return False
    except ClientError as error:
        if not error.retry_helps:
            _not_made(run, write, str(error))
        raise
    reach(AFTER_WRITE)
    run.keep()
    stored = run.cluster.get(item.ref)
    if stored is not None and version_of(stored).uid == version_of(live).uid:
        raise StillThere(_waits_for_finalizers(item, stored))
    _record_write(run, row, write, None)
    if stored is not None:
        raise NotAsReviewed(f"{item.ref} was made again by somebody else right after this change removed it")
    return True


def _sides(row: Item, item: PlanItem, purpose: Write.Purpose) -> tuple[Manifest | None, Manifest]:
    """What has to be there and what shall be. A removed object comes back as it was when it was deleted, with labels and
    annotations that were set after the review."""
    if purpose is Write.Purpose.APPLY:
        expected, target = item.before, item.after
    else:
        expected, target = item.after, item.before
        if item.after is None and (removal := row.writes.filter(purpose=Write.Purpose.APPLY).first()):
            target = (removal.expected or {}).get("manifest") or target
    if target is None:
        raise TypeError(f"{item.ref} is to be removed, not stored")
    return expected, target


def is_leaving(live: Manifest | None) -> bool:
    """Whether an object was deleted already and only waits for its finalizers."""
    return bool(live) and value_at(live, ("metadata", "deletionTimestamp")) is not ABSENT


def _waits_for_finalizers(item: PlanItem, live: Manifest | None) -> str:
    finalizers = value_at(live, ("metadata", "finalizers"))
    names = ", ".join(finalizers) if isinstance(finalizers, list) else ""
    return f"{item.ref} is being removed and waits for its finalizers ({names or 'none are named'})"


def _announce(run: Run, row: Item, purpose: Write.Purpose, live: Manifest | None) -> Write:
    """The committed intent of this write. A second worker finds it and goes on with the same token.

    What is to be deleted is kept whole, to be put back from. Where it is gone already, what was kept stays.
    """
    item = plan_item(row)
    removal = (item.after if purpose is Write.Purpose.APPLY else item.before) is None
    columns: dict[str, object] = {"epoch": run.change.epoch, "state": Write.State.INTENDED}
    if live is not None:
        version = version_of(live)
        seen = {"uid": version.uid, "resource_version": version.resource_version}
        columns["expected"] = seen | {"manifest": live} if removal else seen
    elif not removal:
        columns["expected"] = None
    with transaction.atomic():
        run.keep()
        write, _created = Write.objects.get_or_create(
            item=row,
            purpose=purpose,
            defaults={"token": secrets.token_hex(16), "epoch": run.change.epoch, "announced_at": run.clock()},
        )
        if write.state != Write.State.DONE:
            Write.objects.filter(pk=write.pk).update(**columns, attempts=write.attempts + 1)
            write.refresh_from_db()
    return write


def _not_made(run: Run, write: Write, error: str) -> None:
    """It is certain that this write did not happen; whoever took over meanwhile knows better, and has announced it again."""
    announced = Write.objects.filter(pk=write.pk, epoch=run.change.epoch)
    announced.update(state=Write.State.FAILED, finished_at=run.clock(), error=error)


def _ours(row: Item, item: PlanItem, live: Manifest | None) -> bool:
    """Whether `live` is what this change made of an object, and not the same values written by somebody else. An object that it
    made and is to remove again must be as it was made: what somebody has added to it since would go with it."""
    if item.after is None:
        return live is None
    written = row.writes.filter(purpose=Write.Purpose.APPLY, token=annotation(live, TOKEN_ANNOTATION)).exists()
    return written and (item.before is not None or value_at(live, ("metadata", "generation")) == 1)


def happened(write: Write, live: Manifest | None, target: Manifest, item: PlanItem) -> bool:
    """Whether the cluster shows that this very write was made: our token, and the fields it was to set."""
    return annotation(live, TOKEN_ANNOTATION) == write.token and same_fields(live, target, item.fields)


def may_have_removed(row: Item) -> bool:
    """Whether this change has deleted an object, or has announced it and may have."""
    return any(write.purpose == Write.Purpose.APPLY and write.state != Write.State.FAILED for write in row.writes.all())


def _send(run: Run, item: PlanItem, live: Manifest | None, target: Manifest, token: str) -> Written:
    """The one call that creates or replaces, with the version just read as its precondition."""
    marks = {TOKEN_ANNOTATION: token, CHANGE_ANNOTATION: run.change.label}
    if live is None:
        return run.cluster.create(annotated(afresh(target), marks))
    desired = annotated(with_fields(live, target, item.fields), marks)
    return run.cluster.replace(desired, expect=version_of(live))


def _record_write(run: Run, row: Item, write: Write, live: Manifest | None) -> None:
    version = version_of(live) if live else None
    outcome = Item.Outcome.WRITTEN if write.purpose == Write.Purpose.APPLY else Item.Outcome.PUT_BACK
    with transaction.atomic():
        run.keep()
        Write.objects.filter(pk=write.pk).update(
            state=Write.State.DONE,
            finished_at=run.clock(),
            error="",
            written={"uid": version.uid, "resource_version": version.resource_version} if version else None,
        )
        Item.objects.filter(pk=row.pk).update(outcome=outcome)
        row.outcome = outcome
        removed = row.after is None and outcome == Item.Outcome.WRITTEN
        word = "Removed" if removed else outcome.label.capitalize()
        tell(run.change, outcome.value, f"{word}: {row}", run.clock(), token=write.token)
    reach(AFTER_RECORD)


def tell(change: ChangeRequest, verb: str, sentence: str, now: datetime, **data: object) -> None:
    """The audit row of something the portal did by itself."""
    record(
        PORTAL,
        verb,
        change.label,
        sentence,
        now=now,
        cluster=change.cluster.name,
        namespace=change.namespace,
        data={"service": change.service, "revision": change.revision, "digest": change.digest, **data},
    )
