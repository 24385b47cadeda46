"""The end of a change with which something goes on after its objects are written, such as a canary."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from meshportal.audit.services import PORTAL
from meshportal.changes.models import ChangeRequest, Status
from meshportal.changes.services import move, tell

RECORDED = {Status.APPLIED: "Applied", Status.REVERTED: "Reverted"}


@transaction.atomic
def finish_watch(change: ChangeRequest, status: Status, *, now: datetime) -> ChangeRequest:
    """What went on is over: the change stays (APPLIED) or was taken back (REVERTED), and its host is free again.

    Raises IllegalTransition for a change that is not being watched.
    """
    move(change, {Status.WATCHING}, status, now=now)
    change.claims.all().delete()
    tell(PORTAL, status.value, change, f"{RECORDED[status]}: {change.title}", now=now)
    return change
