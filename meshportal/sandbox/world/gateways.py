"""The ingress gateway: which Gateways it serves, and what of the VirtualServices bound to them rules a visitor's request.

Visitors know the name under which a site is published: they ask for the first host of the oldest bound VirtualService that leads
to the service they want.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.sandbox.world.calls import Door, gateway_key
from meshportal.sandbox.world.hosts import age, covers, full_name, qualified, service_of

PORT = 80
Route = tuple[str, Manifest]
"""Namespace of a VirtualService and one of its http routes."""


def serving(gateways: Iterable[Manifest], labels: Mapping[str, str]) -> dict[str, Manifest]:
    """The Gateways whose selector takes pods with these labels, by "namespace/name"."""
    return {
        f"{one['metadata']['namespace']}/{one['metadata']['name']}": one
        for one in sorted(gateways, key=age)
        if (selector := (one.get("spec") or {}).get("selector")) and selector.items() <= labels.items()
    }


def entrance(service: ServiceRef, routes: Sequence[Manifest], gateways: Mapping[str, Manifest]) -> tuple[Door, list[Route]]:
    """How visitors of `service` come in, and the http routes that may take them. Without any they find nothing."""
    bound = [one for one in routes if _hosts(one, gateways)]
    first = next((one for one in bound if _leads_to(one, service)), None)
    if first is None:
        return Door(full_name(service), PORT, frozenset(gateways)), []
    host = _hosts(first, gateways)[0]
    same = [one for one in bound if any(covers(other, host) for other in _hosts(one, gateways))]
    found = [(one["metadata"]["namespace"], route) for one in same for route in one["spec"].get("http") or []]
    return Door(full_name(service) if host == "*" else host, PORT, frozenset(gateways)), found


def _hosts(route: Manifest, gateways: Mapping[str, Manifest]) -> list[str]:
    """The hosts under which a VirtualService is reached through its gateways: those that the gateways have as well."""
    spec, namespace = route.get("spec") or {}, route["metadata"]["namespace"]
    names = [gateway_key(name, namespace) for name in spec.get("gateways") or []]
    published = [host for name in names if name in gateways for host in _published(gateways[name], namespace)]
    return [
        host
        for host in (qualified(host, namespace) for host in spec.get("hosts") or [])
        if any(covers(one, host) or covers(host, one) for one in published)
    ]


def _published(gateway: Manifest, namespace: str) -> list[str]:
    """Hosts of a Gateway that a VirtualService of `namespace` may take: "ns/host" is for one namespace, "./host" for its own."""
    found = []
    for server in gateway["spec"].get("servers") or []:
        for entry in server.get("hosts") or []:
            where, _, host = entry.rpartition("/")
            home = gateway["metadata"]["namespace"] if where == "." else where
            if home in ("", "*", namespace):
                found.append(host)
    return found


def _leads_to(route: Manifest, service: ServiceRef) -> bool:
    namespace = route["metadata"]["namespace"]
    hosts = (
        entry.get("destination", {}).get("host", "")
        for http in route["spec"].get("http") or []
        for entry in http.get("route") or []
    )
    return any(service_of(qualified(host, namespace)) == service for host in hosts)
