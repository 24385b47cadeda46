"""Where the numbers come from and how old they are: one chip for each source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from meshportal.mesh.snapshot import Snapshot, Source, State

# The worker says that it lives every five seconds; three missed in a row are no accident.
HEARTBEAT_SECONDS = 15


@dataclass(frozen=True)
class Chip:
    """One source. `at` is its last good answer, None before the first; it turns stale when that is older than `limit` seconds."""

    name: str
    label: str
    state: State
    at: float | None
    limit: float
    error: str = ""


def staleness(age: float, period: float) -> int:
    """0: fresh. 1: over two periods old, its tiles are hatched. 2: over five, the page says so above everything else."""
    return 2 if age > 5 * period else 1 if age > 2 * period else 0


def chips(snapshot: Snapshot, heartbeat: datetime | None, now: float) -> tuple[Chip, ...]:
    """Prometheus, Kubernetes, istiod, worker and observer, in this order on every board."""
    limit = 2 * snapshot.period_seconds
    beat = heartbeat.timestamp() if heartbeat else None
    return (
        of_source(snapshot.source("prometheus"), "prometheus", "Prometheus", limit, now),
        of_source(snapshot.source("kubernetes"), "kubernetes", "Kubernetes", limit, now),
        of_source(snapshot.source("istiod"), "istiod", "istiod", limit, now),
        Chip("worker", _("Worker"), by_age(beat, HEARTBEAT_SECONDS, now), beat, HEARTBEAT_SECONDS),
        Chip("observer", _("Observer"), by_age(snapshot.taken_at, limit, now), snapshot.taken_at, limit),
    )


def of_source(source: Source | None, name: str, label: str, limit: float, now: float) -> Chip:
    if source is None:
        return Chip(name, label, State.UNKNOWN, None, limit)
    state = by_age(source.observed_at, limit, now) if source.ok else State.UNKNOWN
    return Chip(name, label, state, source.observed_at, limit, source.error)


def by_age(at: float | None, limit: float, now: float) -> State:
    return State.OK if at is not None and now - at <= limit else State.UNKNOWN
