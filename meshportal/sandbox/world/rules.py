"""What the DestinationRules say of a service to one client: subsets, connections, ejection, TLS.

Rules: https://istio.io/latest/docs/reference/config/networking/destination-rule/
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from meshportal.mesh import durations
from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.sandbox.world.hosts import ROOT_NAMESPACE, age, covers, exported, full_name, qualified

SECTIONS = ("connectionPool", "outlierDetection", "loadBalancer", "tls")


@dataclass(frozen=True)
class Limits:
    """Of one client's proxy: requests at a time, connections, and requests that wait for one."""

    requests: float = math.inf
    connections: float = math.inf
    pending: float = math.inf


@dataclass(frozen=True)
class Outliers:
    """After so many errors in a row a pod gets nothing for a while. 0 errors: never. The percentages are of the pods."""

    errors: int
    gateway_errors: int
    out_seconds: float
    max_percent: float
    min_health_percent: float


@dataclass(frozen=True)
class Policy:
    """`tls` is the mode, "" where Istio decides by itself."""

    tls: str = ""
    limits: Limits = Limits()
    outliers: Outliers | None = None


NO_POLICY = Policy()


class Rules:
    def __init__(self, destination_rules: Iterable[Manifest]) -> None:
        self._rules = sorted(destination_rules, key=age)

    def subsets(self, service: ServiceRef, client_namespace: str) -> dict[str, Mapping[str, str]]:
        """Labels by the name of the subset."""
        found: dict[str, Mapping[str, str]] = {}
        for spec in self._specs(service, client_namespace):
            for subset in spec.get("subsets") or []:
                found.setdefault(subset["name"], subset.get("labels") or {})
        return found

    def policy(self, service: ServiceRef, client_namespace: str, subset: str, port: int) -> Policy:
        """What holds for requests to one port of a subset (or of the whole service: "")."""
        specs = self._specs(service, client_namespace)
        merged = dict(next((spec["trafficPolicy"] for spec in specs if spec.get("trafficPolicy")), {}))
        for spec in specs:
            own = [entry.get("trafficPolicy") or {} for entry in spec.get("subsets") or [] if subset and entry["name"] == subset]
            if own:
                merged |= own[0]
                break
        for level in merged.get("portLevelSettings") or []:
            if level.get("port", {}).get("number") == port:
                # settings of a port take nothing over from the ones above
                merged = {section: level.get(section) for section in SECTIONS}
                break
        return _policy(merged)

    def _specs(self, service: ServiceRef, client_namespace: str) -> list[Manifest]:
        """The rules of the namespace that comes first: the client's, the service's, the root's."""
        for namespace in (client_namespace, service.namespace, ROOT_NAMESPACE):
            found = [rule["spec"] for rule in self._rules if _is_over(rule, namespace, service, client_namespace)]
            if found:
                return found
        return []


def _is_over(rule: Manifest, namespace: str, service: ServiceRef, client_namespace: str) -> bool:
    spec = rule.get("spec", {})
    return (
        rule["metadata"]["namespace"] == namespace
        and exported(spec, namespace, client_namespace)
        and covers(qualified(spec.get("host", ""), namespace), full_name(service))
    )


def _policy(merged: Mapping[str, Any]) -> Policy:
    pool, outliers = merged.get("connectionPool") or {}, merged.get("outlierDetection")
    tcp, http = pool.get("tcp") or {}, pool.get("http") or {}
    return Policy(
        tls=(merged.get("tls") or {}).get("mode", ""),
        # to Istio a limit of 0 is none
        limits=Limits(
            http.get("http2MaxRequests") or math.inf,
            tcp.get("maxConnections") or math.inf,
            http.get("http1MaxPendingRequests") or math.inf,
        ),
        outliers=None if outliers is None else _outliers(outliers),
    )


def _outliers(wanted: Mapping[str, Any]) -> Outliers:
    base, interval = _seconds(wanted.get("baseEjectionTime"), 30.0), _seconds(wanted.get("interval"), 10.0)
    return Outliers(
        errors=int(wanted.get("consecutive5xxErrors", 5)),
        gateway_errors=int(wanted.get("consecutiveGatewayErrors", 0)),
        # whether its time is over is only looked at once per interval
        out_seconds=base + interval / 2,
        max_percent=float(wanted.get("maxEjectionPercent") or 10),
        min_health_percent=float(wanted.get("minHealthPercent") or 0),
    )


def _seconds(text: Any, usual: float) -> float:
    return (durations.parse(str(text)) if text else None) or usual
