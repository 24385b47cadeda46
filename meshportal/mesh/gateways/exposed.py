"""Every host that the gateways of a mesh answer, and what is behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.authors import Author, author_of
from meshportal.mesh.facts import Facts
from meshportal.mesh.gateways.binding import (
    HTTP_PROTOCOLS,
    exposed_at,
    gateways_of,
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
from meshportal.mesh.refs import GATEWAY, VIRTUAL_SERVICE, Manifest, ResourceRef, ServiceRef, ref_of


@dataclass(frozen=True)
class Exposed:
    """One host at one port of one Gateway, and where one path of it leads.

    `how` is prefix, exact, regex or any (every path), redirect (the port only sends to HTTPS), sni (TLS passed through by its
    server name), tcp (a connection), or nothing (no VirtualService answers for this host). `services` are those it leads to,
    `elsewhere` hosts that are no service of the mesh. `author` is who last wrote the routes, or the servers where there is none.
    """

    host: str
    port: int
    protocol: str
    tls_mode: str
    credential: str
    gateway: ResourceRef
    selector: str
    how: str
    path: str = ""
    virtual_service: ResourceRef | None = None
    services: tuple[ServiceRef, ...] = ()
    elsewhere: tuple[str, ...] = ()
    author: Author | None = None


def exposed(facts: Facts) -> list[Exposed]:
    """Every host, port and path, by host, port, Gateway and in the order in which a gateway tries the paths."""
    found: list[Exposed] = []
    bound: dict[ResourceRef, list[Manifest]] = {}
    for virtual_service in facts.of(VIRTUAL_SERVICE):
        for ref in dict.fromkeys(gateways_of(virtual_service)):
            bound.setdefault(ref, []).append(virtual_service)
    for gateway in facts.of(GATEWAY):
        for server in servers_of(gateway):
            found.extend(_of_server(facts, gateway, server, bound.get(ref_of(gateway), [])))
    return sorted(found, key=lambda one: (one.host, one.port, str(one.gateway)))


def _of_server(facts: Facts, gateway: Manifest, server: Mapping[str, Any], bound: list[Manifest]) -> Iterator[Exposed]:
    answered: set[str] = set()
    for virtual_service in bound:
        for host in meeting(server, ref_of(gateway), virtual_service):
            answered.add(host)
            if not redirects(server):
                yield from _paths(facts, gateway, server, virtual_service, host)
    if redirects(server):
        yield from (_at(gateway, server, host.rpartition("/")[2], "redirect") for host in server.get("hosts") or [])
    elif not answered:
        yield from (_at(gateway, server, host.rpartition("/")[2], "nothing") for host in server.get("hosts") or [])


def _paths(facts: Facts, gateway: Manifest, server: Mapping[str, Any], virtual_service: Manifest, host: str) -> Iterator[Exposed]:
    spec = spec_of(virtual_service)
    if protocol_of(server) in HTTP_PROTOCOLS or tls_of(server).get("mode") not in (None, "PASSTHROUGH", "AUTO_PASSTHROUGH"):
        for http in spec.get("http") or []:
            if ref_of(gateway) not in exposed_at(virtual_service, http):
                continue
            for match in http.get("match") or [{}]:
                how, path = uri_of(match)
                yield _at(gateway, server, host, how, path, virtual_service, http, facts)
        return
    for how, routes in (("sni", spec.get("tls") or []), ("tcp", spec.get("tcp") or [])):
        for route in routes:
            yield _at(gateway, server, host, how, "", virtual_service, route, facts)


def _at(
    gateway: Manifest,
    server: Mapping[str, Any],
    host: str,
    how: str,
    path: str = "",
    virtual_service: Manifest | None = None,
    route: Mapping[str, Any] | None = None,
    facts: Facts | None = None,
) -> Exposed:
    services, elsewhere = _targets(route or {}, virtual_service, facts) if virtual_service and facts else ((), ())
    return Exposed(
        host=host,
        port=port_of(server),
        protocol=protocol_of(server),
        tls_mode=str(tls_of(server).get("mode") or ""),
        credential=str(tls_of(server).get("credentialName") or ""),
        gateway=ref_of(gateway),
        selector=labels_text(spec_of(gateway).get("selector") or {}),
        how=how,
        path=path,
        virtual_service=ref_of(virtual_service) if virtual_service else None,
        services=services,
        elsewhere=elsewhere,
        author=_author(gateway, virtual_service, how),
    )


def _author(gateway: Manifest, virtual_service: Manifest | None, how: str) -> Author | None:
    if virtual_service is None:
        return author_of(gateway, ("spec", "servers"))
    return author_of(virtual_service, ("spec", {"sni": "tls", "tcp": "tcp"}.get(how, "http")))


def _targets(route: Mapping[str, Any], virtual_service: Manifest, facts: Facts) -> tuple[tuple[ServiceRef, ...], tuple[str, ...]]:
    """Where a route leads: services of the mesh, and other hosts, each once and in its order."""
    services: dict[ServiceRef, None] = {}
    elsewhere: dict[str, None] = {}
    for entry in route.get("route") or []:
        host = str((entry.get("destination") or {}).get("host", ""))
        service = service_of(host, namespace_of(virtual_service), facts)
        if service:
            services[service] = None
        else:
            elsewhere[host] = None
    return tuple(services), tuple(elsewhere)


def service_of(host: str, namespace: str, facts: Facts) -> ServiceRef | None:
    """The service a host means in an object of `namespace`; where the services are not known, what its form says."""
    labels = host.split(".")
    guess = ServiceRef(labels[1] if len(labels) > 1 else namespace, labels[0])
    if not names_service(host, guess, namespace, facts.domain):
        return None
    # example.com is no service of a namespace com
    return guess if len(labels) != 2 or facts.service(guess) else None
