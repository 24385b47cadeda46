"""The kinds this API serves, as one table, and what discovery says about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from meshportal.sandbox.api.status import JsonObject

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
OF_MANY = ("deletecollection", "list", "watch")


@dataclass(frozen=True)
class Resource:
    """One kind. `versions` come in order of preference; a custom kind has a CRD."""

    group: str
    versions: tuple[str, ...]
    kind: str
    plural: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    status: bool = True
    """has a status subresource: writes to the object never touch its status and the other way round"""
    generation: bool = True
    custom: bool = False
    by_name_only: bool = False

    @cached_property
    def title(self) -> str:
        """`plural.group`, the name of the kind's CRD."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def api_version(self, version: str) -> str:
        return f"{self.group}/{version}" if self.group else version

    @property
    def verbs(self) -> tuple[str, ...]:
        return tuple(verb for verb in VERBS if verb not in OF_MANY) if self.by_name_only else VERBS


def _istio(group: str, versions: tuple[str, ...], *kinds: tuple[str, str, str]) -> tuple[Resource, ...]:
    return tuple(Resource(group, versions, kind, plural, tuple(short.split()), custom=True) for kind, plural, short in kinds)


RESOURCES: tuple[Resource, ...] = (
    Resource("", ("v1",), "Namespace", "namespaces", ("ns",), namespaced=False, generation=False),
    Resource("", ("v1",), "Node", "nodes", ("no",), namespaced=False, generation=False),
    Resource("", ("v1",), "Service", "services", ("svc",), generation=False),
    Resource("", ("v1",), "Pod", "pods", ("po",)),
    Resource("", ("v1",), "ConfigMap", "configmaps", ("cm",), status=False, generation=False),
    Resource("", ("v1",), "Event", "events", ("ev",), status=False, generation=False),
    Resource("", ("v1",), "Secret", "secrets", status=False, generation=False, by_name_only=True),
    Resource("discovery.k8s.io", ("v1",), "EndpointSlice", "endpointslices", status=False),
    Resource("apps", ("v1",), "Deployment", "deployments", ("deploy",)),
    Resource("apps", ("v1",), "ReplicaSet", "replicasets", ("rs",)),
    Resource(
        "apiextensions.k8s.io",
        ("v1",),
        "CustomResourceDefinition",
        "customresourcedefinitions",
        ("crd", "crds"),
        namespaced=False,
    ),
    *_istio(
        "networking.istio.io",
        ("v1", "v1beta1", "v1alpha3"),
        ("VirtualService", "virtualservices", "vs"),
        ("DestinationRule", "destinationrules", "dr"),
        ("Gateway", "gateways", "gw"),
        ("ServiceEntry", "serviceentries", "se"),
        ("Sidecar", "sidecars", ""),
    ),
    *_istio(
        "security.istio.io",
        ("v1", "v1beta1"),
        ("PeerAuthentication", "peerauthentications", "pa"),
        ("AuthorizationPolicy", "authorizationpolicies", "ap"),
        ("RequestAuthentication", "requestauthentications", "ra"),
    ),
    *_istio("telemetry.istio.io", ("v1", "v1alpha1"), ("Telemetry", "telemetries", "telemetry")),
    Resource("monitoring.coreos.com", ("v1",), "ServiceMonitor", "servicemonitors", ("smon",), status=False, custom=True),
)

BY_PLURAL = {(resource.group, resource.plural): resource for resource in RESOURCES}

BEFORE_1_22: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar"), ("v1beta1", "v1alpha3")),
    "PeerAuthentication": ("v1beta1",),
    "Telemetry": ("v1alpha1",),
}
"""The versions of the kinds that Istio 1.20 and 1.21 serve otherwise: their crd-all.gen.yaml."""


class Table:
    """The kinds that one server has, and what its discovery says of them."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources = tuple(resources)
        self._by_plural = {(resource.group, resource.plural): resource for resource in self.resources}
        self._groups = tuple(dict.fromkeys(resource.group for resource in self.resources if resource.group))

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The kind behind a path, or None where this version of it is not served."""
        resource = self._by_plural.get((group, plural))
        return resource if resource and version in resource.versions else None

    def versions_of(self, group: str) -> tuple[str, ...]:
        """The versions of a group in order of preference; () for a group that is not served."""
        own = (resource for resource in self.resources if resource.group == group)
        return tuple(dict.fromkeys(version for resource in own for version in resource.versions))

    def group_list(self) -> JsonObject:
        """GET /apis."""
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [self._group(name) for name in self._groups]}

    def group(self, name: str) -> JsonObject | None:
        """GET /apis/GROUP."""
        return {"kind": "APIGroup", "apiVersion": "v1", **self._group(name)} if name in self._groups else None

    def resource_list(self, group_name: str, version: str) -> JsonObject | None:
        """GET /api/v1 or /apis/GROUP/VERSION."""
        if version not in self.versions_of(group_name):
            return None
        served = [resource for resource in self.resources if resource.group == group_name and version in resource.versions]
        group_version = f"{group_name}/{version}" if group_name else version
        rows = [row for resource in served for row in _rows(resource)]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": rows}

    def _group(self, name: str) -> JsonObject:
        versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in self.versions_of(name)]
        return {"name": name, "versions": versions, "preferredVersion": versions[0]}


TABLES = {
    "v1": Table(RESOURCES),
    "v1beta1": Table(replace(one, versions=BEFORE_1_22.get(one.kind, one.versions)) for one in RESOURCES),
}
"""What a server has by the best version of Istio's routing kinds: v1 since Istio 1.22, v1beta1 before."""


def core_versions(address: str) -> JsonObject:
    """GET /api. `address` is host:port."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def _rows(resource: Resource) -> Iterable[JsonObject]:
    row: JsonObject = {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    yield row | ({"shortNames": list(resource.short)} if resource.short else {})
    if resource.status:
        yield row | {"name": f"{resource.plural}/status", "singularName": "", "verbs": ["get", "patch", "update"]}
