"""What the worker does for canaries. A message means "look at the rows": doubled, lost, late or forged, it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

from celery import shared_task
from django.utils import timezone

from meshportal.clients import connect
from meshportal.clients.ports import ClusterPort, MetricsPort
from meshportal.clusters.models import Cluster
from meshportal.rollouts import engine

KEPT_SECONDS = 60.0
"""A client is used again for so long: a handshake for each tick would cost more than the tick, and tokens in files change."""

Client = TypeVar("Client")


class Kept(Generic[Client]):
    """Clients by address, each made by the first thread that needs it."""

    def __init__(self, make: Callable[[str], Client]) -> None:
        self._make, self._lock = make, Lock()
        self._made: dict[str, tuple[float, Client]] = {}

    def at(self, address: str) -> Client:
        with self._lock:
            kept = self._made.get(address)
            if kept is None or monotonic() - kept[0] > KEPT_SECONDS:
                kept = self._made[address] = (monotonic(), self._make(address))
            return kept[1]


_clusters, _metrics = Kept(connect.cluster), Kept(connect.metrics)


@shared_task
def sweep() -> None:
    """Take every canary that is due one step further."""
    engine.sweep(clock=timezone.now, cluster_of=cluster_of, metrics_of=metrics_of)


def cluster_of(cluster: Cluster) -> ClusterPort:
    """Raises ClusterUnavailable."""
    return _clusters.at(cluster.worker_kubeconfig)


def metrics_of(cluster: Cluster) -> MetricsPort:
    return _metrics.at(cluster.prometheus_url)
