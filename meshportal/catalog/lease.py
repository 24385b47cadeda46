"""Who may write what is seen of a cluster: one holder at a time, fenced by an epoch that every takeover raises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Q, QuerySet

from meshportal.catalog.models import ObserverLease

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Lease:
    """The right to write for one cluster, until somebody takes it over."""

    cluster_id: int
    holder: str
    epoch: int


def acquire(cluster_id: int, holder: str, *, now: datetime, until: datetime) -> Lease | None:
    """The lease until `until`, or None while another holder's has not expired. Clocks of two observers may differ by less than
    the time a lease lasts; the epoch keeps the writes of a holder that was taken over out even where they differ by more."""
    row, _ = ObserverLease.objects.get_or_create(cluster_id=cluster_id, defaults={"expires_at": LONG_AGO})
    free = ObserverLease.objects.filter(Q(expires_at__lte=now) | Q(holder=holder), cluster_id=cluster_id, epoch=row.epoch)
    if free.update(holder=holder, epoch=row.epoch + 1, expires_at=until) != 1:
        return None
    return Lease(cluster_id, holder, row.epoch + 1)


def renew(lease: Lease, *, until: datetime) -> bool:
    """Whether the lease is still held; if so, until `until`. In a transaction this is the fence of everything written in it:
    the row stays locked, so nobody can take over before it ends."""
    return _of(lease).update(expires_at=until) == 1


def release(lease: Lease) -> None:
    """Give the lease up, so that the next holder need not wait for it to expire."""
    _of(lease).update(expires_at=LONG_AGO)


def _of(lease: Lease) -> QuerySet[ObserverLease]:
    return ObserverLease.objects.filter(cluster_id=lease.cluster_id, holder=lease.holder, epoch=lease.epoch)
