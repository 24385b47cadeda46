"""What is remarkable about exposing a service, beside what the rules say of every plan; and what it risks.

MP0101 nothing would change, MP0801 a service becomes reachable from outside, MP0802 other ports answer the same hosts, MP0803 a
route that sidecars follow too is changed, MP0804 nobody here has looked at the certificate, MP0805 requests are not encrypted,
MP0806 a way in is taken away, MP0807 a host stays in a Gateway of another namespace, MP0808 a rewrite doubles a slash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.findings import Finding, Level, Risk, Severity
from meshportal.mesh.gateways.binding import (
    TLS_PROTOCOLS,
    gateways_of,
    meeting,
    port_of,
    protocol_of,
    redirects,
    servers_of,
)
from meshportal.mesh.gateways.intent import Exposure, GatewayIntent
from meshportal.mesh.gateways.reading import LiveExposure, exposures, shared_with
from meshportal.mesh.gateways.rendering import Rendered, build
from meshportal.mesh.gateways.servers import Wanted
from meshportal.mesh.plans import Plan
from meshportal.mesh.refs import GATEWAY, ResourceRef, ref_of

MESH_ROUTING = frozenset({"paths", "target_port", "rewrite"})
OPENING = frozenset({"hosts", "gateway", "paths"})


def remarks(intent: GatewayIntent, facts: Facts, plan: Plan) -> list[Finding]:
    """Our own remarks about a valid intent, by row, worst first."""
    rendered = build(intent, facts)
    after = facts.after(rendered.plan)
    found = [] if plan.changing else [Finding("MP0101", Severity.ERROR, "", {})]
    for number, exposure in enumerate(intent.exposures):
        if exposure.edited:
            found.extend(_of_row(f"exposures[{number}]", number, exposure, facts, after, rendered))
    wanted = {exposure.live.origin for exposure in intent.exposures if exposure.live}
    for live in exposures(facts, intent.service):
        if live.origin not in wanted:
            found.extend(_of_removal(live, facts, after, intent))
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _of_row(at: str, number: int, exposure: Exposure, facts: Facts, after: Facts, rendered: Rendered) -> Iterator[Finding]:
    ref = rendered.routes[number][0]
    if exposure.live is None or exposure.edited & OPENING:
        gateway = exposure.gateway or _new_gateway(rendered.plan)
        namespaces = sorted({item.ref.namespace for item in rendered.plan.changing})
        said = {"hosts": ", ".join(exposure.hosts), "port": exposure.port, "namespaces": ", ".join(namespaces)}
        yield Finding("MP0801", Severity.WARNING, f"{at}.hosts", said | {"gateway": str(gateway or "")})
        if exposure.protocol not in TLS_PROTOCOLS:
            yield Finding("MP0805", Severity.INFO, f"{at}.protocol", {"port": exposure.port})
    if exposure.credential and "credential" in exposure.edited:
        namespace = exposure.gateway.namespace if exposure.gateway else intent_namespace(rendered)
        yield Finding("MP0804", Severity.INFO, f"{at}.credential", {"name": exposure.credential, "namespace": namespace})
    if others := _other_ports(exposure, after, ref):
        yield Finding("MP0802", Severity.WARNING, f"{at}.port", {"ports": others, "port": exposure.port})
    if exposure.edited & {"paths", "rewrite"} and (prefix := _doubles_slash(exposure)):
        yield Finding("MP0808", Severity.INFO, f"{at}.rewrite", {"path": prefix, "rewrite": exposure.rewrite})
    if exposure.live and exposure.edited & MESH_ROUTING and shared_with(facts, exposure.live):
        yield Finding("MP0803", Severity.WARNING, at, {"object": str(exposure.live.virtual_service)})


def _doubles_slash(exposure: Exposure) -> str:
    """A prefix whose rest begins with a slash, before which the rewritten path ends in one: Envoy puts the two together as they
    are (istio/istio pilot/pkg/networking/core/route/route.go). "" where there is none."""
    if not exposure.rewrite.endswith("/"):
        return ""
    return next((path.path for path in exposure.paths if path.how == "prefix" and not path.path.endswith("/")), "")


def _other_ports(exposure: Exposure, after: Facts, ref: ResourceRef) -> str:
    """Other ports at which the same hosts are answered: a VirtualService is bound to a Gateway, not to a port of it. Only where
    the row is new or has said something of its port."""
    if exposure.live and not exposure.edited & {"gateway", "hosts", "port", "protocol", "tls_mode", "credential"}:
        return ""
    virtual_service = after.get(ref)
    wanted = Wanted(exposure.port, exposure.protocol, exposure.tls_mode, exposure.credential)
    found: dict[str, None] = {}
    for gateway in gateways_of(virtual_service) if virtual_service else []:
        for server in servers_of(after.get(gateway)):
            if redirects(server) or wanted.meets(server) or not virtual_service:
                continue
            if meeting(server, gateway, virtual_service):
                found[f"{port_of(server)} ({protocol_of(server)})"] = None
    return ", ".join(found)


def _new_gateway(plan: Plan) -> ResourceRef | None:
    return next((item.ref for item in plan.items if item.ref.kind == GATEWAY and item.before is None), None)


def intent_namespace(rendered: Rendered) -> str:
    made = _new_gateway(rendered.plan)
    return made.namespace if made else ""


def _of_removal(live: LiveExposure, facts: Facts, after: Facts, intent: GatewayIntent) -> Iterator[Finding]:
    raw = live.raw
    gateways = ", ".join(f"{ref.namespace}/{ref.name}" for ref in _bound(facts, live))
    said: dict[str, Any] = {"hosts": raw["hosts"], "path": paths_text(raw["paths"]), "gateways": gateways}
    yield Finding("MP0806", Severity.WARNING, "exposures", said)
    gateway = after.get(live.gateway)
    if gateway and live.gateway.namespace != intent.service.namespace:
        left = [host for host in str(raw["hosts"]).split(", ") if any(host in s.get("hosts", []) for s in servers_of(gateway))]
        if left and after.get(live.virtual_service) is None:
            yield Finding("MP0807", Severity.INFO, "exposures", {"hosts": ", ".join(left), "gateway": str(ref_of(gateway))})


def _bound(facts: Facts, live: LiveExposure) -> list[ResourceRef]:
    virtual_service = facts.get(live.virtual_service)
    return gateways_of(virtual_service) if virtual_service else []


def paths_text(paths: Sequence[Any]) -> str:
    """The paths of a row in short: “/api*, /login”."""
    if not paths:
        return "/*"
    ends = {"prefix": "*", "any": "/*"}
    return ", ".join(f"{path['path']}{ends.get(path['how'], '')}" for path in paths)


def assess(intent: GatewayIntent, findings: Sequence[Finding]) -> Risk:
    """What exposing risks: a way in from outside is never low, and warnings beside it make it high."""
    codes = {finding.code for finding in findings if finding.severity is Severity.WARNING}
    reasons: list[str] = []
    if "MP0801" in codes:
        reasons.append("opens-to-outside")
    if "MP0806" in codes:
        reasons.append("closes-way-in")
    if codes - {"MP0801", "MP0806"}:
        reasons.append("warnings")
    if "warnings" in reasons and len(reasons) > 1:
        return Risk(Level.HIGH, tuple(reasons))
    return Risk(Level.MEDIUM if reasons else Level.LOW, tuple(reasons) or ("small-step",))
