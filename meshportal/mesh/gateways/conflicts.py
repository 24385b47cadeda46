"""Rows that cannot be had together, with each other or with what others have exposed: seen in the mesh as it would be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.field_errors import FieldError
from meshportal.mesh.gateways.binding import (
    HTTP_PROTOCOLS,
    TLS_PROTOCOLS,
    Covering,
    conditions,
    covers_path,
    exposed_at,
    gateways_of,
    meeting,
    overlap,
    port_of,
    protocol_of,
    redirects,
    servers_of,
    spec_of,
)
from meshportal.mesh.gateways.intent import REDIRECT_PORT, Exposure, GatewayIntent
from meshportal.mesh.gateways.rendering import Route, build
from meshportal.mesh.refs import VIRTUAL_SERVICE, Manifest, ResourceRef, ServiceRef, ref_of

ROUTING = frozenset({"hosts", "gateway", "paths"})


@dataclass(frozen=True)
class _Placed:
    """A row of the form and what it has become."""

    at: str
    exposure: Exposure
    virtual_service: Manifest
    place: int
    gateway: ResourceRef

    @property
    def route(self) -> Mapping[str, Any]:
        route: Mapping[str, Any] = spec_of(self.virtual_service)["http"][self.place]
        return route

    def path_field(self, number: int) -> str:
        return f"{self.at}.paths[{number}].path" if self.exposure.paths else f"{self.at}.paths"


def conflicts(facts: Facts, service: ServiceRef, rows: Sequence[Exposure]) -> list[FieldError]:
    """Errors port-protocol, redirect-shared, path-taken and path-takes, of rows that are new or edited."""
    rendered = build(GatewayIntent(service, tuple(rows)), facts)
    after = facts.after(rendered.plan)
    errors: list[FieldError] = []
    for number, (exposure, (ref, route)) in enumerate(zip(rows, rendered.routes, strict=True)):
        placed = _placed(f"exposures[{number}]", exposure, after, ref, route) if exposure.edited else None
        if placed is None:
            continue
        errors.extend(_port(placed, after))
        if exposure.live is None or exposure.edited & ROUTING:
            errors.extend(_paths(placed, after))
    return errors


def _placed(at: str, exposure: Exposure, after: Facts, ref: ResourceRef, route: Route) -> _Placed | None:
    virtual_service = after.get(ref)
    routes = spec_of(virtual_service).get("http") or [] if virtual_service else []
    place = next((place for place, other in enumerate(routes) if other is route), None)
    if virtual_service is None or place is None:
        return None
    gateways = exposed_at(virtual_service, route)
    return _Placed(at, exposure, virtual_service, place, gateways[0]) if gateways else None


def _port(placed: _Placed, after: Facts) -> Iterator[FieldError]:
    """One port speaks one protocol: of servers with another, Istio leaves all out but the first."""
    exposure, servers = placed.exposure, servers_of(after.get(placed.gateway))
    ports = {"port": (exposure.port, exposure.protocol)}
    if exposure.redirect and exposure.edited & {"redirect", "port", "gateway", "hosts"}:
        ports["redirect"] = (REDIRECT_PORT, "HTTP")
    for field, (number, protocol) in ports.items():
        others = {protocol_of(server) for server in servers if port_of(server) == number}
        if other := next((other for other in sorted(others) if _family(other) != _family(protocol)), ""):
            said = {"port": number, "protocol": protocol, "other": other, "gateway": str(placed.gateway)}
            yield FieldError(f"{placed.at}.{field}", "port-protocol", said)
    if exposure.live and "redirect" in exposure.edited and not exposure.redirect:
        for server in servers:
            if redirects(server) and (hosts := meeting(server, placed.gateway, placed.virtual_service)):
                said = {"gateway": str(placed.gateway), "hosts": ", ".join(server.get("hosts") or []), "host": hosts[0]}
                yield FieldError(f"{placed.at}.redirect", "redirect-shared", said)
                return


def _family(protocol: str) -> str:
    if protocol in TLS_PROTOCOLS:
        return "TLS"
    return "HTTP" if protocol in HTTP_PROTOCOLS else protocol


def _paths(placed: _Placed, after: Facts) -> Iterator[FieldError]:
    """A path of a row that another route takes first, has as well, or loses to it."""
    routes = spec_of(placed.virtual_service)["http"]
    before, behind = routes[: placed.place], routes[placed.place + 1 :]
    for number, (mine, whole) in enumerate(conditions(placed.route)):
        field = placed.path_field(number)
        if taker := next((route for route in before if _takes(route, mine)), None):
            yield FieldError(field, "path-taken", {"path": mine[1] or "/", "by": _targets(taker)})
        elif other := _same_elsewhere(placed, after, mine):
            yield FieldError(field, "path-taken", {"path": mine[1] or "/", "by": other})
        elif whole:
            yield from _losers(field, mine, before, behind)


def _losers(
    field: str, mine: Covering, before: Sequence[Mapping[str, Any]], behind: Sequence[Mapping[str, Any]]
) -> Iterator[FieldError]:
    for place, loser in enumerate(behind):
        for theirs, _whole in conditions(loser):
            shadowed = any(_takes(route, theirs) for route in (*before, *behind[:place]))
            if covers_path(mine, theirs) and not shadowed:
                code = "path-taken" if mine == theirs else "path-takes"
                yield FieldError(field, code, {"path": mine[1] or "/", "theirs": theirs[1] or "/", "by": _targets(loser)})
                return


def _takes(route: Mapping[str, Any], path: Covering) -> bool:
    return any(whole and covers_path(theirs, path) for theirs, whole in conditions(route))


def _same_elsewhere(placed: _Placed, after: Facts, mine: Covering) -> str:
    """Where another VirtualService of the same Gateway and host sends the same path; "" where none does."""
    hosts = spec_of(placed.virtual_service).get("hosts") or []
    for other in after.of(VIRTUAL_SERVICE):
        if ref_of(other) == ref_of(placed.virtual_service) or placed.gateway not in gateways_of(other):
            continue
        if not any(overlap(str(one), str(host)) == one == host for one in spec_of(other).get("hosts") or [] for host in hosts):
            continue
        for route in spec_of(other).get("http") or []:
            if placed.gateway in exposed_at(other, route) and any(c == mine and whole for c, whole in conditions(route)):
                return f"{_targets(route)} ({ref_of(other)})"
    return ""


def _targets(route: Mapping[str, Any]) -> str:
    hosts = [str((entry.get("destination") or {}).get("host", "")) for entry in route.get("route") or []]
    return ", ".join(dict.fromkeys(host for host in hosts if host)) or next(
        (key for key in ("redirect", "directResponse", "delegate") if key in route), "?"
    )
