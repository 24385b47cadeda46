"""What a mesh exposes: as the rows of one service's form, and as a list of every host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.gateways.binding import (
    TLS_PROTOCOLS,
    exposed_at,
    gateways_of,
    in_mesh_too,
    labels_text,
    meeting,
    namespace_of,
    port_of,
    protocol_of,
    redirects,
    servers_of,
    spec_of,
    tls_of,
    uri_of,
)
from meshportal.mesh.hosts import names_service
from meshportal.mesh.origins import mark
from meshportal.mesh.refs import VIRTUAL_SERVICE, Manifest, ResourceRef, ServiceRef, ref_of

SHOWN_HTTP = frozenset({"match", "route", "rewrite"})
SHOWN_TLS = frozenset({"mode", "credentialName", "httpsRedirect"})


@dataclass(frozen=True)
class LiveExposure:
    """One HTTP route that carries requests from a gateway to the service.

    `place` is its place in spec.http; `gateway` is the first Gateway it counts at; `server` and `redirect` are places in that
    Gateway's spec.servers: of the port it is answered at, and of the one that sends plain HTTP there. None where there is none.
    """

    virtual_service: ResourceRef
    place: int
    gateway: ResourceRef
    server: int | None
    redirect: int | None
    raw: Mapping[str, Any]

    @property
    def origin(self) -> str:
        return str(self.raw["origin"])


def origin_values(facts: Facts, service: ServiceRef) -> list[dict[str, Any]]:
    """The entries that origins of a form's rows mark, in order."""
    return [
        {"virtualService": str(ref_of(virtual_service)), "http": http}
        for virtual_service, _place, http, _at in _routes(facts, service)
    ]


def exposures(facts: Facts, service: ServiceRef) -> list[LiveExposure]:
    """Every HTTP route from a gateway to `service`, by VirtualService and in its order."""
    found = []
    for number, (virtual_service, place, http, at) in enumerate(_routes(facts, service)):
        gateway = facts.get(at[0])
        server, redirect = _answering(gateway, at[0], virtual_service)
        origin = mark(number, {"virtualService": str(ref_of(virtual_service)), "http": http})
        raw = _row(origin, virtual_service, http, at[0], gateway, service, facts.domain)
        raw |= _port(servers_of(gateway)[server] if server is not None else {}, redirect is not None)
        found.append(LiveExposure(ref_of(virtual_service), place, at[0], server, redirect, raw))
    return found


def read(facts: Facts, service: ServiceRef) -> dict[str, Any]:
    """What the form shows: {"exposures": [row, …]}."""
    return {"exposures": [dict(live.raw) for live in exposures(facts, service)]}


def kept(facts: Facts, service: ServiceRef) -> list[str]:
    """Paths of live fields around these routes that the form cannot show. They survive."""
    paths: dict[str, None] = {}
    for live in exposures(facts, service):
        virtual_service, gateway = facts.get(live.virtual_service), facts.get(live.gateway)
        if virtual_service:
            paths.update(dict.fromkeys(_kept_of_route(virtual_service, live)))
        if gateway and live.server is not None:
            at, server = f"{live.gateway} spec.servers[{live.server}]", servers_of(gateway)[live.server]
            paths.update(dict.fromkeys(f"{at}.{key}" for key in sorted(server.keys() - {"port", "hosts", "tls"})))
            paths.update(dict.fromkeys(f"{at}.tls.{key}" for key in sorted(tls_of(server).keys() - SHOWN_TLS)))
    return list(paths)


def _kept_of_route(virtual_service: Manifest, live: LiveExposure) -> Iterator[str]:
    spec, at = spec_of(virtual_service), f"{live.virtual_service} spec.http[{live.place}]"
    http = spec["http"][live.place]
    yield from (f"{at}.{key}" for key in sorted(http.keys() - SHOWN_HTTP))
    yield from (f"{at}.rewrite.{key}" for key in sorted((http.get("rewrite") or {}).keys() - {"uri"}))
    for number, match in enumerate(http.get("match") or []):
        yield from (f"{at}.match[{number}].{key}" for key in sorted(match.keys() - {"uri"}))
    for number, entry in enumerate(http.get("route") or []):
        yield from (f"{at}.route[{number}].{key}" for key in sorted(entry.keys() - {"destination"}))
        if "subset" in (entry.get("destination") or {}):
            yield f"{at}.route[{number}].destination.subset"
    # the form shows one Gateway; a route at several stays at the others
    shown = {"hosts", "http"} | ({"gateways"} if len(spec.get("gateways") or []) == 1 else set())
    yield from (f"{live.virtual_service} spec.{key}" for key in sorted(spec.keys() - shown))


def _routes(facts: Facts, service: ServiceRef) -> Iterator[tuple[Manifest, int, dict[str, Any], list[ResourceRef]]]:
    for virtual_service in facts.of(VIRTUAL_SERVICE):
        for place, http in enumerate(spec_of(virtual_service).get("http") or []):
            at = exposed_at(virtual_service, http)
            if at and destinations_to(http, service, namespace_of(virtual_service), facts.domain):
                yield virtual_service, place, http, at


def destinations_to(http: Mapping[str, Any], service: ServiceRef, namespace: str, domain: str) -> list[dict[str, Any]]:
    """The destinations of a route, in an object of `namespace`, that are `service`."""
    found = [entry.get("destination") or {} for entry in http.get("route") or []]
    return [target for target in found if names_service(str(target.get("host", "")), service, namespace, domain)]


def _answering(gateway: Manifest | None, ref: ResourceRef, virtual_service: Manifest) -> tuple[int | None, int | None]:
    """The servers of a Gateway for a VirtualService's hosts: the one that carries its requests, with TLS before without, and the
    one that only redirects to it."""
    carrying: list[int] = []
    sending: list[int] = []
    servers = servers_of(gateway)
    for place, server in enumerate(servers):
        if meeting(server, ref, virtual_service):
            (sending if redirects(server) else carrying).append(place)
    carrying.sort(key=lambda place: protocol_of(servers[place]) not in TLS_PROTOCOLS)
    return next(iter(carrying), None), next(iter(sending), None)


def _row(
    origin: str,
    virtual_service: Manifest,
    http: Mapping[str, Any],
    at: ResourceRef,
    gateway: Manifest | None,
    service: ServiceRef,
    domain: str,
) -> dict[str, Any]:
    target = destinations_to(http, service, namespace_of(virtual_service), domain)[0]
    number = (target.get("port") or {}).get("number")
    paths = [
        {"origin": mark(place, match), "how": uri_of(match)[0], "path": uri_of(match)[1]}
        for place, match in enumerate(http.get("match") or [])
    ]
    return {
        "origin": origin,
        "gateway": f"{at.namespace}/{at.name}",
        "workload": labels_text(spec_of(gateway).get("selector") or {}) if gateway else "",
        "hosts": ", ".join(str(host) for host in spec_of(virtual_service).get("hosts") or []),
        "paths": paths,
        "target_port": "" if number is None else str(number),
        "rewrite": str((http.get("rewrite") or {}).get("uri") or ""),
    }


def _port(server: Mapping[str, Any], redirected: bool) -> dict[str, Any]:
    tls = tls_of(server)
    return {
        "port": str(port_of(server) or ""),
        "protocol": protocol_of(server),
        "tls_mode": str(tls.get("mode") or ""),
        "credential": str(tls.get("credentialName") or ""),
        "redirect": redirected,
    }


def shared_with(facts: Facts, live: LiveExposure) -> bool:
    """Whether the VirtualService of a row also routes inside the mesh."""
    virtual_service = facts.get(live.virtual_service)
    return virtual_service is not None and in_mesh_too(virtual_service) and bool(gateways_of(virtual_service))
