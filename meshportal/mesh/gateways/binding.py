"""How a VirtualService, a Gateway and a proxy find each other: names, hosts and selectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.hosts import MESH_GATEWAY
from meshportal.mesh.refs import GATEWAY, Manifest, ResourceRef

TLS_PROTOCOLS = frozenset({"HTTPS", "TLS"})
HTTP_PROTOCOLS = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"})
ANY_HOST = "*"


def namespace_of(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace", ""))


def spec_of(manifest: Manifest) -> dict[str, Any]:
    spec: dict[str, Any] = manifest.get("spec") or {}
    return spec


def gateway_ref(name: str, namespace: str) -> ResourceRef:
    """The Gateway that `name` means in an object of `namespace`: NAME, NAMESPACE/NAME, or the old NAME.NAMESPACE.svc.…"""
    head, slash, rest = name.partition("/")
    if slash:
        return ResourceRef(GATEWAY, head, rest)
    parts = name.split(".")
    return ResourceRef(GATEWAY, parts[1] if len(parts) > 1 else namespace, parts[0])


def gateways_of(virtual_service: Manifest) -> list[ResourceRef]:
    """The Gateways a VirtualService is bound to, the mesh left out, in its order."""
    names = spec_of(virtual_service).get("gateways") or []
    return [gateway_ref(str(name), namespace_of(virtual_service)) for name in names if name != MESH_GATEWAY]


def in_mesh_too(virtual_service: Manifest) -> bool:
    """Whether sidecars follow it as well: it names the mesh, or no gateway at all."""
    return MESH_GATEWAY in (spec_of(virtual_service).get("gateways") or [MESH_GATEWAY])


def exposed_at(virtual_service: Manifest, http: Mapping[str, Any]) -> list[ResourceRef]:
    """The Gateways at which one HTTP route counts: its matches may name fewer than the VirtualService does."""
    bound = gateways_of(virtual_service)
    matches = http.get("match") or []
    if not matches or any(not match.get("gateways") for match in matches):
        return bound
    named = {
        gateway_ref(str(name), namespace_of(virtual_service))
        for match in matches
        for name in match["gateways"]
        if name != MESH_GATEWAY
    }
    return [ref for ref in bound if ref in named]


def covers(pattern: str, host: str) -> bool:
    """Whether every host that `host` stands for is one of `pattern`: both may start with a wildcard."""
    if pattern in (ANY_HOST, host):
        return True
    return pattern.startswith("*.") and host.endswith(pattern[1:]) and host != ANY_HOST


def overlap(one: str, other: str) -> str:
    """The narrower of two hosts, "" where no host is both."""
    if covers(one, other):
        return other
    return one if covers(other, one) else ""


def server_hosts(server: Mapping[str, Any], gateway: ResourceRef, namespace: str) -> list[str]:
    """The hosts of a server that VirtualServices of `namespace` may claim: it may be limited by NAMESPACE/HOST."""
    found = []
    for written in server.get("hosts") or []:
        limit, slash, host = str(written).rpartition("/")
        if not slash or limit in ("*", namespace) or (limit == "." and gateway.namespace == namespace):
            found.append(host)
    return found


def meeting(server: Mapping[str, Any], gateway: ResourceRef, virtual_service: Manifest) -> list[str]:
    """The hosts that a server and a VirtualService have in common, each once."""
    mine = [str(host) for host in spec_of(virtual_service).get("hosts") or []]
    theirs = server_hosts(server, gateway, namespace_of(virtual_service))
    common = [overlap(one, other) for one in mine for other in theirs]
    return list(dict.fromkeys(host for host in common if host))


def servers_of(gateway: Manifest | None) -> list[dict[str, Any]]:
    return list(spec_of(gateway).get("servers") or []) if gateway else []


def port_of(server: Mapping[str, Any]) -> int:
    return int((server.get("port") or {}).get("number") or 0)


def protocol_of(server: Mapping[str, Any]) -> str:
    return str((server.get("port") or {}).get("protocol") or "").upper()


def tls_of(server: Mapping[str, Any]) -> dict[str, Any]:
    tls: dict[str, Any] = server.get("tls") or {}
    return tls


def redirects(server: Mapping[str, Any]) -> bool:
    """Whether it answers plain HTTP with a redirect to HTTPS."""
    return bool(tls_of(server).get("httpsRedirect"))


@dataclass(frozen=True)
class Workload:
    """Proxies that a Gateway can select. `ready` of `total` pods are ready."""

    labels: str
    namespace: str
    ready: int
    total: int


def labels_text(labels: Mapping[str, str]) -> str:
    """Labels as one writes them: istio=ingressgateway, version=v1."""
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


def labels_in(text: str) -> dict[str, str] | None:
    """Labels from that text; None where it cannot be read. Empty text has none."""
    labels: dict[str, str] = {}
    for part in (part.strip() for part in text.split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not part:
            continue
        if not (equals and key and value):
            return None
        labels[key] = value
    return labels


def workloads(facts: Facts) -> list[Workload]:
    """Ingress gateways among the pods: those whose label `istio` ends with “gateway”, as Istio's own charts and samples have it,
    and what live Gateways select. Egress gateways are left out: they lead the other way."""
    counted: dict[tuple[str, str], tuple[int, int]] = {}
    selectors = [dict(spec_of(gateway).get("selector") or {}) for gateway in facts.of(GATEWAY)]
    for group in facts.pods:
        chosen = [labels for labels in selectors if labels and labels.items() <= group.labels.items()]
        name = group.labels.get("istio", "")
        if name.endswith("gateway"):
            chosen.append({"istio": name})
        for text in {labels_text(labels) for labels in chosen}:
            ready, total = counted.get((text, group.namespace), (0, 0))
            counted[text, group.namespace] = (ready + group.ready, total + group.total)
    return [
        Workload(text, namespace, ready, total)
        for (text, namespace), (ready, total) in sorted(counted.items())
        if "egressgateway" not in text
    ]


def first_free(name: str, taken: Iterable[str]) -> str:
    """`name`, or `name`-2, -3, … where that is taken."""
    used = set(taken)
    if name not in used:
        return name
    return next(candidate for number in range(2, len(used) + 3) if (candidate := f"{name}-{number}") not in used)


Covering = tuple[str, str]
"""How a path is matched and the path: ("prefix", "/api"); ("any", "") for a match that says nothing of the path."""


def uri_of(match: Mapping[str, Any]) -> Covering:
    """The path condition of one match entry."""
    uri = match.get("uri") or {}
    return next(((how, str(uri[how])) for how in ("exact", "prefix", "regex") if how in uri), ("any", ""))


def covers_path(one: Covering, other: Covering) -> bool:
    """Whether every request that meets `other` meets `one`. A regular expression covers only itself: nobody works out more."""
    if one == other or one in (("any", ""), ("prefix", "/")):
        return True
    return one[0] == "prefix" and other[0] in ("prefix", "exact") and other[1].startswith(one[1])


def conditions(http: Mapping[str, Any]) -> list[tuple[Covering, bool]]:
    """What a route asks of a request: for each of its matches the path, and whether that is all. No match takes everything."""
    matches: Sequence[Mapping[str, Any]] = http.get("match") or []
    if not matches:
        return [(("any", ""), True)]
    return [(uri_of(match), not (match.keys() - {"uri", "name", "gateways"})) for match in matches]
