"""Rows as the observer leaves them, written by hand: a mesh that a test can make well, ill, silent or old."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from meshportal.catalog.models import Heartbeat, Trail
from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.clusters.models import Cluster
from meshportal.mesh.snapshot import MeshNow, NamespaceNow, ServiceNow, Snapshot, Source, State, Why


def cluster(name: str = "demo") -> Cluster:
    return Cluster.objects.create(
        name=name, worker_kubeconfig="/nowhere/w", observer_kubeconfig="/nowhere/o", prometheus_url="http://127.0.0.1:1"
    )


def service(
    name: str, state: State = State.OK, why: Why = Why.WITHIN_LIMITS, *, namespace: str = "bookinfo", **more: Any
) -> ServiceNow:
    """A service that is well, unless `state`, `why` and further fields say otherwise."""
    fields: dict[str, Any] = {
        "since": time.time() - 240,
        "owner": "team-books",
        "reporter": "source",
        "per_second": 96.0,
        "success_percent": 99.9,
        "error_percent": 0.1,
        "p95_ms": 90.0,
        "mtls_percent": 100.0,
        "served_per_second": 96.0,
        "pods_ready": 4,
        "pods_total": 4,
        "envoys_ready": 4,
        "envoys_total": 4,
    }
    return ServiceNow(namespace=namespace, name=name, state=state, why=why, **(fields | more))


def failing(name: str = "checkout", **more: Any) -> ServiceNow:
    errors: dict[str, Any] = {"value": 8.4, "limit": 5.0, "worst_code": "504", "error_percent": 8.4, "success_percent": 91.6}
    return service(name, State.FAIL, Why.ERRORS, **(errors | more))


def unknown(name: str = "recommendations", **more: Any) -> ServiceNow:
    nothing: dict[str, Any] = dict.fromkeys(
        ("per_second", "success_percent", "error_percent", "p95_ms", "mtls_percent", "served_per_second")
    )
    return service(name, State.UNKNOWN, Why.METRICS_GONE, **(nothing | more))


def snapshot(*services: ServiceNow, age: float = 0, version: int = 1, silent: tuple[str, ...] = (), **more: Any) -> Snapshot:
    """What the observer saw `age` seconds ago; the sources named in `silent` did not answer it for 48 s."""
    taken_at = time.time() - age
    sources = tuple(
        Source(name, name not in silent, taken_at - (48 if name in silent else 1))
        for name in (
            "prometheus",
            "kubernetes",
            "istiod",
            *(["syncz"] if any(one.in_sync is not None for one in services) else []),
        )
    )
    names = sorted({one.namespace for one in services})
    fields: dict[str, Any] = {
        "mesh": MeshNow(1842.0, 99.52, 97.4, 184.0, 212, 214, 214),
        "namespaces": tuple(NamespaceNow(name, envoys_ready=4, envoys_total=4) for name in names),
    }
    return Snapshot("demo", version, taken_at, 5, 60, sources, services=services, **(fields | more))


def observe(mesh: Cluster, *services: ServiceNow, **more: Any) -> Snapshot:
    """Write the rows of one look, and say that the worker lives."""
    seen = snapshot(*services, **more)
    at = datetime.fromtimestamp(seen.taken_at, UTC)
    SnapshotRow.objects.update_or_create(
        cluster=mesh, defaults={"version": seen.version, "observed_at": at, "body": seen.to_json()}
    )
    Heartbeat.objects.update_or_create(name="worker", defaults={"at": datetime.now(UTC)})
    minute = time.time() // 60 * 60
    body = {one.key: [[minute - 60, 90.0, 0.1, 88.0], [minute, 96.0, 0.1, 90.0]] for one in services}
    Trail.objects.update_or_create(cluster=mesh, defaults={"observed_at": at, "body": body})
    return seen
