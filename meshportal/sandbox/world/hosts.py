"""Host names as Istio reads them, and whom an object is for."""

from __future__ import annotations

from meshportal.mesh.refs import Manifest, ServiceRef

DOMAIN = "svc.cluster.local"
ROOT_NAMESPACE = "istio-system"


def qualified(host: str, namespace: str) -> str:
    """A host as Istio reads it: a name without a dot belongs to the namespace of the object it stands in."""
    return host if "." in host or host == "*" else f"{host}.{namespace}.{DOMAIN}"


def service_of(host: str) -> ServiceRef | None:
    """The Service a full name means, None if it is not a name of this cluster."""
    name, _, rest = host.partition(".")
    namespace, _, domain = rest.partition(".")
    return ServiceRef(namespace, name) if domain == DOMAIN else None


def full_name(service: ServiceRef) -> str:
    return f"{service.name}.{service.namespace}.{DOMAIN}"


def covers(host: str, name: str) -> bool:
    """Whether `host`, which may begin with "*", takes the full `name`."""
    return host == name or (host.startswith("*") and name.endswith(host[1:]))


def exported(spec: Manifest, namespace: str, client_namespace: str) -> bool:
    export = spec.get("exportTo") or ["*"]
    return "*" in export or client_namespace in export or ("." in export and namespace == client_namespace)


def service_ref(manifest: Manifest) -> ServiceRef:
    return ServiceRef(manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def age(manifest: Manifest) -> tuple[str, str, str]:
    """Sorts the oldest first, as Istio does where only one of several objects can count."""
    metadata = manifest["metadata"]
    return metadata.get("creationTimestamp", ""), metadata["namespace"], metadata["name"]
