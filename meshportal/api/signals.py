"""Services and their signals, as the observer last saw them."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import Http404, HttpRequest
from ninja import Router, Schema

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import visible_namespaces
from meshportal.api.auth import caller
from meshportal.catalog import queries
from meshportal.clusters.models import Cluster
from meshportal.clusters.queries import cluster_named
from meshportal.mesh.snapshot import ServiceNow, Snapshot

router = Router(tags=["services"])


class VersionOut(Schema):
    """Shares are percent 0–100; null is “no data”, never 0."""

    version: str
    pods_ready: int | None
    pods_total: int | None
    configured_percent: float | None
    measured_percent: float | None
    per_second: float | None
    error_percent: float | None


class ServiceOut(Schema):
    """One service. Rates are requests per second, shares percent 0–100, latencies milliseconds; null is “no data”, never 0."""

    cluster: str
    namespace: str
    name: str
    owner: str
    state: str
    why: str
    since: datetime
    observed_at: datetime | None
    per_second: float | None
    success_percent: float | None
    error_percent: float | None
    p95_ms: float | None
    mtls_percent: float | None
    pods_ready: int | None
    pods_total: int | None
    envoys_ready: int | None
    envoys_total: int
    versions: list[VersionOut]


class SourceOut(Schema):
    name: str
    ok: bool
    observed_at: datetime | None
    error: str


class MeshOut(Schema):
    """A mesh in numbers, over the services you may see."""

    cluster: str
    observed_at: datetime
    per_second: float | None
    success_percent: float | None
    mtls_percent: float | None
    p95_ms: float | None
    envoys_ready: int | None
    envoys_total: int | None
    services: int
    sources: list[SourceOut]


def moment(epoch: float | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)


def seen(person: Person, cluster_name: str) -> tuple[Cluster, Snapshot]:
    """A cluster and what `person` may see of its snapshot. Raises Http404."""
    cluster = cluster_named(cluster_name)
    namespaces = visible_namespaces(person, cluster_name)
    snapshot = queries.latest(cluster, namespaces) if cluster and namespaces else None
    if cluster is None or snapshot is None:
        raise Http404
    return cluster, snapshot


def service_out(snapshot: Snapshot, service: ServiceNow) -> dict[str, object]:
    source = snapshot.source("prometheus")
    fields = {name: getattr(service, name) for name in ServiceOut.model_fields if hasattr(service, name)}
    return fields | {
        "cluster": snapshot.cluster,
        "since": moment(service.since),
        "observed_at": moment(source.observed_at if source else None),
        "versions": [{name: getattr(version, name) for name in VersionOut.model_fields} for version in service.versions],
    }


@router.get("/services", response=list[ServiceOut], summary="Services you may see")
def services(request: HttpRequest, cluster: str = "", namespace: str = "") -> list[dict[str, object]]:
    person = caller(request)
    rows: list[dict[str, object]] = []
    for name in Cluster.objects.values_list("name", flat=True):
        if cluster in {"", name} and visible_namespaces(person, name):
            try:
                _cluster, snapshot = seen(person, name)
            except Http404:
                continue
            rows += [service_out(snapshot, service) for service in snapshot.services if namespace in {"", service.namespace}]
    return rows


@router.get("/services/{cluster}/{namespace}/{name}", response=ServiceOut, summary="One service with its versions")
def service(request: HttpRequest, cluster: str, namespace: str, name: str) -> dict[str, object]:
    _cluster, snapshot = seen(caller(request), cluster)
    found = snapshot.service(namespace, name)
    if found is None:
        raise Http404
    return service_out(snapshot, found)


@router.get("/signals/{cluster}", response=MeshOut, summary="A mesh in numbers")
def signals(request: HttpRequest, cluster: str) -> dict[str, object]:
    _cluster, snapshot = seen(caller(request), cluster)
    mesh = {name: getattr(snapshot.mesh, name) for name in MeshOut.model_fields if hasattr(snapshot.mesh, name)}
    sources = [
        {"name": source.name, "ok": source.ok, "observed_at": moment(source.observed_at), "error": source.error}
        for source in snapshot.sources
    ]
    return mesh | {
        "cluster": snapshot.cluster,
        "observed_at": moment(snapshot.taken_at),
        "services": len(snapshot.services),
        "sources": sources,
    }
