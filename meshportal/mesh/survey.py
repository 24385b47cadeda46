"""An inventory seen service by service: what changes only when an object changes, so it is computed only then."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from meshportal.mesh.inventory import Inventory, Namespace, Pod, Service, is_watched, pods_by_service
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.snapshot import Snapshot
from meshportal.mesh.weights import Route, Routing

PodName = tuple[str, str]
"""(namespace, pod): how Prometheus names an Envoy."""


@dataclass(frozen=True)
class ServiceFacts:
    """One service as Kubernetes has it. `versions`: (ready, all) active pods by version label.

    `in_mesh`: it has a sidecar, is routed by Istio's objects, or its namespace is injected.
    """

    service: Service
    owner: str
    in_mesh: bool
    pods_ready: int | None = None
    pods_total: int | None = None
    versions: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)
    route: Route = field(default_factory=Route)
    proxies: frozenset[PodName] = frozenset()


@dataclass(frozen=True)
class Survey:
    """`proxies` are all active pods with a proxy, `ready` those of them whose proxy Kubernetes calls ready."""

    services: Mapping[ServiceRef, ServiceFacts] = field(default_factory=dict)
    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    proxies: frozenset[PodName] = frozenset()
    ready: frozenset[PodName] = frozenset()


def survey(inventory: Inventory) -> Survey:
    """Facts of every service that can be in a mesh. A Service's own owner wins over its namespace's."""
    watched = [service for service in inventory.services.values() if is_watched(service)]
    pods = pods_by_service(watched, inventory.pods)
    routing = Routing(inventory.virtual_services, inventory.destination_rules)
    active = [pod for pod in inventory.pods if pod.active and pod.proxy]
    return Survey(
        services={s.ref: _facts(s, pods[s.ref], routing, inventory.namespaces.get(s.ref.namespace)) for s in watched},
        namespaces=dict(inventory.namespaces),
        proxies=frozenset((pod.namespace, pod.name) for pod in active),
        ready=frozenset((pod.namespace, pod.name) for pod in active if pod.proxy_ready),
    )


def _facts(service: Service, pods: Sequence[Pod], routing: Routing, namespace: Namespace | None) -> ServiceFacts:
    proxies = frozenset((pod.namespace, pod.name) for pod in pods if pod.proxy)
    injected = namespace is not None and namespace.injected
    versions: dict[str, tuple[int, int]] = {}
    if any("version" in pod.labels for pod in pods):
        for pod in pods:
            ready, total = versions.get(pod.version, (0, 0))
            versions[pod.version] = (ready + pod.ready, total + 1)
    return ServiceFacts(
        service=service,
        owner=service.owner or (namespace.owner if namespace else ""),
        in_mesh=bool(proxies) or injected or routing.configures(service.ref),
        pods_ready=sum(pod.ready for pod in pods),
        pods_total=len(pods),
        versions=versions,
        route=routing.route(service.ref, pods),
        proxies=proxies,
    )


def surveyed_from(snapshot: Snapshot) -> Survey:
    """What an observer that starts while Kubernetes does not answer still knows: which services and namespaces there were.
    Nothing in it counts pods."""
    services = {}
    for seen in snapshot.services:
        ref = ServiceRef(seen.namespace, seen.name)
        service = Service(ref, {}, seen.ports, seen.owner, {}, external=False)
        services[ref] = ServiceFacts(
            service,
            seen.owner,
            in_mesh=True,
            versions={version.version: (None, None) for version in seen.versions},
            route=Route(split=seen.split),
        )
    return Survey(services, {n.name: Namespace(n.name, n.owner, n.injected) for n in snapshot.namespaces})


def live_envoys(survey: Survey, reporting: Collection[PodName]) -> frozenset[PodName]:
    """The proxies that are well: Kubernetes calls them ready, and they told Prometheus lately that they are live."""
    return survey.ready & frozenset(reporting)
