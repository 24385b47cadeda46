"""Kubernetes and Istio objects as an API server returns them, with what a test cares about and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshportal.mesh.refs import Manifest


def namespace(name: str, *, owner: str = "", injected: bool = False) -> Manifest:
    metadata: dict[str, Any] = {"name": name, "labels": {"istio-injection": "enabled"} if injected else {}}
    if owner:
        metadata["annotations"] = {"meshportal.io/owner": owner}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def service(
    name: str,
    namespace: str = "shop",
    *,
    selector: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> Manifest:
    """A Service that selects app=NAME unless told otherwise."""
    chosen = {"app": name} if selector is None else dict(selector)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "annotations": dict(annotations or {})},
        "spec": {"selector": chosen, "ports": [{"name": "http", "port": 8080}], **spec},
    }


def pod(
    name: str,
    namespace: str = "shop",
    *,
    labels: Mapping[str, str] | None = None,
    ready: bool = True,
    proxy: bool = True,
    image: str = "docker.io/istio/proxyv2:1.31.0",
) -> Manifest:
    """A pod named app-version-anything has those two labels."""
    app, version, *_ = [*name.split("-"), "v1"]
    containers, statuses = [{"name": "app", "image": "shop/app:7"}], [{"name": "app", "ready": ready}]
    if proxy:
        containers.append({"name": "istio-proxy", "image": image})
        statuses.append({"name": "istio-proxy", "ready": ready})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {"app": app, "version": version})},
        "spec": {"containers": containers},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": statuses,
        },
    }


def destination(host: str, subset: str = "", weight: int | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {"destination": {"host": host} | ({"subset": subset} if subset else {})}
    return entry if weight is None else entry | {"weight": weight}


def virtual_service(
    name: str,
    route: Sequence[Mapping[str, Any]],
    namespace: str = "shop",
    *,
    hosts: Sequence[str] = (),
    created: str = "2026-01-01T00:00:00Z",
    **spec: Any,
) -> Manifest:
    """A VirtualService of host NAME whose one route has no match."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": created},
        "spec": {"hosts": list(hosts or [name]), "http": [{"route": list(route)}], **spec},
    }


def destination_rule(name: str, subsets: Mapping[str, Mapping[str, str]], namespace: str = "shop", *, host: str = "") -> Manifest:
    """Subsets by name with their labels."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"host": host or name, "subsets": [{"name": key, "labels": dict(labels)} for key, labels in subsets.items()]},
    }
