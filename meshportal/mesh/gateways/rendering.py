"""From a GatewayIntent to a Plan. Only what a row changes is written; everything else survives, whatever it is."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.gateways.binding import (
    exposed_at,
    in_mesh_too,
    namespace_of,
    servers_of,
    spec_of,
    uri_of,
)
from meshportal.mesh.gateways.draft import GATEWAY_SUFFIX, VIRTUAL_SERVICE_SUFFIX, Draft, place_for
from meshportal.mesh.gateways.intent import REDIRECT_PORT, Exposure, GatewayIntent
from meshportal.mesh.gateways.reading import LiveExposure, destinations_to, exposures
from meshportal.mesh.gateways.servers import Server, Wanted, change, ensure, serves_only, take_out
from meshportal.mesh.hosts import MESH_GATEWAY
from meshportal.mesh.origins import find
from meshportal.mesh.plans import Plan
from meshportal.mesh.refs import GATEWAY, VIRTUAL_SERVICE, Manifest, ResourceRef, ref_of

PORT_FIELDS = frozenset({"port", "protocol", "tls_mode", "credential"})
Route = dict[str, Any]


@dataclass
class Held:
    """Where a live row's parts are in the working copies: kept by identity, for their places move."""

    virtual_service: Manifest
    route: Route
    server: Server | None
    redirect: Server | None
    hosts: tuple[str, ...]


@dataclass
class Rendered:
    """A plan, and for each row of the intent the VirtualService and the route it has become."""

    plan: Plan
    routes: list[tuple[ResourceRef, Route]]


def render(intent: GatewayIntent, facts: Facts) -> Plan:
    """What has to change for exactly these exposures to be there. Every object that a row came from is an item all the same."""
    return build(intent, facts).plan


def build(intent: GatewayIntent, facts: Facts) -> Rendered:
    work = _Work(facts, intent)
    wanted = {exposure.live.origin for exposure in intent.exposures if exposure.live}
    for live in exposures(facts, intent.service):
        if live.origin not in wanted:
            work.take_away(live)
    routes = [work.edit(exposure) if exposure.live else work.add(exposure) for exposure in intent.exposures]
    work.tidy()
    return Rendered(work.draft.plan(), routes)


class _Work:
    def __init__(self, facts: Facts, intent: GatewayIntent) -> None:
        self.facts, self.service = facts, intent.service
        self.draft = Draft(facts, intent.service)
        self.left: list[tuple[ResourceRef, tuple[str, ...]]] = []  # hosts that a row no longer needs at a Gateway
        self.held = {live.origin: self._hold(live) for live in exposures(facts, intent.service)}
        self.made: dict[str, ResourceRef] = {}  # new Gateways by their selector

    def _hold(self, live: LiveExposure) -> Held:
        virtual_service = self.draft.get(live.virtual_service)
        assert virtual_service is not None  # noqa: S101  it was read a moment ago
        servers = servers_of(self.draft.get(live.gateway))
        return Held(
            virtual_service,
            spec_of(virtual_service)["http"][live.place],
            servers[live.server] if live.server is not None else None,
            servers[live.redirect] if live.redirect is not None else None,
            tuple(str(host) for host in spec_of(virtual_service).get("hosts") or []),
        )

    # ------------------------------------------------------------ rows

    def take_away(self, live: LiveExposure) -> None:
        held = self.held[live.origin]
        self._detach(held.virtual_service, held.route)
        self.left.append((live.gateway, held.hosts))

    def add(self, exposure: Exposure) -> tuple[ResourceRef, Route]:
        port = {"port": {"number": exposure.target_port}} if exposure.target_port else {}
        host = f"{self.service.name}.{self.service.namespace}.svc.{self.facts.domain}"
        route: Route = {"route": [{"destination": {"host": host} | port}]}
        if exposure.paths:
            route = {"match": [{"uri": {path.how: path.path}} for path in exposure.paths]} | route
        if exposure.rewrite:
            route["rewrite"] = {"uri": exposure.rewrite}
        gateway = self._gateway(exposure)
        self._serve(exposure, gateway, None)
        return self._attach(route, [gateway], exposure.hosts), route

    def edit(self, exposure: Exposure) -> tuple[ResourceRef, Route]:
        live = exposure.live
        assert live is not None  # noqa: S101  rows without it are added
        held, edited = self.held[live.origin], exposure.edited
        virtual_service, route = held.virtual_service, held.route
        if "target_port" in edited:
            self._set_port(virtual_service, route, exposure.target_port)
        if "rewrite" in edited:
            _set_rewrite(route, exposure.rewrite)
        if "paths" in edited:
            _set_paths(route, exposure)
        gateway = live.gateway if exposure.gateway == live.gateway else self._gateway(exposure)
        if edited & {"hosts", "gateway"}:
            virtual_service, route = self._move(held, gateway, exposure.hosts, live.gateway)
            self.left.append((live.gateway, held.hosts))
        elif "paths" in edited:
            routes = spec_of(virtual_service)["http"]
            place = next(place for place, other in enumerate(routes) if other is route)
            del routes[place]
            routes.insert(place_for(route, routes, place), route)
        if edited & (PORT_FIELDS | {"hosts", "gateway", "redirect"}):
            self._serve(exposure, gateway, held if gateway == live.gateway else None)
        return ref_of(virtual_service), route

    # ------------------------------------------------------------ routes

    def _set_port(self, virtual_service: Manifest, route: Route, number: int | None) -> None:
        for target in destinations_to(route, self.service, namespace_of(virtual_service), self.facts.domain):
            if number is None:
                target.pop("port", None)
            else:
                target["port"] = (target.get("port") or {}) | {"number": number}

    def _move(self, held: Held, gateway: ResourceRef, hosts: tuple[str, ...], old: ResourceRef) -> tuple[Manifest, Route]:
        """Give a route other hosts or another Gateway: with its VirtualService where that is for nothing else, else without."""
        virtual_service, spec = held.virtual_service, spec_of(held.virtual_service)
        alone = len(spec["http"]) == 1 and not spec.get("tcp") and not spec.get("tls") and not in_mesh_too(virtual_service)
        bound = [gateway, *(ref for ref in exposed_at(virtual_service, held.route) if ref not in (old, gateway))]
        taken = self.draft.virtual_service_for(gateway, hosts) if len(bound) == 1 else None
        if alone and taken in (None, virtual_service):
            if hosts != held.hosts:
                spec["hosts"] = list(hosts)
            if gateway != old:
                spec["gateways"] = [_name(ref) for ref in bound]
            return virtual_service, held.route
        route = copy.deepcopy(held.route)
        for match in route.get("match") or []:
            match.pop("gateways", None)
        if namespace_of(virtual_service) != (namespace_of(taken) if taken else self.service.namespace):
            _spell_out(route, namespace_of(virtual_service), self.facts.domain)
        self._detach(virtual_service, held.route)
        ref = self._attach(route, bound, hosts)
        return self.draft.work[ref], route

    def _attach(self, route: Route, gateways: list[ResourceRef], hosts: tuple[str, ...]) -> ResourceRef:
        found = self.draft.virtual_service_for(gateways[0], hosts) if len(gateways) == 1 else None
        if found is None:
            spec = {"hosts": list(hosts), "gateways": [_name(ref) for ref in gateways], "http": [route]}
            return ref_of(self.draft.make(VIRTUAL_SERVICE, VIRTUAL_SERVICE_SUFFIX, spec))
        routes = spec_of(found).setdefault("http", [])
        routes.insert(place_for(route, routes), route)
        return ref_of(found)

    def _detach(self, virtual_service: Manifest, route: Route) -> None:
        """Take a route from the gateways. Inside the mesh it stays, where its VirtualService is for the mesh too."""
        spec = spec_of(virtual_service)
        if in_mesh_too(virtual_service):
            others = [other for other in spec["http"] if other is not route]
            if not others and not spec.get("tcp") and not spec.get("tls"):
                spec["gateways"] = [MESH_GATEWAY]
            else:
                route["match"] = [match | {"gateways": [MESH_GATEWAY]} for match in route.get("match") or [{}]]
            return
        spec["http"] = [other for other in spec["http"] if other is not route]
        if not spec["http"]:
            del spec["http"]
            if not spec.get("tcp") and not spec.get("tls"):
                self.draft.gone.add(ref_of(virtual_service))

    # ------------------------------------------------------------ gateways

    def _gateway(self, exposure: Exposure) -> ResourceRef:
        if exposure.gateway is not None:
            return exposure.gateway
        key = str(sorted(exposure.workload.items()))
        if key not in self.made:
            spec = {"selector": dict(exposure.workload), "servers": []}
            self.made[key] = ref_of(self.draft.make(GATEWAY, GATEWAY_SUFFIX, spec))
        return self.made[key]

    def _serve(self, exposure: Exposure, ref: ResourceRef, held: Held | None) -> None:
        """Let a Gateway answer a row's hosts at its port. `held` is the row as it was, where it was at this Gateway."""
        gateway = self.draft.get(ref)
        if gateway is None:
            return
        servers = gateway.setdefault("spec", {}).setdefault("servers", [])
        hosts, namespace = exposure.hosts, self.service.namespace
        wanted = Wanted(exposure.port, exposure.protocol, exposure.tls_mode, exposure.credential)
        if held and held.server and exposure.edited & PORT_FIELDS:
            if serves_only(held.server, (*hosts, *held.hosts)):
                change(held.server, wanted)
            else:
                take_out(servers, held.hosts, [held.server])
        ensure(servers, ref, namespace, hosts, wanted)
        if exposure.redirect:
            ensure(servers, ref, namespace, hosts, Wanted(REDIRECT_PORT, "HTTP", redirect=True))
        elif held and held.redirect and "redirect" in exposure.edited:
            take_out(servers, held.hosts, [held.redirect])

    def tidy(self) -> None:
        """Take hosts that no VirtualService claims any more out of the Gateways of the service's own namespace. Elsewhere they
        stay: a Gateway that teams share is its owners' to tidy."""
        for ref, hosts in self.left:
            unused = [host for host in hosts if not self.draft.in_use(ref, host)]
            gateway = self.draft.get(ref)
            if gateway is None or ref.namespace != self.service.namespace or not unused:
                continue
            servers = spec_of(gateway).get("servers") or []
            take_out(servers, unused)
            if not servers:
                self.draft.gone.add(ref)


def _name(gateway: ResourceRef) -> str:
    """A Gateway as VirtualServices of every namespace can name it."""
    return f"{gateway.namespace}/{gateway.name}"


def _set_rewrite(route: Route, uri: str) -> None:
    rewrite = route.setdefault("rewrite", {})
    if uri:
        rewrite.pop("uriRegexRewrite", None)  # Istio takes one of the two
        rewrite["uri"] = uri
    else:
        rewrite.pop("uri", None)
    if not rewrite:
        del route["rewrite"]


def _set_paths(route: Route, exposure: Exposure) -> None:
    """The matches of a route: those that a path came from with all else they ask, new ones with the path alone."""
    live = route.get("match") or []
    limits = [match["gateways"] for match in live if match.get("gateways")]
    matches = []
    for path in exposure.paths:
        place = find(path.origin, live)
        if place is not None:
            match = copy.deepcopy(live[place])
            if path.covering != uri_of(match):
                match["uri"] = {path.how: path.path}
        else:
            match = {"uri": {path.how: path.path}} | ({"gateways": list(limits[0])} if limits else {})
        matches.append(match)
    if matches:
        route["match"] = matches
    else:
        route.pop("match", None)


def _spell_out(route: Route, namespace: str, domain: str) -> None:
    """Write the short hosts of a route in full before it leaves its namespace, where they would mean another service."""
    mirrors = [route.get("mirror"), *(entry.get("destination") for entry in route.get("mirrors") or [])]
    for target in [*(entry.get("destination") for entry in route.get("route") or []), *mirrors]:
        if target and target.get("host") and "." not in target["host"]:
            target["host"] = f"{target['host']}.{namespace}.svc.{domain}"
