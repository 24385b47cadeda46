"""What the traffic does not obey: said in general, and found in the objects that are there."""

from __future__ import annotations

from collections.abc import Iterator

from meshportal.mesh.refs import Manifest
from meshportal.sandbox.world.routing import Objects
from meshportal.sandbox.world.security import ACTIONS, strange_rules

GENERAL = (
    "The 20 minutes before the start are simulated history, made of the objects as they were at the start.",
    "Of a VirtualService only http routes count: no tcp, no tls, no CORS, no delegates, no headers of single destinations.",
    "Of all visitors 6 % send the headers end-user: jason and x-user: beta, 4 % the query parameter lang=de, nobody others.",
    "The demo's apps pass these headers and this parameter on with the requests they make in turn.",
    "The ingress gateway follows the VirtualServices bound to its Gateways; while no Gateway selects it, those of the mesh.",
    "Visitors use the first host that leads to the service they want; ports and TLS of Gateways are not read.",
    "Retries and timeouts are reckoned with averages: a try that fails lasts as long as such tries last on average.",
    "A pod that fails is taken out for the base time each time, not for longer and longer, and several are taken out at once.",
    "A full connection pool refuses as many as Erlang's formulas say; time spent waiting for a connection is not added.",
    "Load balancing, locality, consistent hashing, warm-up and keep-alive change nothing: the pods of a version are all alike.",
    "Of an AuthorizationPolicy ALLOW and DENY count, by principals, namespaces, service accounts, methods, paths and hosts.",
    "A rule of an AuthorizationPolicy with any other condition fits nothing.",
    "RequestAuthentication, Sidecar, ServiceEntry, Telemetry and EnvoyFilter change nothing.",
    "A failure in one service does not make its callers fail.",
    "One pod per workload reports for all of them, but for the sick one of the scenario sick-pod.",
)

_HTTP = ("corsPolicy", "delegate")
_RETRIES = ("retryRemoteLocalities", "retryIgnorePreviousHosts")
_POLICY = ("loadBalancer", "tunnel", "proxyProtocol", "retryBudget")
_OBEYED = {
    # of these parts of a trafficPolicy only some fields count
    ("connectionPool", "tcp"): ("maxConnections",),
    ("connectionPool", "http"): ("http1MaxPendingRequests", "http2MaxRequests"),
    ("outlierDetection",): (
        "consecutive5xxErrors", "consecutiveGatewayErrors", "interval", "baseEjectionTime", "maxEjectionPercent",
        "minHealthPercent",
    ),
}  # fmt: skip


def found_in(objects: Objects) -> Iterator[str]:
    """Fields of the present objects that have no effect in this world."""
    for manifest in objects.virtual_services:
        yield from (f"{_name(manifest)}: {path}" for path in _of_route(manifest.get("spec", {})))
    for manifest in objects.destination_rules:
        yield from (f"{_name(manifest)}: {path}" for path in _of_rule(manifest.get("spec", {})))
    for manifest in objects.gateways:
        for index, server in enumerate(manifest.get("spec", {}).get("servers") or []):
            if "tls" in server:
                yield f"{_name(manifest)}: spec.servers[{index}].tls"
    for manifest in objects.authorization_policies:
        yield from (f"{_name(manifest)}: {path}" for path in _of_policy(manifest))


def _of_route(spec: Manifest) -> Iterator[str]:
    for section in ("tcp", "tls"):
        if section in spec:
            yield f"spec.{section}"
    for index, route in enumerate(spec.get("http") or []):
        yield from (f"spec.http[{index}].{field}" for field in _HTTP if field in route)
        yield from (f"spec.http[{index}].retries.{field}" for field in _RETRIES if field in (route.get("retries") or {}))
        for number, entry in enumerate(route.get("route") or []):
            if "headers" in entry:
                yield f"spec.http[{index}].route[{number}].headers"


def _of_rule(spec: Manifest) -> Iterator[str]:
    if "workloadSelector" in spec:
        yield "spec.workloadSelector"
    places = {"spec": spec} | {f"spec.subsets[{index}]": entry for index, entry in enumerate(spec.get("subsets") or [])}
    for place, holder in places.items():
        policy = holder.get("trafficPolicy") or {}
        yield from (f"{place}.trafficPolicy.{path}" for path in _of_traffic_policy(policy))
        for number, level in enumerate(policy.get("portLevelSettings") or []):
            yield from (f"{place}.trafficPolicy.portLevelSettings[{number}].{path}" for path in _of_traffic_policy(level))


def _of_traffic_policy(policy: Manifest) -> Iterator[str]:
    yield from (field for field in _POLICY if field in policy)
    for path, obeyed in _OBEYED.items():
        part: Manifest = policy
        for name in path:
            part = part.get(name) or {}
        yield from (".".join((*path, field)) for field in part if field not in obeyed)


def _of_policy(manifest: Manifest) -> Iterator[str]:
    spec = manifest.get("spec") or {}
    action = spec.get("action", "ALLOW")
    if action not in ACTIONS:
        yield f"spec.action {action}"
    elif spec.get("targetRef") or spec.get("targetRefs"):
        yield "spec.targetRefs"
    else:
        yield from strange_rules(manifest)


def _name(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata']['namespace']}/{manifest['metadata']['name']}"
