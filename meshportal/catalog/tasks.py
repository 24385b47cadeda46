"""What the worker does for the catalog: it says that it lives, and fetches the history of a service somebody looks at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from meshportal.catalog.models import Heartbeat, ServiceHistory
from meshportal.catalog.queries import WORKER
from meshportal.clients import connect
from meshportal.clients.ports import ClientError, History
from meshportal.mesh.refs import ServiceRef

POINTS = 60
FORGET = timedelta(days=1)
AGAIN = timedelta(seconds=10)
"""Ten people who open a page within a moment send ten messages; the first one fetches for all."""
BUSY = timedelta(seconds=90)
"""Longer than four queries can hang: a Prometheus that does not answer holds one worker for a row, never all of them."""


@shared_task
def heartbeat() -> None:
    """The worker lives. What nobody has looked at for a day is forgotten."""
    now = timezone.now()
    Heartbeat.objects.update_or_create(name=WORKER, defaults={"at": now})
    ServiceHistory.objects.filter(asked_at__lt=now - FORGET).delete()


@shared_task
def fetch_history(history_id: int) -> None:
    """Ask Prometheus for one row of ServiceHistory. On failure the last answer stays, with its age and the error beside it."""
    row = ServiceHistory.objects.select_related("cluster").filter(pk=history_id).first()
    now = timezone.now()
    if row is None or not _claimed(history_id, now):
        return
    step = row.minutes * 60 // POINTS
    # whole steps: the points of one look are those of the next, so that a line does not tremble
    end = datetime.fromtimestamp(now.timestamp() // step * step, UTC)
    start = end - timedelta(minutes=row.minutes)
    try:
        metrics = connect.metrics(row.cluster.prometheus_url)
        history = metrics.history(ServiceRef(row.namespace, row.service), start=start, end=end, step_seconds=step)
    except ClientError as error:
        _finished(history_id, error=str(error)[:300])
        return
    _finished(history_id, observed_at=now, body=body_of(history, step), error="")


def _claimed(history_id: int, now: datetime) -> bool:
    free = ServiceHistory.objects.filter(Q(busy_until=None) | Q(busy_until__lte=now), pk=history_id)
    return free.update(busy_until=now + BUSY) == 1


def _finished(history_id: int, **values: object) -> None:
    ServiceHistory.objects.filter(pk=history_id).update(busy_until=timezone.now() + AGAIN, **values)


def body_of(history: History, step_seconds: int) -> dict[str, Any]:
    """A history as JSON: times in seconds since 1970, errors in percent 0–100, latencies in milliseconds; None is "no data"."""
    return {
        "reporter": history.reporter,
        "step_seconds": step_seconds,
        "points": [
            [point.at.timestamp(), point.per_second, _percent(point.error_ratio), point.p50_ms, point.p95_ms, point.p99_ms]
            for point in history.points
        ],
        "versions": [
            {
                "version": version.version,
                "per_second": version.per_second,
                "error_percent": _percent(version.error_ratio),
                "p95_ms": version.p95_ms,
            }
            for version in history.versions
        ],
    }


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else 100.0 * ratio
