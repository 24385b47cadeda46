"""Hosts as Istio writes them: short names resolve in the namespace of the object that holds them, never in that of the caller."""

from __future__ import annotations

from meshportal.mesh.refs import Manifest, ServiceRef

MESH_GATEWAY = "mesh"


def names_service(host: str, service: ServiceRef, namespace: str, domain: str = "cluster.local") -> bool:
    """Whether `host`, written in an object of `namespace`, is exactly `service`. Wildcards are not: they name many."""
    parts = host.split(".")
    if len(parts) == 1:
        return host == service.name and namespace == service.namespace
    return host in {
        f"{service.name}.{service.namespace}",
        f"{service.name}.{service.namespace}.svc",
        f"{service.name}.{service.namespace}.svc.{domain}",
    }


def routes_in_mesh(virtual_service: Manifest, service: ServiceRef) -> bool:
    """Whether a VirtualService routes `service` for sidecars: one of its hosts is the service, and its gateways include the mesh
    (no gateways at all means the mesh)."""
    spec, namespace = virtual_service.get("spec", {}), virtual_service["metadata"].get("namespace", "")
    gateways = spec.get("gateways") or [MESH_GATEWAY]
    return MESH_GATEWAY in gateways and any(names_service(host, service, namespace) for host in spec.get("hosts") or [])


def rules_service(destination_rule: Manifest, service: ServiceRef) -> bool:
    """Whether a DestinationRule is for exactly `service`."""
    return names_service(
        destination_rule.get("spec", {}).get("host", ""), service, destination_rule["metadata"].get("namespace", "")
    )
