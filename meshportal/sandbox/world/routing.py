"""Where a request goes: VirtualService and DestinationRule applied to pods, as a client's sidecar does it.

Rules: https://istio.io/latest/docs/reference/config/networking/virtual-service/ and …/destination-rule/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.sandbox.world.pods import UNKNOWN, Workload, ready, version_of, workload_name, workload_of

DOMAIN = "svc.cluster.local"
ROOT_NAMESPACE = "istio-system"
NOBODY = ServiceRef(UNKNOWN, UNKNOWN)


@dataclass(frozen=True)
class Objects:
    """What of the API the traffic depends on."""

    services: tuple[Manifest, ...] = ()
    pods: tuple[Manifest, ...] = ()
    virtual_services: tuple[Manifest, ...] = ()
    destination_rules: tuple[Manifest, ...] = ()


@dataclass(frozen=True)
class Call:
    """A kind of request: from whom, to which service, with which path. The world's requests carry no headers of note."""

    caller: Workload
    service: ServiceRef
    path: str = "/"
    method: str = "GET"


@dataclass(frozen=True)
class Choice:
    """A share (0–1) of a call's requests and where they go. Without a workload they fail with `code` and `flags`."""

    share: float
    service: ServiceRef
    workload: Workload | None
    code: str = ""
    flags: str = ""


class Mesh:
    """Objects, indexed for routing. Cheap to build: once per change."""

    def __init__(self, objects: Objects) -> None:
        self._services = {_service_ref(manifest): manifest for manifest in objects.services}
        self._pods: dict[str, list[Manifest]] = {}
        # the oldest pod of a workload reports for it, so that scaling up does not start its counters anew
        for pod in sorted(objects.pods, key=_age):
            if ready(pod):
                self._pods.setdefault(pod["metadata"]["namespace"], []).append(pod)
        self._routes = sorted(objects.virtual_services, key=_age)
        self._rules = sorted(objects.destination_rules, key=_age)

    def workloads(self, namespace: str, labels: Mapping[str, str]) -> list[tuple[Workload, int]]:
        """Workloads of the ready pods with these labels, each with the number of its pods."""
        found: dict[tuple[str, str], list[Manifest]] = {}
        for pod in self._pods.get(namespace, []):
            if labels.items() <= pod["metadata"].get("labels", {}).items():
                found.setdefault((workload_name(pod), version_of(pod)), []).append(pod)
        return [(workload_of(pods[0]), len(pods)) for _, pods in sorted(found.items())]

    def choices(self, call: Call) -> list[Choice]:
        """How the requests of `call` are spread; the shares sum to 1."""
        namespace, routes = self._http_routes(call)
        if not routes:
            return list(self._endpoints(call, call.service, None, 1.0))
        chosen = next((route for route in routes if _matches(route.get("match"), call, self._port(call.service))), None)
        if chosen is None:
            return [self._lost(call, 1.0, "404", "NR")]
        destinations = chosen.get("route") or []
        weights = [float(entry.get("weight") or 0) for entry in destinations]
        if len(destinations) == 1:
            weights = [1.0]
        total = sum(weights)
        if not total:
            return [self._lost(call, 1.0, "503", "NC")]
        found: list[Choice] = []
        for entry, weight in zip(destinations, weights, strict=True):
            if weight:
                found += self._destination(call, entry, namespace, weight / total)
        return found

    # ---------------------------------------------------------------- VirtualService

    def _http_routes(self, call: Call) -> tuple[str, list[Manifest]]:
        """Namespace and http routes of the VirtualService that rules the call's service: the oldest wins, none is empty."""
        for route in self._routes:
            namespace, spec = route["metadata"]["namespace"], route.get("spec", {})
            if not _exported(spec, namespace, call.caller.namespace) or "mesh" not in spec.get("gateways", ["mesh"]):
                continue
            if any(_covers(qualified(host, namespace), call.service) for host in spec.get("hosts", [])):
                return namespace, spec.get("http") or []
        return "", []

    def _destination(self, call: Call, entry: Manifest, namespace: str, share: float) -> Iterator[Choice]:
        destination = entry.get("destination", {})
        service = service_of(qualified(destination.get("host", ""), namespace))
        if service is None or service not in self._services:
            yield self._lost(call, share, "503", "NC")
            return
        yield from self._endpoints(call, service, destination.get("subset"), share)

    def _lost(self, call: Call, share: float, code: str, flags: str) -> Choice:
        """Requests for which Envoy has no route (NR) or no cluster (NC), as for a subset that no rule has.

        Without a cluster the proxy does not know the service: Istio's metrics then name the Host header, or nothing at a
        gateway (destination_service_name in istio/proxy, istio_stats.cc; flags measured with Envoy 1.40 under Istio 1.31).
        """
        target = call.service
        if ("istio", "ingressgateway") in call.caller.labels:
            return Choice(share, NOBODY, None, code, flags)
        host = target.name if target.namespace == call.caller.namespace else f"{target.name}.{target.namespace}"
        return Choice(share, ServiceRef(UNKNOWN, f"{host}:{self._port(target)}"), None, code, flags)

    def _port(self, service: ServiceRef) -> int:
        ports = self._services.get(service, {}).get("spec", {}).get("ports") or [{}]
        return int(ports[0].get("port", 80))

    # ---------------------------------------------------------------- DestinationRule and pods

    def _endpoints(self, call: Call, service: ServiceRef, subset: str | None, share: float) -> Iterator[Choice]:
        labels: Mapping[str, str] = {}
        if subset:
            subsets = self.subsets(service, call.caller.namespace)
            if subset not in subsets:
                yield self._lost(call, share, "503", "NC")
                return
            labels = subsets[subset]
        selector = self._services.get(service, {}).get("spec", {}).get("selector")
        workloads = self.workloads(service.namespace, {**selector, **labels}) if selector else []
        total = sum(pods for _, pods in workloads)
        if not total:
            yield Choice(share, service, None, "503", "UH")
        for workload, pods in workloads:
            yield Choice(share * pods / total, service, workload)

    def subsets(self, service: ServiceRef, client_namespace: str) -> dict[str, Mapping[str, str]]:
        """Subsets by name from the namespace that comes first: the client's, the service's, the root's."""
        for namespace in (client_namespace, service.namespace, ROOT_NAMESPACE):
            rules = [rule for rule in self._rules if self._rules_over(rule, namespace, service, client_namespace)]
            if rules:
                found: dict[str, Mapping[str, str]] = {}
                for rule in rules:
                    for subset in rule["spec"].get("subsets", []):
                        found.setdefault(subset["name"], subset.get("labels") or {})
                return found
        return {}

    @staticmethod
    def _rules_over(rule: Manifest, namespace: str, service: ServiceRef, client_namespace: str) -> bool:
        spec = rule.get("spec", {})
        return (
            rule["metadata"]["namespace"] == namespace
            and _exported(spec, namespace, client_namespace)
            and _covers(qualified(spec.get("host", ""), namespace), service)
        )


# ---------------------------------------------------------------- names and matches


def qualified(host: str, namespace: str) -> str:
    """A host as Istio reads it: a name without a dot belongs to the namespace of the object it stands in."""
    return host if "." in host or host == "*" else f"{host}.{namespace}.{DOMAIN}"


def service_of(host: str) -> ServiceRef | None:
    """The Service a full name means, None if it is not a name of this cluster."""
    name, _, rest = host.partition(".")
    namespace, _, domain = rest.partition(".")
    return ServiceRef(namespace, name) if domain == DOMAIN else None


def _covers(host: str, service: ServiceRef) -> bool:
    full = f"{service.name}.{service.namespace}.{DOMAIN}"
    return host == full or (host.startswith("*") and full.endswith(host[1:]))


def _exported(spec: Manifest, namespace: str, client_namespace: str) -> bool:
    export = spec.get("exportTo") or ["*"]
    return "*" in export or client_namespace in export or ("." in export and namespace == client_namespace)


def _matches(entries: Iterable[Manifest] | None, call: Call, port: int) -> bool:
    """Whether a route's `match` takes the call: no entries take everything, else one of them has to fit."""
    entries = list(entries or [])
    return not entries or any(_entry_matches(entry, call, port) for entry in entries)


def _entry_matches(entry: Manifest, call: Call, port: int) -> bool:
    host = f"{call.service.name}.{call.service.namespace}.{DOMAIN}"
    texts = {"uri": call.path, "method": call.method, "scheme": "http", "authority": host}
    labels = dict(call.caller.labels)
    return (
        all(
            _text_matches(entry[name], text, ignore_case=name == "uri" and bool(entry.get("ignoreUriCase")))
            for name, text in texts.items()
            if name in entry
        )
        # the world's requests have neither headers nor a query string
        and not entry.get("headers")
        and not entry.get("queryParams")
        and entry.get("port", port) == port
        and entry.get("sourceNamespace", call.caller.namespace) == call.caller.namespace
        and (entry.get("sourceLabels") or {}).items() <= labels.items()
        and "mesh" in entry.get("gateways", ["mesh"])
    )


def _text_matches(rule: Mapping[str, Any], text: str, *, ignore_case: bool) -> bool:
    if ignore_case:
        rule, text = {how: str(value).lower() for how, value in rule.items()}, text.lower()
    if "exact" in rule:
        return bool(text == rule["exact"])
    if "prefix" in rule:
        return text.startswith(rule["prefix"])
    try:
        return re.fullmatch(rule.get("regex", ".*"), text) is not None
    except re.error:
        return False


def _service_ref(manifest: Manifest) -> ServiceRef:
    return ServiceRef(manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _age(manifest: Manifest) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return metadata.get("creationTimestamp", ""), metadata["namespace"], metadata["name"]
