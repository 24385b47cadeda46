"""Whether what the catalog says of a mesh is still what is live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from meshportal.catalog import queries
from meshportal.clusters.models import Cluster
from meshportal.mesh.snapshot import Snapshot

STALE_AFTER_PERIODS = 2


def is_stale(snapshot: Snapshot, now: datetime) -> bool:
    """Whether the observer has been silent for over two of its periods."""
    at = datetime.fromtimestamp(snapshot.taken_at, UTC)
    return now - at > STALE_AFTER_PERIODS * timedelta(seconds=snapshot.period_seconds)


def silent_since(cluster: Cluster, now: datetime) -> datetime | None:
    """When the observer last looked at `cluster` if that is too long ago to be called live, else None."""
    snapshot = queries.latest(cluster)
    return datetime.fromtimestamp(snapshot.taken_at, UTC) if snapshot and is_stale(snapshot, now) else None
