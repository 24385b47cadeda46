"""What of an Inventory rules and forms read, as the catalog keeps it in one row: services, groups of pods, namespaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.facts import PodGroup, Port, ServiceFacts
from meshportal.mesh.inventory import Inventory, Pod
from meshportal.mesh.refs import ServiceRef

OF_ONE_POD = frozenset(
    {
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "controller-uid",
        "job-name",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
        "batch.kubernetes.io/job-completion-index",
        "security.istio.io/tlsMode",
    }
)
"""Labels that controllers add to tell their pods apart, and Istio's injector to say that there is a sidecar: nobody selects by
them, and with them every pod would be a group of its own.
https://kubernetes.io/docs/reference/labels-annotations-taints/"""


@dataclass(frozen=True)
class Stock:
    """Everything sorted, so that equal stocks are equal.

    `root_namespace` is where istiod runs, "" where none runs or they are in several. `unseen` are Istio's kinds of which
    nothing is known, for instance because the right to list them is missing.
    """

    services: tuple[ServiceFacts, ...] = ()
    pods: tuple[PodGroup, ...] = ()
    namespaces: tuple[str, ...] = ()
    root_namespace: str = ""
    unseen: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "services": [_service_to_json(service) for service in self.services],
            "pods": [{**vars(group), "labels": dict(group.labels)} for group in self.pods],
            "namespaces": list(self.namespaces),
            "root_namespace": self.root_namespace,
            "unseen": list(self.unseen),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Stock:
        """The inverse of `to_json`. Raises KeyError or TypeError for anything else."""
        return cls(
            services=tuple(_service_from_json(service) for service in body["services"]),
            pods=tuple(PodGroup(**group) for group in body["pods"]),
            namespaces=tuple(body["namespaces"]),
            root_namespace=body["root_namespace"],
            unseen=tuple(body["unseen"]),
        )


def stock_of(inventory: Inventory, unseen: tuple[str, ...] = ()) -> Stock:
    """Unlike a Survey it has all services, those outside the mesh too: an object may name any of them."""
    services = (service.facts for service in inventory.services.values())
    roots = {pod.namespace for pod in inventory.pods if pod.active and pod.control_plane}
    return Stock(
        services=tuple(sorted(services, key=lambda service: service.ref)),
        pods=_groups(inventory.pods),
        namespaces=tuple(sorted(inventory.namespaces)),
        root_namespace=next(iter(roots)) if len(roots) == 1 else "",
        unseen=unseen,
    )


def _groups(pods: tuple[Pod, ...]) -> tuple[PodGroup, ...]:
    ready: Counter[tuple[str, tuple[tuple[str, str], ...], bool]] = Counter()
    total: Counter[tuple[str, tuple[tuple[str, str], ...], bool]] = Counter()
    crashing: Counter[tuple[str, tuple[tuple[str, str], ...], bool]] = Counter()
    for pod in pods:
        if pod.active:
            labels = tuple(sorted(label for label in pod.labels.items() if label[0] not in OF_ONE_POD))
            total[pod.namespace, labels, pod.proxy] += 1
            ready[pod.namespace, labels, pod.proxy] += pod.ready
            crashing[pod.namespace, labels, pod.proxy] += pod.crashing
    return tuple(PodGroup(key[0], dict(key[1]), ready[key], total[key], key[2], crashing[key]) for key in sorted(total))


def _service_to_json(service: ServiceFacts) -> dict[str, Any]:
    return {
        **vars(service),
        "ref": [service.ref.namespace, service.ref.name],
        "ports": [vars(port) for port in service.ports],
        "selector": dict(service.selector),
    }


def _service_from_json(body: Mapping[str, Any]) -> ServiceFacts:
    return ServiceFacts(**{**body, "ref": ServiceRef(*body["ref"]), "ports": tuple(Port(**port) for port in body["ports"])})
