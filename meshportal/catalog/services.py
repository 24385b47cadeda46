"""What pages may ask of the catalog beside reading it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from meshportal.catalog.models import ServiceHistory
from meshportal.catalog.tasks import fetch_history
from meshportal.clusters.models import Cluster

FRESH = timedelta(seconds=15)
RANGES = (15, 60, 360, 1440)
"""The minutes one may look back. Any other number would make a row, and four queries to Prometheus, for each address typed."""


def ask_history(cluster: Cluster, namespace: str, service: str, minutes: int, now: datetime) -> ServiceHistory:
    """The golden signals of a service over the last `minutes`, as they were last fetched: `observed_at` says when, None before
    the first answer, `error` why there is none. Asking keeps the row, and has it fetched again where it is older than 15 s.

    The caller has checked that the person may see the namespace. Raises ValueError for a range that is not in `RANGES`.
    """
    if minutes not in RANGES:
        raise ValueError(f"history is kept for {', '.join(map(str, RANGES))} minutes, not for {minutes}")
    row, _ = ServiceHistory.objects.update_or_create(
        cluster=cluster, namespace=namespace, service=service, minutes=minutes, defaults={"asked_at": now}
    )
    old = row.observed_at is None or now - row.observed_at > FRESH
    if old and (row.busy_until is None or row.busy_until <= now):
        # robust: a page that only reads does not fail because the broker is away. Django's log wants the function's name, which a
        # partial does not have
        transaction.on_commit(lambda: fetch_history.delay(row.pk), robust=True)
    return row
