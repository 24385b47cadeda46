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
    CHANGE_ANNOTATION,
    TOKEN_ANNOTATION,
    PlanItem,
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


def write_item(run: Run, row: Item, purpose: Write.Purpose) -> None:
    """Bring one object to where it shall be, exactly once. Raises NotAsReviewed, LostLease, ClientError."""
    item = plan_item(row)
    expected, target = (item.before, item.after) if purpose is Write.Purpose.APPLY else (item.after, item.before)
    for _race in range(RACES):
        run.keep()
        live = run.cluster.get(item.ref)
        write = _announce(run, row, purpose, live)
        if write.state == Write.State.DONE:
            return
        if happened(write, live, target, item):
            _record_write(run, row, write, live)
            return
        if not same_fields(live, expected, item.fields) or (purpose is Write.Purpose.PUT_BACK and not _ours(row, live, target)):
            _not_made(run, write, "found it changed")
            raise NotAsReviewed(f"{item.ref} was changed by somebody else while this change was being applied")
        reach(AFTER_INTENT)
        try:
            written = _send(run, item, live, target, write.token)
        except Conflict:
            continue
        except ClientError as error:
            if not error.retry_helps:
                _not_made(run, write, str(error))
            raise
        reach(AFTER_WRITE)
        run.keep()
        stored = run.cluster.get(item.ref)
        if written is not None and not happened(write, stored, target, item):
            _record_write(run, row, write, written.manifest)
            raise NotAsReviewed(f"{item.ref} was changed by somebody else right after this change wrote it")
        _record_write(run, row, write, stored)
        return
    raise NotAsReviewed(f"{item.ref} keeps being changed by somebody else: this change could not be written between their writes")


def _announce(run: Run, row: Item, purpose: Write.Purpose, live: Manifest | None) -> Write:
    """The committed intent of this write. A second worker finds it and goes on with the same token."""
    version = version_of(live) if live else None
    expected = {"uid": version.uid, "resource_version": version.resource_version} if version else None
    with transaction.atomic():
        run.keep()
        write, _created = Write.objects.get_or_create(
            item=row,
            purpose=purpose,
            defaults={"token": secrets.token_hex(16), "epoch": run.change.epoch, "announced_at": run.clock()},
        )
        if write.state != Write.State.DONE:
            Write.objects.filter(pk=write.pk).update(
                epoch=run.change.epoch, expected=expected, state=Write.State.INTENDED, attempts=write.attempts + 1
            )
            write.refresh_from_db()
    return write


def _not_made(run: Run, write: Write, error: str) -> None:
    """It is certain that this write did not happen; whoever took over meanwhile knows better, and has announced it again."""
    announced = Write.objects.filter(pk=write.pk, epoch=run.change.epoch)
    announced.update(state=Write.State.FAILED, finished_at=run.clock(), error=error)


def _ours(row: Item, live: Manifest | None, target: Manifest | None) -> bool:
    """Whether `live` is what this change wrote, and not the same values written by somebody else. An object that is to be
    removed (`target` None) must be as it was made: what somebody has added to it since would go with it."""
    written = row.writes.filter(purpose=Write.Purpose.APPLY, token=annotation(live, TOKEN_ANNOTATION)).exists()
    return written and (target is not None or value_at(live, ("metadata", "generation")) == 1)


def happened(write: Write, live: Manifest | None, target: Manifest | None, item: PlanItem) -> bool:
    """Whether the cluster shows that this very write was made: our token, and the fields it was to set."""
    if target is None:
        return live is None
    return annotation(live, TOKEN_ANNOTATION) == write.token and same_fields(live, target, item.fields)


def _send(run: Run, item: PlanItem, live: Manifest | None, target: Manifest | None, token: str) -> Written | None:
    """The one call that changes the cluster, with the version just read as its precondition."""
    if target is None:
        if live is not None:
            run.cluster.delete(item.ref, expect=version_of(live))
        return None
    marks = {TOKEN_ANNOTATION: token, CHANGE_ANNOTATION: run.change.label}
    if live is None:
        return run.cluster.create(annotated(target, marks))
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
        tell(run.change, outcome.value, f"{outcome.label.capitalize()}: {row}", run.clock(), token=write.token)
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
