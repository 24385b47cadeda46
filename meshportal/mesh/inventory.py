"""What runs in a cluster, from its objects: pods, services and namespaces cut down to the fields the portal reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.facts import Port, ServiceFacts
from meshportal.mesh.protocols import protocol_of
from meshportal.mesh.refs import Manifest, ServiceRef

PROXY = "istio-proxy"
OWNER = "meshportal.io/owner"
CRASH_LOOP = "CrashLoopBackOff"
UNKNOWN_VERSION = "unknown"
"""Istio's word, in its metrics, for a pod without a version label."""

# The cluster's own machinery is not what a mesh is watched for.
SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease"})
API_SERVER = ServiceRef("default", "kubernetes")

_RELEASE = re.compile(r"\d+\.\d+[0-9A-Za-z.+-]*")


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod. `proxy` is whether it has a sidecar (or is a gateway), `control_plane` whether it runs istiod,
    `crashing` whether Kubernetes waits longer and longer before it starts a container of it again.

    `release` is the version in the image tag of its proxy or of istiod, "" where the tag is no version.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]
    active: bool
    ready: bool
    proxy: bool
    proxy_ready: bool
    control_plane: bool = False
    release: str = ""
    crashing: bool = False

    @property
    def version(self) -> str:
        return self.labels.get("version") or UNKNOWN_VERSION


@dataclass(frozen=True, slots=True)
class Service:
    """One Service. `annotations` are only the portal's own (meshportal.io/…); `ports` are what pages show, `entries` what rules
    read."""

    ref: ServiceRef
    selector: Mapping[str, str]
    ports: tuple[str, ...]
    owner: str
    annotations: Mapping[str, str]
    external: bool
    entries: tuple[Port, ...] = ()
    headless: bool = False
    external_name: str = ""

    @property
    def facts(self) -> ServiceFacts:
        return ServiceFacts(self.ref, self.entries, self.selector, self.headless, self.external_name)


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace. `injected` is whether new pods in it get a sidecar."""

    name: str
    owner: str
    injected: bool


@dataclass(frozen=True)
class Inventory:
    """Everything of one cluster that a Snapshot is made of. The Istio objects are whole."""

    namespaces: Mapping[str, Namespace]
    services: Mapping[ServiceRef, Service]
    pods: tuple[Pod, ...]
    virtual_services: tuple[Manifest, ...] = ()
    destination_rules: tuple[Manifest, ...] = ()


def read_pod(manifest: Manifest) -> Pod:
    """`active` follows the ReplicaSet controller: neither finished nor being deleted
    (k8s.io/kubernetes/pkg/controller, IsPodActive). A native sidecar is an init container that keeps running."""
    metadata, spec, status = manifest["metadata"], manifest.get("spec") or {}, manifest.get("status") or {}
    containers = {c["name"]: c for key in ("initContainers", "containers") for c in spec.get(key) or []}
    statuses = {s["name"]: s for key in ("initContainerStatuses", "containerStatuses") for s in status.get(key) or []}
    conditions = {c.get("type"): c.get("status") for c in status.get("conditions") or []}
    finished = status.get("phase") in {"Succeeded", "Failed"} or "deletionTimestamp" in metadata
    labels = metadata.get("labels") or {}
    istiod = containers.get("discovery") if labels.get("app") == "istiod" else None
    proxy = containers.get(PROXY)
    return Pod(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        labels=labels,
        active=not finished,
        ready=not finished and conditions.get("Ready") == "True",
        proxy=proxy is not None,
        proxy_ready=not finished and proxy is not None and bool(statuses.get(PROXY, {}).get("ready")),
        control_plane=istiod is not None,
        release=release_of((istiod or proxy or {}).get("image", "")),
        crashing=any(((s.get("state") or {}).get("waiting") or {}).get("reason") == CRASH_LOOP for s in statuses.values()),
    )


def release_of(image: str) -> str:
    """The version in an image's tag: "1.31.0" of "docker.io/istio/proxyv2:1.31.0-distroless". "" for "latest" or a digest."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    tag = tag.removesuffix("-distroless").removesuffix("-debug")
    return tag if _RELEASE.fullmatch(tag) else ""


def read_service(manifest: Manifest) -> Service:
    metadata, spec = manifest["metadata"], manifest.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    external = spec.get("type") == "ExternalName"
    return Service(
        ref=ServiceRef(metadata.get("namespace", ""), metadata["name"]),
        selector=spec.get("selector") or {},
        ports=tuple(_port(port) for port in spec.get("ports") or []),
        owner=_owner(metadata),
        annotations={key: str(value) for key, value in annotations.items() if key.startswith("meshportal.io/")},
        external=external,
        entries=tuple(_entry(port) for port in spec.get("ports") or []),
        headless=spec.get("clusterIP") == "None",
        external_name=spec.get("externalName") or "" if external else "",
    )


def _entry(port: Mapping[str, Any]) -> Port:
    name, number = port.get("name") or "", port["port"]
    protocol = protocol_of(name, number, transport=port.get("protocol", "TCP"), app_protocol=port.get("appProtocol"))
    return Port(name, number, protocol)


def _port(port: Mapping[str, Any]) -> str:
    """ "9080/http": the number, and what the port says of its protocol (appProtocol, its name, or TCP)."""
    return f"{port['port']}/{port.get('appProtocol') or port.get('name') or port.get('protocol', 'TCP').lower()}"


def read_namespace(manifest: Manifest) -> Namespace:
    """Injection by label: https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/"""
    metadata = manifest["metadata"]
    labels = metadata.get("labels") or {}
    switch = labels.get("istio-injection")
    injected = switch == "enabled" or (switch is None and bool(labels.get("istio.io/rev")))
    return Namespace(metadata["name"], _owner(metadata), injected)


def _owner(metadata: Mapping[str, Any]) -> str:
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    return str(annotations.get(OWNER) or labels.get(OWNER) or "")


def pods_by_service(services: Iterable[Service], pods: Iterable[Pod]) -> dict[ServiceRef, list[Pod]]:
    """The active pods that each service selects. A service without a selector selects nothing."""
    by_label: dict[tuple[str, str, str], list[Pod]] = {}
    for pod in pods:
        if pod.active:
            for key, value in pod.labels.items():
                by_label.setdefault((pod.namespace, key, value), []).append(pod)
    found: dict[ServiceRef, list[Pod]] = {}
    for service in services:
        # the rarest label first: "app=reviews" names few pods where "part-of=bookinfo" names all
        candidates = [by_label.get((service.ref.namespace, key, value), []) for key, value in service.selector.items()]
        few = min(candidates, key=len, default=[])
        found[service.ref] = [pod for pod in few if service.selector.items() <= pod.labels.items()]
    return found


def istio_release(pods: Iterable[Pod]) -> str:
    """The version of Istio that runs: istiod's, else that of its proxies; several are named all, "" where no tag tells."""
    active = [pod for pod in pods if pod.active and pod.release]
    told = {pod.release for pod in active if pod.control_plane} or {pod.release for pod in active}
    return ", ".join(sorted(told))


def is_watched(service: Service) -> bool:
    """Whether a service can be part of a mesh at all: not the cluster's own machinery, and not a mere DNS alias."""
    return not service.external and service.ref.namespace not in SYSTEM_NAMESPACES and service.ref != API_SERVER
