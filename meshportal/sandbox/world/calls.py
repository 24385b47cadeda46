"""A kind of request, and whether a route's `match` takes it.

Rules: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.sandbox.world.pods import Workload

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Call:
    """A kind of request: from whom (of so many pods), to which service, with which path, headers and query parameters."""

    caller: Workload
    service: ServiceRef
    path: str = "/"
    method: str = "GET"
    headers: Pairs = ()
    query: Pairs = ()
    clients: int = 1


@dataclass(frozen=True)
class Door:
    """Where a request enters routing: at which host and port, through which gateways ("mesh" or "namespace/name")."""

    host: str
    port: int
    gateways: frozenset[str] = frozenset({"mesh"})


def fitting(entries: Iterable[Manifest] | None, call: Call, door: Door, namespace: str) -> Manifest | None:
    """The first of a route's match entries that takes the call; {} where there are none, for that takes everything.

    `namespace` is that of the VirtualService: it completes the names of gateways.
    """
    entries = list(entries or [])
    return next((entry for entry in entries if _takes(entry, call, door, namespace)), None) if entries else {}


def _takes(entry: Manifest, call: Call, door: Door, namespace: str) -> bool:
    texts = {"uri": call.path, "method": call.method, "scheme": "http", "authority": door.host}
    headers, query = dict(call.headers), dict(call.query)
    gateways = {gateway_key(name, namespace) for name in entry.get("gateways") or []}
    return (
        all(
            text_matches(entry[name], text, ignore_case=name == "uri" and bool(entry.get("ignoreUriCase")))
            for name, text in texts.items()
            if name in entry
        )
        and all(_has(headers, name.lower(), rule) for name, rule in (entry.get("headers") or {}).items())
        and not any(_has(headers, name.lower(), rule) for name, rule in (entry.get("withoutHeaders") or {}).items())
        and all(_has(query, name, rule) for name, rule in (entry.get("queryParams") or {}).items())
        and entry.get("port", door.port) == door.port
        and entry.get("sourceNamespace", call.caller.namespace) == call.caller.namespace
        and (entry.get("sourceLabels") or {}).items() <= dict(call.caller.labels).items()
        and (not gateways or bool(gateways & door.gateways))
    )


def gateway_key(name: str, namespace: str) -> str:
    """A gateway as "namespace/name": without a namespace it is the VirtualService's. "mesh" stands for all sidecars."""
    return name if name == "mesh" or "/" in name else f"{namespace}/{name}"


def _has(values: Mapping[str, str], name: str, rule: Mapping[str, Any] | None) -> bool:
    """An empty rule asks only that it is there."""
    return name in values and (not rule or text_matches(rule, values[name]))


def text_matches(rule: Mapping[str, Any], text: str, *, ignore_case: bool = False) -> bool:
    if ignore_case:
        rule, text = {how: str(value).lower() for how, value in rule.items()}, text.lower()
    if "exact" in rule:
        return bool(text == rule["exact"])
    if "prefix" in rule:
        return text.startswith(rule["prefix"])
    try:
        return re.fullmatch(rule.get("regex", ".*"), text) is not None
    except re.error:
        return False
