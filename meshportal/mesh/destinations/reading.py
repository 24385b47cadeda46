"""A live DestinationRule as the form takes it, and the paths of what the form does not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshportal.mesh.destinations.fields import LEAVES, OTHER, PASSTHROUGH, SIMPLE, Raw, put
from meshportal.mesh.origins import mark
from meshportal.mesh.refs import Manifest

DEPRECATED_ERRORS = "consecutiveErrors"
LOCALITY = ("loadBalancer", "localityLbSetting")

_WAYS = {word: way for way, word in SIMPLE.items()} | {
    "LEAST_CONN": "least_request",  # the old name of the same thing
    "UNSPECIFIED": "",
    "PASSTHROUGH": PASSTHROUGH,
}
HASH_KEYS = {
    "httpHeaderName": "header",
    "httpCookie": "cookie",
    "useSourceIp": "source_ip",
    "httpQueryParameterName": "query_parameter",
}
"""What consistentHash hashes by, of which it has one, and the form's words for them."""

_Tree = Mapping[str, Any]
_ENDPOINT: _Tree = {"from": None, "to": None}


def _known() -> _Tree:
    """Every field below `spec` that the form shows; None stands for a whole value, a list for its entries."""
    policy: dict[str, Any] = {
        "loadBalancer": {
            "simple": None,
            "consistentHash": {
                "httpHeaderName": None,
                "useSourceIp": None,
                "httpQueryParameterName": None,
                "httpCookie": {"name": None, "path": None, "ttl": None},
            },
            "localityLbSetting": {"enabled": None, "failover": [_ENDPOINT], "distribute": [_ENDPOINT]},
        },
        "outlierDetection": {DEPRECATED_ERRORS: None},
    }
    for leaf in LEAVES:
        node = policy
        for key in leaf.live[:-1]:
            node = node.setdefault(key, {})
        node[leaf.live[-1]] = None
    return {"host": None, "subsets": [{"name": None, "labels": None}], "trafficPolicy": policy}


_KNOWN = _known()


def text_of(value: Any) -> str:
    """A leaf of a manifest as the form has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None or isinstance(value, dict | list) else str(value)


def pairs_of(mapping: Any) -> str:
    """{"version": "v2"} as people write it: version=v2. Sorted: which comes first means nothing."""
    entries = mapping if isinstance(mapping, Mapping) else {}
    return ", ".join(f"{key}={text_of(value)}" for key, value in sorted(entries.items()))


def group(mapping: Any, *path: str) -> Mapping[str, Any]:
    """The object at `path`, empty where there is none."""
    for key in path:
        mapping = mapping.get(key) if isinstance(mapping, Mapping) else None
    return mapping if isinstance(mapping, Mapping) else {}


def entries(mapping: Any, *path: str) -> list[Any]:
    """The list at `path`, empty where there is none."""
    found = group(mapping, *path[:-1]).get(path[-1])
    return found if isinstance(found, list) else []


def read(live: Manifest | None) -> Raw:
    """A DestinationRule as the form has it; without one, what holds when there is none: everything "not set"."""
    spec = (live or {}).get("spec") or {}
    policy = group(spec, "trafficPolicy")
    raw: Raw = {
        "subsets": [
            {
                "origin": mark(place, subset),
                "name": text_of(group(subset).get("name")),
                "labels": pairs_of(group(subset).get("labels")),
            }
            for place, subset in enumerate(entries(spec, "subsets"))
        ],
        "load_balancer": _load_balancer(group(policy, "loadBalancer")),
        "locality": _locality(group(policy, *LOCALITY)),
    }
    for leaf in LEAVES:
        put(raw, leaf.path, text_of(group(policy, *leaf.live[:-1]).get(leaf.live[-1])))
    outliers = policy.get("outlierDetection")
    old = group(outliers).get(DEPRECATED_ERRORS)
    put(raw, "outlier_detection.on", "true" if isinstance(outliers, Mapping) else "")
    put(raw, "outlier_detection.consecutive_errors", text_of(old) if old else "")
    put(raw, "outlier_detection.replace_consecutive_errors", "")
    return raw


def _load_balancer(settings: Mapping[str, Any]) -> Raw:
    hashing = group(settings, "consistentHash")
    cookie = group(hashing, "httpCookie")
    return {
        "how": _way(settings),
        "header": text_of(hashing.get("httpHeaderName")),
        "query_parameter": text_of(hashing.get("httpQueryParameterName")),
        "cookie_name": text_of(cookie.get("name")),
        "cookie_path": text_of(cookie.get("path")),
        "cookie_ttl": text_of(cookie.get("ttl")),
    }


def _way(settings: Mapping[str, Any]) -> str:
    if settings.get("backendUtilization") is not None:
        return OTHER
    if settings.get("consistentHash") is not None:
        hashing = group(settings, "consistentHash")
        named = [way for key, way in HASH_KEYS.items() if hashing.get(key) is not None]
        # useSourceIp: false is a choice of its own to the API server, and hashes nothing
        return named[0] if len(named) == 1 and hashing.get("useSourceIp", True) is True else OTHER
    return _WAYS.get(text_of(settings.get("simple")), "" if settings.get("simple") is None else OTHER)


def _locality(settings: Mapping[str, Any]) -> Raw:
    return {
        "enabled": text_of(settings.get("enabled")),
        "failover": [
            {"origin": mark(place, row), "from": text_of(group(row).get("from")), "to": text_of(group(row).get("to"))}
            for place, row in enumerate(entries(settings, "failover"))
        ],
        "distribute": [
            {"origin": mark(place, row), "from": text_of(group(row).get("from")), "to": pairs_of(group(row).get("to"))}
            for place, row in enumerate(entries(settings, "distribute"))
        ],
    }


def kept(live: Manifest | None) -> list[str]:
    """Paths of live fields that the form does not show. They survive every edit, with the entry that they belong to."""
    return list(_unknown((live or {}).get("spec") or {}, _KNOWN, "spec"))


def _unknown(value: Any, known: Any, path: str) -> Iterator[str]:
    if isinstance(known, list) and isinstance(value, list):
        for place, entry in enumerate(value):
            yield from _unknown(entry, known[0], f"{path}[{place}]")
    elif isinstance(known, Mapping) and isinstance(value, Mapping):
        for key, inner in value.items():
            if key in known:
                yield from _unknown(inner, known[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"


Place = tuple[str, str]
"""What a policy below the top is of: ("subset", its name) or ("port", its number)."""


def own_policies(live: Manifest | None) -> dict[Place, list[str]]:
    """Sections of subset and port policies by what they are of: each replaces the same section of the top level, it is not merged
    with it."""
    spec = (live or {}).get("spec") or {}
    found: dict[Place, list[str]] = {}
    for subset in entries(spec, "subsets"):
        if sections := sorted(group(subset, "trafficPolicy")):
            found["subset", text_of(group(subset).get("name"))] = sections
    for setting in entries(spec, "trafficPolicy", "portLevelSettings"):
        found["port", text_of(group(setting, "port").get("number"))] = sorted(key for key in group(setting) if key != "port")
    return found
