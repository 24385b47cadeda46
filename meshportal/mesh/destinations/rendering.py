"""From a destination as asked to the object: only what differs from what is live is written, all else survives."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.destinations.fields import HASHED, LEAVES, SIMPLE, Leaf, Raw, What, at
from meshportal.mesh.destinations.live import DestinationLive
from meshportal.mesh.destinations.reading import DEPRECATED_ERRORS, HASH_KEYS, LOCALITY, entries, group, read
from meshportal.mesh.destinations.rows import pairs_in
from meshportal.mesh.origins import find
from meshportal.mesh.plans import Plan, PlanItem
from meshportal.mesh.refs import Manifest, ServiceRef

FIELDS = (("spec", "host"), ("spec", "subsets"), ("spec", "trafficPolicy"))

_Spec = dict[str, Any]
_POLICY = ("trafficPolicy",)
_BALANCER = (*_POLICY, "loadBalancer")


@dataclass(frozen=True)
class DestinationIntent:
    """How requests reach `service`: `raw` is what `typed` made of it, whole and with every leaf as text."""

    service: ServiceRef
    raw: Raw


def render(intent: DestinationIntent, live: DestinationLive) -> Plan:
    """The plan that makes `intent` true. Raises NotEditable."""
    before = live.rule
    after = copy.deepcopy(before) if before is not None else _new(live)
    _write(after.setdefault("spec", {}), intent.raw, read(before))
    return Plan((PlanItem(live.ref, before, after, FIELDS),))


def _new(live: DestinationLive) -> Manifest:
    ref = live.ref
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.kind.api_version, "kind": ref.kind.kind, "metadata": metadata, "spec": {"host": live.host}}


def _write(spec: _Spec, asked: Raw, now: Raw) -> None:
    if asked["subsets"] != now["subsets"]:
        _set(spec, ("subsets",), [_subset(row, entries(spec, "subsets")) for row in asked["subsets"]])
    if asked["load_balancer"] != now["load_balancer"]:
        _load_balancer(spec, asked["load_balancer"])
    for leaf in LEAVES:
        text = at(asked, leaf.path)
        if text != at(now, leaf.path):
            _set(spec, (*_POLICY, *leaf.live), _json(leaf, text))
    if at(asked, "warmup.duration") != at(now, "warmup.duration"):
        # its deprecated predecessor means the same, and Istio takes only one of them
        _set(spec, (*_BALANCER, "warmupDurationSecs"), None)
    _locality(spec, asked["locality"], now["locality"])
    _outliers(spec, asked, now)


def _outliers(spec: _Spec, asked: Raw, now: Raw) -> None:
    block = (*_POLICY, "outlierDetection")
    on = at(asked, "outlier_detection.on")
    if not on and at(now, "outlier_detection.on"):
        _set(spec, block, None)
    elif on:
        if at(asked, "outlier_detection.consecutive_errors") != at(now, "outlier_detection.consecutive_errors"):
            _set(spec, (*block, DEPRECATED_ERRORS), None)
        if not isinstance(group(spec, *_POLICY).get("outlierDetection"), dict):
            # an empty block is not nothing: it takes pods out by Envoy's own numbers
            _set(spec, block, {})


def _json(leaf: Leaf, text: str) -> Any:
    """A leaf as the API server wants it, None for "not set"."""
    if not text:
        return None
    if leaf.what in {What.WHOLE, What.PERCENT}:
        return int(text)
    if leaf.what in {What.SHARE, What.POSITIVE}:
        return int(text) if text.isdecimal() else float(text)
    return text


def _set(spec: _Spec, path: Sequence[str], value: Any) -> None:
    """Set what is at `path`. None and [] remove it, and with it every group that this leaves empty: Istio refuses empty ones."""
    node, way = spec, []
    for key in path[:-1]:
        if not isinstance(node.get(key), dict):
            if value is None or value == []:
                return
            node[key] = {}
        way.append((node, key))
        node = node[key]
    if value is not None and value != []:
        node[path[-1]] = value
        return
    if path[-1] not in node:
        return
    del node[path[-1]]
    for parent, key in reversed(way):
        if parent[key]:
            break
        del parent[key]


# ---------------------------------------------------------------- load balancing


def _load_balancer(spec: _Spec, asked: Mapping[str, str]) -> None:
    how = asked["how"]
    if how in HASHED:
        _set(spec, (*_BALANCER, "simple"), None)
        _set(spec, (*_BALANCER, "backendUtilization"), None)
        _hashing(spec, asked)
        return
    for key in ("consistentHash", "backendUtilization"):
        _set(spec, (*_BALANCER, key), None)
    _set(spec, (*_BALANCER, "simple"), SIMPLE.get(how))


def _hashing(spec: _Spec, asked: Mapping[str, str]) -> None:
    """The way to hash, in the place of another; what the form does not show, such as the size of the ring, stays."""
    block = (*_BALANCER, "consistentHash")
    hashing = {key: value for key, value in group(spec, *block).items() if key not in HASH_KEYS}
    how = asked["how"]
    if how == "header":
        hashing["httpHeaderName"] = asked["header"]
    elif how == "query_parameter":
        hashing["httpQueryParameterName"] = asked["query_parameter"]
    elif how == "source_ip":
        hashing["useSourceIp"] = True
    else:
        cookie = dict(group(spec, *block, "httpCookie"))
        for key in ("name", "path", "ttl"):
            if asked[f"cookie_{key}"]:
                cookie[key] = asked[f"cookie_{key}"]
            else:
                cookie.pop(key, None)
        hashing["httpCookie"] = cookie
    _set(spec, block, hashing)


# ---------------------------------------------------------------- lists


def _subset(row: Mapping[str, str], live: Sequence[Any]) -> Any:
    labels: Callable[[str], Any] = lambda text: dict(pairs_in(text) or ())  # noqa: E731  one line, used twice below
    return _row(row, live, {"name": str, "labels": labels})


def _row(row: Mapping[str, str], live: Sequence[Any], keys: Mapping[str, Callable[[str], Any]]) -> Any:
    """A row as an entry of its list: the live entry it came from, with the fields that differ."""
    place = find(row["origin"], live)
    entry = copy.deepcopy(live[place]) if place is not None else {}
    for key, made in keys.items():
        value = made(row[key])
        if value != (entry.get(key) or made("")):
            entry[key] = value
            if not value:
                del entry[key]
    return entry


def _shares(text: str) -> dict[str, int]:
    return {key: int(share) for key, share in pairs_in(text) or ()}


def _locality(spec: _Spec, asked: Raw, now: Raw) -> None:
    block = (*_BALANCER, *LOCALITY[1:])
    if asked["enabled"] != now["enabled"]:
        _set(spec, (*block, "enabled"), {"true": True, "false": False}.get(asked["enabled"]))
    for key, made in (("failover", str), ("distribute", _shares)):
        if asked[key] != now[key]:
            live = entries(group(spec, *block), key)
            _set(spec, (*block, key), [_row(row, live, {"from": str, "to": made}) for row in asked[key]])
