"""What applies to a service besides its routes, in words: load balancing, connection pool, outlier detection, TLS, subsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meshportal.mesh.authors import Author
from meshportal.mesh.effective import Setting, SubsetPods, effective, subsets_of
from meshportal.mesh.facts import Facts
from meshportal.mesh.refs import ServiceRef
from meshportal.web.yamldiff import flow

SHOWN = ("loadBalancer", "connectionPool", "outlierDetection", "tls")


@dataclass(frozen=True)
class PolicyRow:
    """One thing that applies. `source` is "" for Istio's default; `where` narrows it (a subset, a port, callers)."""

    topic: str
    value: str
    where: str
    source: str
    author: Author | None


@dataclass(frozen=True)
class SubsetRow:
    """One subset with its pods. `pods` is "" where nobody knows them."""

    name: str
    labels: str
    pods: str
    none_ready: bool
    source: str


def policy_rows(facts: Facts, service: ServiceRef) -> list[PolicyRow]:
    """The settings of DestinationRules, and Istio's defaults where they say nothing."""
    return [
        PolicyRow(topic(found.topic), words(found), where(found), source(found), found.author)
        for found in effective(facts, service)
        if found.topic in SHOWN
    ]


def subset_rows(facts: Facts, service: ServiceRef) -> list[SubsetRow]:
    """The subsets that routes may name, with the pods that each one picks."""
    return [
        SubsetRow(
            name=subset.name,
            labels=", ".join(f"{key}={value}" for key, value in subset.labels.items()) or _("all pods"),
            pods=f"{subset.ready} / {subset.total}" if facts.whole else "",
            none_ready=facts.whole and not subset.ready,
            source=str(subset.ref),
        )
        for subset in _sorted(subsets_of(facts, service))
    ]


def _sorted(subsets: list[SubsetPods]) -> list[SubsetPods]:
    return sorted(subsets, key=lambda subset: subset.name)


def topic(name: str) -> str:
    """The heading of a setting."""
    return {
        "loadBalancer": _("Load balancing"),
        "connectionPool": _("Connection pool"),
        "outlierDetection": _("Outlier detection"),
        "tls": _("TLS to the pods"),
    }[name]


def where(found: Setting) -> str:
    """What a setting is narrowed to, "" for all requests."""
    if found.clients:
        return _("callers in %(namespace)s") % {"namespace": found.clients}
    if found.subset:
        return _("subset %(subset)s") % {"subset": found.subset}
    return _("port %(port)s") % {"port": found.port} if found.port is not None else ""


def source(found: Setting) -> str:
    """The object and the field a setting comes from, "" for Istio's default."""
    return f"{found.ref} {found.path}" if found.ref else ""


def words(found: Setting) -> str:
    """A setting's value as people say it; as YAML where it has no words of its own."""
    value = found.value
    if value is None:
        return {"connectionPool": _("no limits"), "outlierDetection": _("off")}.get(found.topic, _("not set"))
    if not isinstance(value, Mapping):
        return flow(value)
    if found.topic == "tls" and found.ref is None:
        return _("automatic: mTLS between sidecars")
    said = {"loadBalancer": _balancing, "connectionPool": _pool, "outlierDetection": _ejection}.get(found.topic)
    return (said(value) if said else "") or flow(dict(value))


def _balancing(value: Mapping[str, Any]) -> str:
    simple = {
        "LEAST_REQUEST": _("least request"),
        "LEAST_CONN": _("least request"),
        "ROUND_ROBIN": _("round robin"),
        "RANDOM": _("random"),
        "PASSTHROUGH": _("none: the address the caller asked for"),
    }.get(str(value.get("simple", "")))
    if simple and len(value) == 1:
        return simple
    hashed = value.get("consistentHash")
    if isinstance(hashed, Mapping) and len(value) == 1:
        if hashed.get("httpHeaderName"):
            return _("same pod for the same header %(name)s") % {"name": hashed["httpHeaderName"]}
        if isinstance(hashed.get("httpCookie"), Mapping):
            return _("same pod for the same cookie %(name)s") % {"name": hashed["httpCookie"].get("name", "")}
        if hashed.get("httpQueryParameterName"):
            return _("same pod for the same query parameter %(name)s") % {"name": hashed["httpQueryParameterName"]}
        if hashed.get("useSourceIp"):
            return _("same pod for the same source address")
    return ""


def _pool(value: Mapping[str, Any]) -> str:
    """ "" where one of the limits has no words here: half of a policy would read as all of it."""
    parts = {
        "tcp.maxConnections": _("%(value)s connections"),
        "http.http1MaxPendingRequests": _("%(value)s waiting requests"),
        "http.http2MaxRequests": _("%(value)s open requests"),
        "http.maxRetries": _("%(value)s retries at once"),
        "http.maxRequestsPerConnection": _("requests per connection: %(value)s"),
    }
    limits = {
        f"{side}.{name}": limit for side, group in value.items() if isinstance(group, Mapping) for name, limit in group.items()
    }
    whole = all(isinstance(limit, int) and limit > 0 for limit in limits.values())
    if not limits or not whole or set(limits) - set(parts) or set(value) - {"tcp", "http"}:
        return ""
    said = [part % {"value": limits[name]} for name, part in parts.items() if name in limits]
    return _("at most, from each calling proxy: %(limits)s") % {"limits": _(", ").join(said)}


def _ejection(value: Mapping[str, Any]) -> str:
    errors = value.get("consecutive5xxErrors")
    if not isinstance(errors, int) or set(value) - {"consecutive5xxErrors", "interval", "baseEjectionTime", "maxEjectionPercent"}:
        return ""
    if errors == 0:
        return _("off")
    said = ngettext(
        "a pod rests %(rest)s after %(count)d error, at most %(most)s %% of them",
        "a pod rests %(rest)s after %(count)d errors in a row, at most %(most)s %% of them",
        errors,
    )
    values = {"rest": value.get("baseEjectionTime", "30s"), "count": errors, "most": value.get("maxEjectionPercent", 10)}
    return said % values
