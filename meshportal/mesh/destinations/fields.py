"""The single values of a destination: where each stands in the form and in the DestinationRule, and what it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Raw = dict[str, Any]
"""The destination as a page or a pipeline sends it; every leaf is text, "" for "not set"."""

LARGEST_INT32 = 2**31 - 1
LARGEST_UINT32 = 2**32 - 1


class What(StrEnum):
    """What a value is. `OFF_OR_DURATION` also takes 0s, which Istio reads as "off" there."""

    WHOLE = "whole"
    PERCENT = "percent"
    SHARE = "share"  # a percentage that may have a fraction
    POSITIVE = "positive"
    DURATION = "duration"
    OFF_OR_DURATION = "off-or-duration"


@dataclass(frozen=True)
class Leaf:
    """`path` is its place in the form; `live` its place below spec.trafficPolicy; `most` the largest whole number it holds."""

    path: str
    live: tuple[str, ...]
    what: What
    most: int = LARGEST_INT32

    @property
    def steps(self) -> list[str]:
        return self.path.split(".")

    @property
    def address(self) -> str:
        """Its place in the object, as people write it."""
        return ".".join(("spec", "trafficPolicy", *self.live))


def _leaves(path: str, live: tuple[str, ...], *named: tuple[str, str, What, int]) -> tuple[Leaf, ...]:
    return tuple(Leaf(f"{path}.{name}", (*live, key), what, most) for name, key, what, most in named)


WARMUP = _leaves(
    "warmup",
    ("loadBalancer", "warmup"),
    ("duration", "duration", What.DURATION, 0),
    ("minimum_percent", "minimumPercent", What.SHARE, 0),
    ("aggression", "aggression", What.POSITIVE, 0),
)
POOL = (
    *_leaves(
        "connection_pool.tcp",
        ("connectionPool", "tcp"),
        ("max_connections", "maxConnections", What.WHOLE, LARGEST_INT32),
        ("connect_timeout", "connectTimeout", What.DURATION, 0),
        ("idle_timeout", "idleTimeout", What.OFF_OR_DURATION, 0),
    ),
    *_leaves(
        "connection_pool.http",
        ("connectionPool", "http"),
        ("http1_max_pending_requests", "http1MaxPendingRequests", What.WHOLE, LARGEST_INT32),
        ("http2_max_requests", "http2MaxRequests", What.WHOLE, LARGEST_INT32),
        ("max_requests_per_connection", "maxRequestsPerConnection", What.WHOLE, LARGEST_INT32),
        ("max_retries", "maxRetries", What.WHOLE, LARGEST_INT32),
        ("idle_timeout", "idleTimeout", What.DURATION, 0),
    ),
)
OUTLIERS = _leaves(
    "outlier_detection",
    ("outlierDetection",),
    ("consecutive_5xx_errors", "consecutive5xxErrors", What.WHOLE, LARGEST_UINT32),
    ("consecutive_gateway_errors", "consecutiveGatewayErrors", What.WHOLE, LARGEST_UINT32),
    ("interval", "interval", What.DURATION, 0),
    ("base_ejection_time", "baseEjectionTime", What.DURATION, 0),
    ("max_ejection_percent", "maxEjectionPercent", What.PERCENT, 100),
    ("min_health_percent", "minHealthPercent", What.PERCENT, 100),
)
LEAVES = (*WARMUP, *POOL, *OUTLIERS)

SIMPLE = {"least_request": "LEAST_REQUEST", "round_robin": "ROUND_ROBIN", "random": "RANDOM"}
"""Ways to choose a pod that need nothing more, and Istio's words for them."""
HASHED = {
    "header": ("header",),
    "cookie": ("cookie_name", "cookie_path", "cookie_ttl"),
    "source_ip": (),
    "query_parameter": ("query_parameter",),
}
"""Ways that send the same caller to the same pod, and the details each takes."""
CHOICES = ("", *SIMPLE, *HASHED)
PASSTHROUGH, OTHER = "passthrough", "other"
"""Ways that stay where they are live, and that nobody can choose."""
DETAILS = tuple(detail for details in HASHED.values() for detail in details)
WARMED_UP = frozenset({"", "least_request", "round_robin"})
"""Ways for which Istio warms pods up; with every other one `warmup` does nothing."""


def at(raw: Mapping[str, Any], path: str) -> str:
    """The text of a leaf, "" where it is not set."""
    node: Any = raw
    for step in path.split("."):
        node = node.get(step) if isinstance(node, Mapping) else None
    return node if isinstance(node, str) else ""


def put(raw: Raw, path: str, value: Any) -> None:
    """Set what is at `path`, making the groups on the way."""
    *groups, last = path.split(".")
    node = raw
    for step in groups:
        node = node.setdefault(step, {})
    node[last] = value
