"""Changes as the board shows them: beside the numbers, so that "what changed?" is answered before it is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from meshportal.accounts.permissions import Namespaces
from meshportal.changes.models import ChangeRequest, Status
from meshportal.clusters.models import Cluster

ICONS = {
    Status.IN_REVIEW: "eye",
    Status.APPROVED: "clock",
    Status.APPLYING: "arrow",
    Status.WATCHING: "eye",
    Status.APPLIED: "ok",
    Status.REJECTED: "stop",
    Status.WITHDRAWN: "revert",
    Status.FAILED: "fail",
    Status.REVERTED: "revert",
    Status.NEEDS_HUMAN: "fail",
}


@dataclass(frozen=True)
class Line:
    """One change in the list beside the board. `step` is its status in words."""

    pk: int
    label: str
    title: str
    author: str
    step: str
    icon: str
    bad: bool
    at: float


@dataclass(frozen=True, order=True)
class ChangedBy:
    """The change that was applied last to a service."""

    at: float
    pk: int
    label: str
    title: str
    author: str


def line(change: ChangeRequest) -> Line:
    status = Status(change.status)
    return Line(
        change.pk, change.label, change.local_title, str(change.author), str(status.label), ICONS.get(status, "info"),
        status in {Status.FAILED, Status.NEEDS_HUMAN}, change.status_since.timestamp(),
    )  # fmt: skip


def changed_by(change: ChangeRequest) -> ChangedBy | None:
    """None for a change that was not applied."""
    if change.applied_at is None:
        return None
    return ChangedBy(change.applied_at.timestamp(), change.pk, change.label, change.local_title, str(change.author))


def last_applied(cluster: Cluster, namespaces: Namespaces, since: datetime) -> dict[str, ChangedBy]:
    """By "namespace/service", the newest change applied since then that somebody with these namespaces may see."""
    rows = ChangeRequest.objects.filter(cluster=cluster, status=Status.APPLIED, applied_at__gte=since)
    if not namespaces.everything:
        rows = rows.filter(namespace__in=namespaces.names)
    return newest(rows.select_related("author").order_by("applied_at"))


def changes_of(cluster: Cluster, namespace: str, service: str) -> list[ChangeRequest]:
    """The last ten changes of one service that were submitted, newest first. Drafts are private."""
    rows = ChangeRequest.objects.filter(cluster=cluster, namespace=namespace, service=service).exclude(status=Status.DRAFT)
    return list(rows.select_related("author").order_by("-status_since")[:10])


def newest(changes: Iterable[ChangeRequest]) -> dict[str, ChangedBy]:
    """`changes` in the order in which they were applied."""
    found: dict[str, ChangedBy] = {}
    for change in changes:
        applied = changed_by(change)
        if applied is not None:
            found[f"{change.namespace}/{change.service}"] = applied
    return found
