"""The people and the mesh that tests play with: alice asks, bob and erin approve, carol is on call, dave administers, mallory is
a stranger. The mesh has Bookinfo's reviews in versions v1 and v2, all traffic on v1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from meshportal.accounts.models import Person, Role, RoleBinding
from meshportal.catalog.models import Inventory, LiveObject
from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.clients.ports import ClusterPort
from meshportal.clusters.models import Cluster
from meshportal.mesh.facts import PodGroup, Port, ServiceFacts
from meshportal.mesh.refs import ISTIO_KINDS, NAMESPACE, Manifest, ServiceRef
from meshportal.mesh.snapshot import MeshNow, ServiceNow, Snapshot, Source, State, VersionNow, Why
from meshportal.mesh.stock import Stock
from tests.fakes import FakeCluster

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"


@dataclass
class Cast:
    alice: Person
    bob: Person
    erin: Person
    carol: Person
    dave: Person
    mallory: Person


def people(cluster: str = "demo") -> Cast:
    """Everybody, with their roles."""

    def person(name: str, *bindings: tuple[Role, str]) -> Person:
        # a password is hashed only where a test signs in through the form: Argon2 takes its time on purpose
        who = Person.objects.create(username=name, password="!")
        for role, namespace in bindings:
            RoleBinding.objects.create(person=who, role=role, cluster=cluster, namespace=namespace)
        return who

    return Cast(
        alice=person("alice", (Role.OPERATOR, "bookinfo")),
        bob=person("bob", (Role.APPROVER, "")),
        erin=person("erin", (Role.APPROVER, "")),
        carol=person("carol", (Role.RESPONDER, "")),
        dave=person("dave", (Role.ADMIN, "")),
        mallory=person("mallory", (Role.OPERATOR, "elsewhere")),
    )


def virtual_service(**weights: int) -> Manifest:
    """reviews' VirtualService with these weights, and things around them that no form knows."""
    route = [{"destination": {"host": "reviews", "subset": subset}, "weight": weight} for subset, weight in weights.items()]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "bookinfo", "labels": {"team": "books"}},
        "spec": {"hosts": ["reviews"], "http": [{"route": route, "timeout": "3s", "retries": {"attempts": 2}}]},
    }


def destination_rule(*subsets: str) -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "reviews", "namespace": "bookinfo"},
        "spec": {"host": "reviews", "subsets": [{"name": name, "labels": {"version": name}} for name in subsets]},
    }


def kubernetes_service(name: str, namespace: str = "bookinfo", **more: Any) -> ServiceFacts:
    """A Service with the port 9080 (http) that selects app=NAME."""
    fields: dict[str, Any] = {"ports": (Port("http", 9080, "http"),), "selector": {"app": name}}
    return ServiceFacts(ServiceRef(namespace, name), **(fields | more))


def pod_group(app: str, version: str, ready: int, total: int | None = None, **more: Any) -> PodGroup:
    """The pods of one version of an app of bookinfo; all are ready unless told otherwise."""
    labels = {"app": app, "version": version}
    fields: dict[str, Any] = {"namespace": "bookinfo", "labels": labels, "ready": ready, "total": total or ready}
    return PodGroup(**(fields | more))


INGRESS = {"app": "istio-ingressgateway", "istio": "ingressgateway"}
SERVICES = (
    kubernetes_service("ratings"),
    kubernetes_service("reviews"),
    kubernetes_service(
        "istio-ingressgateway",
        "istio-system",
        selector=INGRESS,
        ports=(Port("http2", 80, "http2"), Port("https", 443, "https")),
    ),
)
PODS = (
    pod_group("ratings", "v1", 1),
    pod_group("reviews", "v1", 3),
    pod_group("reviews", "v2", 2),
    PodGroup("istio-system", INGRESS, 1, 1),
)


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Mesh:
    """One cluster in three places that agree: the fake API, the catalog's rows, and the snapshot."""

    def __init__(self, *subsets: str) -> None:
        self.cluster = Cluster.objects.create(
            name="demo", worker_kubeconfig="/nowhere/w", observer_kubeconfig="/nowhere/o", prometheus_url="http://127.0.0.1:1"
        )
        self.api = FakeCluster()
        self.api.put(virtual_service(v1=100))
        self.api.put(destination_rule(*(subsets or ("v1", "v2"))))
        self.observe()

    def observe(self, **changes: Any) -> Snapshot:
        return observe(self.cluster, self.api, **changes)


def observe(
    cluster: Cluster,
    api: ClusterPort,
    *,
    services: Sequence[ServiceFacts] = SERVICES,
    pods: Sequence[PodGroup] = PODS,
    unseen: Sequence[str] = (),
    **changes: Any,
) -> Snapshot:
    """Let the catalog see what is live in `api`, as the observer does, and what runs; `changes` are fields of reviews."""
    LiveObject.objects.all().delete()
    for kind in ISTIO_KINDS:
        for manifest in api.list(kind).items:
            metadata = manifest["metadata"]
            LiveObject.objects.create(
                cluster=cluster,
                kind=kind.kind,
                namespace=metadata["namespace"],
                name=metadata["name"],
                uid=metadata["uid"],
                resource_version=metadata["resourceVersion"],
                manifest=manifest,
                observed_at=NOON,
            )
    namespaces = tuple(manifest["metadata"]["name"] for manifest in api.list(NAMESPACE).items)
    stock = Stock(tuple(services), tuple(pods), namespaces, "istio-system", tuple(unseen))
    Inventory.objects.update_or_create(cluster=cluster, defaults={"observed_at": NOON, "body": stock.to_json()})
    snapshot = Snapshot(
        cluster=cluster.name,
        version=1,
        taken_at=NOON.timestamp(),
        period_seconds=5,
        window_seconds=60,
        sources=tuple(Source(name, True, NOON.timestamp()) for name in ("prometheus", "kubernetes", "istiod")),
        mesh=MeshNow(per_second=20.0, success_percent=99.9, mtls_percent=100.0, p95_ms=90.0, envoys_ready=5, envoys_total=5),
        services=(reviews(**changes),),
    )
    SnapshotRow.objects.update_or_create(cluster=cluster, defaults={"observed_at": NOON, "body": snapshot.to_json()})
    return snapshot


def reviews(**changes: Any) -> ServiceNow:
    """The service reviews as a snapshot has it."""
    fields: dict[str, Any] = {
        "namespace": "bookinfo",
        "name": "reviews",
        "state": State.OK,
        "why": Why.WITHIN_LIMITS,
        "since": NOON.timestamp() - 3600,
        "reporter": "source",
        "per_second": 20.0,
        "success_percent": 99.9,
        "error_percent": 0.1,
        "p95_ms": 90.0,
        "mtls_percent": 100.0,
        "pods_ready": 5,
        "pods_total": 5,
        "envoys_ready": 5,
        "envoys_total": 5,
        "versions": (VersionNow("v1", 3, 3, 100.0, 100.0, 20.0), VersionNow("v2", 2, 2, None, None, None)),
        "split": True,
    }
    return ServiceNow(**(fields | changes))
