"""The webhook on VirtualService and DestinationRule."""

from __future__ import annotations

import re
from typing import Any

from meshportal.sandbox.api.complaints import (
    LABEL,
    Complaints,
    domain,
    export_to,
    is_address,
    labels,
    plain_domain,
    port,
    selector,
    subset_name,
)
from meshportal.sandbox.api.status import JsonObject

RETRY_ON = frozenset(
    {
        "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited", "retriable-4xx",
        "refused-stream", "retriable-status-codes", "retriable-headers", "http3-post-connect-failure", "cancelled",
        "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
    }
)  # fmt: skip
STATUS_CODES = range(200, 600)
PERCENT = range(101)
SMALLEST_PERCENTAGE = 0.0001
REGEXP_ERRORS = (
    ("unterminated subpattern", "missing closing ): `{}`"),
    ("unterminated character set", "missing closing ]: `{}`"),
    ("unbalanced parenthesis", "unexpected ): `{}`"),
)
POLICY_FIELDS = (
    "loadBalancer",
    "connectionPool",
    "outlierDetection",
    "tls",
    "portLevelSettings",
    "tunnel",
    "proxyProtocol",
    "retryBudget",
)
POOL_LIMITS = (
    ("http", "http1MaxPendingRequests", "http1 max pending requests"),
    ("http", "http2MaxRequests", "http2 max requests"),
    ("http", "maxRequestsPerConnection", "max requests per connection"),
    ("http", "maxRetries", "max retries"),
    ("http", "maxConcurrentStreams", "max concurrent streams"),
    ("tcp", "maxConnections", "max connections"),
)
ERRORS_DEPRECATED = (
    "outlier detection consecutive errors is deprecated, use consecutiveGatewayErrors or consecutive5xxErrors instead"
)


# ---------------------------------------------------------------- VirtualService


def virtual_service(item: JsonObject, found: Complaints) -> None:
    spec = item.get("spec") or {}
    hosts, gateways = spec.get("hosts") or [], spec.get("gateways") or []
    if not hosts and gateways:
        found.refuse("delegate virtual service must have no gateways specified")
    for name in gateways:
        _gateway(name, found)
    _hosts(hosts, in_mesh=not gateways or "mesh" in gateways, found=found)
    routes = spec.get("http") or []
    if not (routes or spec.get("tcp") or spec.get("tls")):
        found.refuse("http, tcp or tls must be provided in virtual service")
    for route in routes:
        _http_route(route, found)
    if spec:
        export_to(item, found)
    _unused(routes, found)


def _gateway(name: str, found: Complaints) -> None:
    namespace, slash, rest = name.partition("/")
    if not slash:
        found.refuse(plain_domain(name))
        return
    if not (namespace and rest):
        found.refuse("config namespace and gateway name cannot be empty")
    if not LABEL.fullmatch(namespace):
        found.refuse(f'invalid value for namespace: "{namespace}"')
    if not LABEL.fullmatch(rest):
        found.refuse(f'invalid value for gateway name: "{rest}"')


def _hosts(hosts: list[str], *, in_mesh: bool, found: Complaints) -> None:
    for host in hosts:
        if not is_address(host):
            found.refuse(domain(host))
        if host == "*" and in_mesh:
            found.refuse("wildcard host * is not allowed for virtual services bound to the mesh gateway")
    for number, host in enumerate(hosts):
        for _ in (other for other in hosts[number + 1 :] if other == host):
            found.refuse(f"duplicate hosts in virtual service: {host} & {host}")


def _http_route(route: JsonObject, found: Complaints) -> None:
    destinations = route.get("route") or []
    for match in route.get("match") or []:
        _match(match, found)
    for part in (route, *destinations):
        _header_operations(part.get("headers") or {}, found)
    if "redirect" in route and destinations:
        found.refuse("HTTP route cannot contain both route and redirect")
    if "fault" in route:
        _fault(route["fault"], found)
    _mirrors(route, found)
    if "retries" in route:
        _retries(route["retries"], found)
    if "rewrite" in route and not any(route["rewrite"].get(name) for name in ("uri", "authority", "uriRegexRewrite")):
        found.refuse(
            "rewrite must specify at least one of URI, UriRegexRewrite, or authority. "
            "Only one of URI or UriRegexRewrite may be specified"
        )
    _destinations(destinations, found)
    if not (destinations or "redirect" in route or "directResponse" in route or "delegate" in route):
        found.refuse("HTTP route, redirect or direct_response is required")


def _match(match: JsonObject, found: Complaints) -> None:
    for name in ("uri", "scheme", "method", "authority"):
        _regexp(name, match.get(name) or {}, found)
    for name in ("headers", "withoutHeaders", "queryParams"):
        for key, value in (match.get(name) or {}).items():
            if not key and name != "queryParams":
                found.refuse("header name cannot be empty")
            _regexp(name, value or {}, found)
    if "port" in match:
        port(match["port"], found)
    labels(match.get("sourceLabels") or {}, found)


def _regexp(name: str, value: JsonObject, found: Complaints) -> None:
    text = value.get("regex", "")
    try:
        re.compile(text)
    except re.error as error:
        known = next((words.format(text) for start, words in REGEXP_ERRORS if start in str(error)), f"{error}: `{text}`")
        hint = "Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)"
        found.refuse(f'"{name}": error parsing regexp: {known}; {hint}')


def _header_operations(headers: JsonObject, found: Complaints) -> None:
    for part in (headers.get("request") or {}, headers.get("response") or {}):
        for name in [*(part.get("set") or {}), *(part.get("add") or {}), *(part.get("remove") or [])]:
            if not name:
                found.refuse("header name cannot be empty")


def _fault(fault: JsonObject, found: Complaints) -> None:
    if not ("abort" in fault or "delay" in fault):
        found.refuse("HTTP fault injection must have an abort and/or a delay", listed=True)
    for part in (fault.get("abort") or {}, fault.get("delay") or {}):
        value = (part.get("percentage") or {}).get("value", 0)
        if value and not SMALLEST_PERCENTAGE <= value <= PERCENT[-1]:
            shown = f"{value:g}"
            found.refuse(f"percentage {shown} is neither 0.0, nor in range [0.0001, 100.0]")
    status = (fault.get("abort") or {}).get("httpStatus")
    if status is not None and status not in STATUS_CODES:
        found.refuse(f"HTTP status {status} is not in range 200-599")


def _mirrors(route: JsonObject, found: Complaints) -> None:
    if "mirror" in route and "mirrors" in route:
        found.refuse("HTTP route cannot contain both mirror and mirrors")
    shares = [("mirror_percentage", route.get("mirrorPercentage"))]
    shares += [("mirror percentage", mirror.get("percentage")) for mirror in route.get("mirrors") or []]
    for name, share in shares:
        value = (share or {}).get("value", 0)
        if value > PERCENT[-1]:
            found.refuse(f"{name} must have a max value of 100 (it has {value:f})")
        elif value < 0:
            found.refuse(f"{name} must have a min value of 0 (it has {value:f})")
    for mirror in [route.get("mirror"), *(mirror.get("destination") for mirror in route.get("mirrors") or [])]:
        if mirror:
            _destination(mirror, found)


def _retries(retries: JsonObject, found: Complaints) -> None:
    attempts = retries.get("attempts", 0)
    if attempts < 0:
        found.refuse("attempts cannot be negative", listed=True)
    elif attempts == 0 and (retries.get("retryOn") or retries.get("perTryTimeout")):
        found.refuse("http retry policy configured when attempts are set to 0 (disabled)")
    for policy in filter(None, (retries.get("retryOn") or "").split(",")):
        code = int(policy) if policy.isdigit() else 0
        if policy not in RETRY_ON and code not in range(100, 600):
            found.refuse(f'"{policy}" is not a valid retryOn policy')


def _destinations(destinations: list[JsonObject], found: Complaints) -> None:
    for part in destinations:
        _destination(part.get("destination") or {}, found)
        if part.get("weight", 0) < 0:
            found.refuse(f"weight {part['weight']} < 0")
    # a single destination takes everything, whatever its weight
    if len(destinations) > 1 and sum(part.get("weight", 0) for part in destinations) == 0:
        found.refuse("total destination weight = 0")


def _destination(destination: JsonObject, found: Complaints) -> None:
    host = destination.get("host", "")
    found.refuse("invalid destination host *" if host == "*" else domain(host))
    if destination.get("subset"):
        subset_name(destination["subset"], found)
    if "port" in destination:
        port((destination["port"] or {}).get("number", 0), found)


def _unused(routes: list[JsonObject], found: Complaints) -> None:
    """Rules that no request can reach."""
    seen: list[tuple[int, JsonObject]] = []
    catches_all = False
    for number, route in enumerate(routes):
        name = f'"{route["name"]}"' if route.get("name") else f"#{number}"
        matches = route.get("match") or []
        if catches_all:
            why = "route without matches defined before" if matches else "only the last rule can have no matches"
            found.warn(f"virtualService rule {name} not used ({why})")
            continue
        catches_all = not matches
        doubled = 0
        for place, match in enumerate(matches):
            earlier = next((other for other, known in seen if known == match), None)
            if earlier is None:
                seen.append((number, match))
                continue
            doubled += 1
            first = f'"{routes[earlier]["name"]}"' if routes[earlier].get("name") else f"#{earlier}"
            found.warn(f"virtualService rule {name} match #{place} is not used (duplicate/overlapping match in rule {first})")
        if matches and doubled == len(matches):
            found.warn(f"virtualService rule {name} not used (all matches used by prior rules)")


# ---------------------------------------------------------------- DestinationRule


def destination_rule(item: JsonObject, found: Complaints) -> None:
    spec = item.get("spec") or {}
    found.refuse(domain(spec.get("host", "")))
    if "trafficPolicy" in spec:
        _policy(spec["trafficPolicy"], found, top=True)
    names: set[str] = set()
    for subset in spec.get("subsets") or []:
        name = subset.get("name", "")
        subset_name(name, found)
        if name in names:
            found.refuse(f"duplicate subset names: {name}")
        names.add(name)
        labels(subset.get("labels") or {}, found)
        if "trafficPolicy" in subset:
            _policy(subset["trafficPolicy"], found)
    if spec:
        export_to(item, found)
    selector(spec.get("workloadSelector"), "matchLabels", found)


def _policy(policy: JsonObject, found: Complaints, *, top: bool = False, of_port: bool = False) -> None:
    if not any(policy.get(name) is not None for name in POLICY_FIELDS):
        found.refuse(f"{'port ' if of_port else ''}traffic policy must have at least one field")
    outliers = policy.get("outlierDetection") or {}
    if outliers.get("consecutiveErrors") and top:
        found.warn(ERRORS_DEPRECATED)
    for name in ("maxEjectionPercent", "minHealthPercent"):
        value = outliers.get(name, 0)
        if value not in PERCENT:
            found.refuse(f"percentage {value} is not in range 0..100")
    if "connectionPool" in policy:
        _pool(policy["connectionPool"], found)
    tls = policy.get("tls") or {}
    if tls.get("mode") == "MUTUAL" and not tls.get("credentialName"):
        for name, text in (("clientCertificate", "client certificate"), ("privateKey", "private key")):
            if not tls.get(name):
                found.refuse(f"{text} required for mutual tls", listed=True)
    for part in policy.get("portLevelSettings") or []:
        if "port" not in part:
            found.refuse("portTrafficPolicy must have valid port")
        _policy(part, found, of_port=True)


def _pool(pool: dict[str, Any], found: Complaints) -> None:
    if not ("http" in pool or "tcp" in pool):
        found.refuse("connection pool must have at least one field")
    for protocol, name, text in POOL_LIMITS:
        if (pool.get(protocol) or {}).get(name, 0) < 0:
            found.refuse(f"{text} must be non-negative")
