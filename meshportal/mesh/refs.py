"""Names of things in a cluster: kinds, objects, workloads and the versions we expect them to have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]
"""One Kubernetes object as JSON: apiVersion, kind, metadata, spec, …"""


@dataclass(frozen=True, order=True)
class Kind:
    """A kind at the version we prefer; where a cluster does not serve that, its adapter uses another, and the objects it gives
    carry that one. `group` is "" for the core group."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


NAMESPACE = Kind("", "v1", "Namespace", "namespaces")
SERVICE = Kind("", "v1", "Service", "services")
POD = Kind("", "v1", "Pod", "pods")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
VIRTUAL_SERVICE = Kind("networking.istio.io", "v1", "VirtualService", "virtualservices")
DESTINATION_RULE = Kind("networking.istio.io", "v1", "DestinationRule", "destinationrules")
GATEWAY = Kind("networking.istio.io", "v1", "Gateway", "gateways")
SERVICE_ENTRY = Kind("networking.istio.io", "v1", "ServiceEntry", "serviceentries")
SIDECAR = Kind("networking.istio.io", "v1", "Sidecar", "sidecars")
PEER_AUTHENTICATION = Kind("security.istio.io", "v1", "PeerAuthentication", "peerauthentications")
AUTHORIZATION_POLICY = Kind("security.istio.io", "v1", "AuthorizationPolicy", "authorizationpolicies")
TELEMETRY = Kind("telemetry.istio.io", "v1", "Telemetry", "telemetries")

ROUTING_KINDS = (VIRTUAL_SERVICE, DESTINATION_RULE, GATEWAY, SERVICE_ENTRY, SIDECAR)
"""What decides where a request goes."""
ISTIO_KINDS = (*ROUTING_KINDS, PEER_AUTHENTICATION, AUTHORIZATION_POLICY, TELEMETRY)
KINDS = {kind.kind: kind for kind in (NAMESPACE, SERVICE, POD, CONFIG_MAP, DEPLOYMENT, *ISTIO_KINDS)}
CLUSTER_SCOPED = frozenset({NAMESPACE})


@dataclass(frozen=True, order=True)
class ResourceRef:
    """Identity of one object. `namespace` is "" for cluster-scoped kinds."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind.kind} {self.name}"


@dataclass(frozen=True)
class Version:
    """What a write expects to find: a deleted and re-created object has another uid, so it is never overwritten."""

    uid: str
    resource_version: str


@dataclass(frozen=True, order=True)
class ServiceRef:
    """A Kubernetes Service inside one mesh."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def ref_of(manifest: Manifest) -> ResourceRef:
    """The identity of `manifest`. Raises KeyError for a kind this portal does not know."""
    metadata = manifest["metadata"]
    return ResourceRef(KINDS[manifest["kind"]], metadata.get("namespace", ""), metadata["name"])


def version_of(manifest: Manifest) -> Version:
    """uid and resourceVersion of an object as the API server returned it."""
    metadata = manifest["metadata"]
    return Version(metadata["uid"], metadata["resourceVersion"])
