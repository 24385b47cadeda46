"""What is remarkable about routes that Istio takes: order, weights, retries, and VirtualServices beside one another.

Sources: Kiali's checks of VirtualServices; analyzeUnreachableHTTPRules in pkg/config/validation/validation.go and virtualservice/
in pkg/config/analysis/analyzers of Istio; foot-guns 3, 6, 8, 13 to 15 and 18 of docs/findings.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from meshportal.mesh.durations import parse
from meshportal.mesh.findings import Finding
from meshportal.mesh.hosts import MESH_GATEWAY
from meshportal.mesh.rules.node import Node
from meshportal.mesh.rules.view import Mesh, covered, full_gateway, in_mesh, named

HTTP_PROTOCOLS = frozenset({"http", "http2", "grpc", "grpc-web", "http_proxy", ""})
_REPEATABLE = frozenset(
    {"connect-failure", "refused-stream", "unavailable", "reset-before-request", "http3-post-connect-failure"}
)


@dataclass(frozen=True)
class _Claim:
    """One host that one VirtualService routes, for `scope` (a namespace that sees it, * for all) at `gateway`."""

    spec: Node
    host: str
    scope: str


def shared_hosts(mesh: Mesh) -> Iterator[Finding]:
    """IST0109 inside the mesh, KIA1106 at Gateways. A VirtualService seen everywhere also meets those seen in one namespace."""
    at: dict[str, list[_Claim]] = defaultdict(list)
    for spec in mesh.virtual_services:
        gateways = [gateway.text for gateway in spec.texts("gateways")] or [MESH_GATEWAY]
        for gateway in gateways:
            where = gateway if gateway == MESH_GATEWAY else full_gateway(gateway, spec.namespace)
            at[where] += [
                _Claim(spec, mesh.fqdn(host.text, spec.namespace), scope)
                for scope in (_scopes(spec) if where == MESH_GATEWAY else ["*"])
                for host in spec.texts("hosts")
            ]
    for gateway, claims in at.items():
        yield from _rivals(gateway, claims)


def _rivals(gateway: str, claims: list[_Claim]) -> Iterator[Finding]:
    by_host: dict[tuple[str, str], list[_Claim]] = defaultdict(list)
    wild: list[_Claim] = []
    for claim in claims:
        by_host[claim.scope, claim.host].append(claim)
        if claim.host.startswith("*") and claim.scope == "*":
            wild.append(claim)
    found: dict[tuple[str, str], tuple[Node, str, set[str]]] = {}
    for (scope, host), same in by_host.items():
        wider = [] if scope == "*" else [*by_host.get(("*", host), []), *(one for one in wild if covered(host, one.host))]
        rivals = {one.spec.ref: one.spec for one in [*same, *wider]}
        for claim in [*same, *wider] if len(rivals) > 1 else []:
            key = (str(claim.spec.ref), host)
            _spec, _host, names = found.setdefault(key, (claim.spec, host, set()))
            names.update(named(spec for spec in rivals.values() if spec.ref != claim.spec.ref))
    for spec, host, names in found.values():
        if gateway == MESH_GATEWAY:
            yield spec["hosts"].finding("IST0109", host=host, names=sorted(names))
        else:
            yield spec["hosts"].finding("KIA1106", host=host, gateway=gateway, names=sorted(names))


def _scopes(spec: Node) -> list[str]:
    entries = [entry.text for entry in spec.texts("exportTo")]
    if not entries or "*" in entries:
        return ["*"]
    return sorted({spec.namespace if entry == "." else entry for entry in entries})


def weights(mesh: Mesh) -> Iterator[Finding]:
    """KIA1104, KIA1105, MP0203."""
    for spec in mesh.virtual_services:
        for kind in ("http", "tcp", "tls"):
            for route in spec.each(kind):
                entries = route.each("route")
                numbers = [entry["weight"].number for entry in entries]
                if len(entries) == 1 and numbers[0] not in (None, 100):
                    yield entries[0]["weight"].finding("KIA1104", weight=int(numbers[0] or 0))
                total = sum(number or 0 for number in numbers)
                if len(entries) > 1 and total not in (0, 100):
                    yield route["route"].finding("MP0203", sum=int(total))
                yield from _repeated(mesh, entries)


def _repeated(mesh: Mesh, entries: list[Node]) -> Iterator[Finding]:
    seen: set[tuple[object, ...]] = set()
    for entry in entries:
        place = entry["destination"]
        host, subset = mesh.fqdn(place["host"].text, place.namespace), place["subset"].text
        key = (host, subset, place["port"]["number"].number)
        if place["host"].text and key in seen:
            yield place.finding("KIA1105", host=host, subset=subset)
        seen.add(key)


def idle_subsets(mesh: Mesh) -> Iterator[Finding]:
    """MP0202."""
    if not mesh.whole:
        return
    for targets in mesh.targets.values():
        for target in targets:
            host, subsets = mesh.host(target.host), mesh.subset(target.host, target.subset)
            if not (target.subset and target.share and host and host.selector and subsets):
                continue
            groups = mesh.pods(host.namespace, {**host.selector, **subsets[0]["labels"].strings()})
            if not any(group.ready for group in groups):
                total = sum(group.total for group in groups)
                yield target.entry["subset"].finding("MP0202", subset=target.subset, host=target.host, total=total)


def short_hosts(mesh: Mesh) -> Iterator[Finding]:
    """MP0204: a short name that finds nothing where it is, while services of that name are elsewhere."""
    if not mesh.whole:
        return
    places = [target.entry["host"] for targets in mesh.targets.values() for target in targets]
    places += [spec["host"] for spec in mesh.destination_rules]
    places += [host for spec in mesh.virtual_services if in_mesh(spec) for host in spec.texts("hosts")]
    for place in places:
        short = place.text
        if not short or "." in short or "*" in short or mesh.host(mesh.fqdn(short, place.namespace)) is not None:
            continue
        elsewhere = [service.ref.namespace for service in mesh.by_short_name.get(short, [])]
        if elsewhere:
            there = sorted(elsewhere)[0]
            values = {"full": mesh.fqdn(short, place.namespace), "better": mesh.fqdn(short, there), "told": there}
            yield place.finding("MP0204", host=short, **values)


def retries(mesh: Mesh) -> Iterator[Finding]:
    """MP0207, MP0208."""
    for spec in mesh.virtual_services:
        for route in spec.each("http"):
            retry = route["retries"]
            attempts = retry["attempts"].number or 0
            one, whole = parse(retry["perTryTimeout"].text), parse(route["timeout"].text)
            if one and whole and attempts > 0 and (attempts + 1) * one > whole:
                values = {"tries": int(attempts) + 1, "one": retry["perTryTimeout"].text, "timeout": route["timeout"].text}
                yield retry.finding("MP0207", **values)
            risky = sorted({reason.strip() for reason in retry["retryOn"].text.split(",")} - _REPEATABLE - {""})
            if attempts > 0 and risky:
                yield retry["retryOn"].finding("MP0208", reasons=", ".join(risky))


def protocols(mesh: Mesh) -> Iterator[Finding]:
    """MP0262."""
    for targets in mesh.targets.values():
        for target in targets:
            host = mesh.host(target.host)
            if target.kind not in {"http", "mirror"} or host is None:
                continue
            wanted = target.entry["port"]["number"].number
            for port in host.ports:
                if (wanted in (None, port.number)) and port.protocol not in HTTP_PROTOCOLS:
                    yield target.entry.finding("MP0262", host=target.host, port=port.number, protocol=port.protocol)


def kinds_of_service(mesh: Mesh) -> Iterator[Finding]:
    """MP0265, of routes to subsets and of DestinationRules with subsets."""
    for targets in mesh.targets.values():
        for target in targets:
            if target.subset:
                yield from _kind(mesh, target.host, target.entry["host"])
    for spec in mesh.destination_rules:
        if spec.each("subsets"):
            yield from _kind(mesh, mesh.fqdn(spec["host"].text, spec.namespace), spec["host"])


def _kind(mesh: Mesh, name: str, place: Node) -> Iterator[Finding]:
    host = mesh.host(name)
    service = host.service if host else None
    if service is not None and service.external_name:
        yield place.finding("MP0265", host=name, why="external", to=service.external_name)
    elif service is not None and service.headless:
        yield place.finding("MP0265", host=name, why="headless", to="")


def visibility(mesh: Mesh) -> Iterator[Finding]:
    """MP0264."""
    for spec in [*mesh.virtual_services, *mesh.destination_rules]:
        scopes = _scopes(spec)
        if scopes != ["*"] and in_mesh(spec):
            yield spec["exportTo"].finding("MP0264", namespaces=", ".join(scopes))


def ingress(mesh: Mesh) -> Iterator[Finding]:
    """IST0140: routes of a VirtualService with gateways go to a host as a whole, which another one routes by subset."""
    by_subset: dict[str, list[Node]] = defaultdict(list)
    for spec in mesh.virtual_services:
        hosts = {mesh.fqdn(host.text, spec.namespace) for host in spec.texts("hosts")}
        for target in mesh.targets[spec.ref]:
            if target.kind == "http" and target.subset and target.host in hosts:
                by_subset[target.host].append(spec)
    for spec in mesh.virtual_services:
        if not spec.texts("gateways"):
            continue
        for target in mesh.targets[spec.ref]:
            others = [other for other in by_subset.get(target.host, []) if other.ref != spec.ref]
            if target.kind == "http" and not target.subset and others:
                yield target.entry.finding("IST0140", host=target.host, names=named(others))
