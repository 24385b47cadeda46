"""Names of a destination's fields, and their values as people write them."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _

from meshportal.mesh import durations
from meshportal.mesh.destinations.fields import LEAVES, What
from meshportal.mesh.destinations.reading import group, pairs_of
from meshportal.mesh.plans import FieldChange

_SUBSET = re.compile(r"spec\.subsets\[(\d+)\](\.name|\.labels(?:\..+)?)?")
_ROW = re.compile(r"spec\.trafficPolicy\.loadBalancer\.localityLbSetting\.(failover|distribute)\[(\d+)\]")
_BY_ADDRESS = {leaf.address: leaf for leaf in LEAVES}
_POLICY = "spec.trafficPolicy"
_BALANCER = f"{_POLICY}.loadBalancer"


def leaf_names() -> dict[str, str]:
    """A name for every single value, by its path in the form."""
    return {
        "warmup.duration": _("Warm-up of a new pod"),
        "warmup.minimum_percent": _("Share of a new pod at first"),
        "warmup.aggression": _("Steepness of the warm-up"),
        "connection_pool.tcp.max_connections": _("Connections at most"),
        "connection_pool.tcp.connect_timeout": _("Time to connect"),
        "connection_pool.tcp.idle_timeout": _("Idle TCP connections close after"),
        "connection_pool.http.http1_max_pending_requests": _("Waiting requests at most"),
        "connection_pool.http.http2_max_requests": _("Open requests at most"),
        "connection_pool.http.max_requests_per_connection": _("Requests per connection at most"),
        "connection_pool.http.max_retries": _("Retries under way at most"),
        "connection_pool.http.idle_timeout": _("Idle HTTP connections close after"),
        "outlier_detection.consecutive_5xx_errors": _("Server errors in a row"),
        "outlier_detection.consecutive_gateway_errors": _("Gateway errors in a row"),
        "outlier_detection.interval": _("Time between two looks"),
        "outlier_detection.base_ejection_time": _("Time without requests"),
        "outlier_detection.max_ejection_percent": _("Pods taken out at most"),
        "outlier_detection.min_health_percent": _("Healthy pods at least"),
    }


def _others() -> dict[str, str]:
    return {
        _POLICY: _("Settings"),
        _BALANCER: _("Load balancing"),
        f"{_BALANCER}.simple": _("How a pod is chosen"),
        f"{_BALANCER}.consistentHash": _("What chooses the same pod again"),
        f"{_BALANCER}.consistentHash.httpHeaderName": _("Header"),
        f"{_BALANCER}.consistentHash.httpQueryParameterName": _("Query parameter"),
        f"{_BALANCER}.consistentHash.useSourceIp": _("Source address"),
        f"{_BALANCER}.consistentHash.httpCookie": _("Cookie"),
        f"{_BALANCER}.consistentHash.httpCookie.name": _("Cookie"),
        f"{_BALANCER}.consistentHash.httpCookie.path": _("Path of the cookie"),
        f"{_BALANCER}.consistentHash.httpCookie.ttl": _("Lifetime of the cookie"),
        f"{_BALANCER}.warmup": _("Warm-up of a new pod"),
        f"{_BALANCER}.localityLbSetting": _("Regions and zones"),
        f"{_BALANCER}.localityLbSetting.enabled": _("Regions and zones"),
        f"{_BALANCER}.localityLbSetting.failover": _("Failover between regions"),
        f"{_BALANCER}.localityLbSetting.distribute": _("Shares of localities"),
        f"{_POLICY}.connectionPool": _("Connections"),
        f"{_POLICY}.connectionPool.tcp": _("TCP connections"),
        f"{_POLICY}.connectionPool.http": _("HTTP requests"),
        f"{_POLICY}.outlierDetection": _("Failing pods are taken out"),
        f"{_POLICY}.outlierDetection.consecutiveErrors": _("Errors in a row (deprecated)"),
        "spec.subsets": _("Subsets"),
    }


def field_label(change: FieldChange, before: Any, after: Any) -> str:
    """A name for a changed field, "" where its path has to do."""
    if leaf := _BY_ADDRESS.get(change.path):
        return leaf_names()[leaf.path]
    if match := _SUBSET.fullmatch(change.path):
        name = _subset_name(after, int(match[1])) or _subset_name(before, int(match[1]))
        if match[2] and match[2].startswith(".labels"):
            return _("Labels of subset %(subset)s") % {"subset": name}
        return _("Subset %(subset)s") % {"subset": name}
    if match := _ROW.match(change.path):
        names = {"failover": _("Failover, row %(number)d"), "distribute": _("Shares, row %(number)d")}
        return names[match[1]] % {"number": int(match[2]) + 1}
    return _others().get(change.path, "")


def _subset_name(manifest: Any, place: int) -> str:
    subsets = group(manifest, "spec").get("subsets")
    return str(group(subsets[place]).get("name", "")) if isinstance(subsets, list) and place < len(subsets) else ""


def field_text(path: str, value: Any) -> str:
    """A value as a person writes it, "" where its YAML has to do."""
    leaf = _BY_ADDRESS.get(path)
    if leaf is not None and leaf.what in {What.DURATION, What.OFF_OR_DURATION} and isinstance(value, str):
        return span(value)
    if leaf is not None and leaf.what in {What.PERCENT, What.SHARE} and isinstance(value, int | float):
        return f"{value:g} %"
    if isinstance(value, dict) and set(value) == {"name", "labels"}:
        return pairs_of(value["labels"])
    if path.endswith(".labels") and isinstance(value, dict):
        return pairs_of(value)
    if isinstance(value, dict) and set(value) == {"from", "to"}:
        to = value["to"]
        return f"{value['from']} → {to if isinstance(to, str) else pairs_of(to)}"
    return ""


def span(text: str) -> str:
    """A duration of Istio for people: "90s" is 90 s, "1h0m" is 1 h. What is none stays as it is written."""
    seconds = durations.parse(text, zero=True)
    if seconds is None:
        return text
    for unit, size in ((_("h"), 3600), (_("min"), 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds * 1000:g} ms" if 0 < seconds < 1 else f"{seconds:g} s"
