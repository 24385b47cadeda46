"""Routes and matches that an earlier one leaves nothing to.

Source: analyzeUnreachableHTTPRules (and …TCPRules, …TLSRules) in pkg/config/validation/validation.go of Istio.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from meshportal.mesh.findings import Finding
from meshportal.mesh.rules.node import Node
from meshportal.mesh.rules.view import Mesh


def unreachable(mesh: Mesh) -> Iterator[Finding]:
    """IST0130, IST0131."""
    for spec in mesh.virtual_services:
        for kind in ("http", "tcp", "tls"):
            yield from _list(spec.each(kind))
        yield from _prefixes(spec)


def _list(routes: list[Node]) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    catches_all: int | None = None
    for place, route in enumerate(routes):
        matches = route.each("match")
        if catches_all is not None:
            yield route.finding("IST0130", why="catch-all" if matches else "last", other=_name(routes[catches_all], catches_all))
            continue
        if not matches:
            catches_all = place
            continue
        repeated = []
        for match in matches:
            written = json.dumps(match.value, sort_keys=True, default=str)
            if written in seen:
                repeated.append(match.finding("IST0131", why="same", other=_name(routes[seen[written]], seen[written])))
            else:
                seen[written] = place
        yield from repeated
        if len(repeated) == len(matches):
            yield route.finding("IST0130", why="all-matches", other="")


def _name(route: Node, place: int) -> str:
    return route["name"].text or f"#{place + 1}"


@dataclass(frozen=True)
class _Prefix:
    """What a match on a URI's prefix also asks for."""

    match: Node
    route: str
    prefix: str
    port: float
    method: str
    authority: str
    maps: tuple[Mapping[str, str], ...]


def _prefixes(spec: Node) -> Iterator[Finding]:
    """IST0131 for a prefix within that of an earlier match that asks for no more."""
    found: list[_Prefix] = []
    for place, route in enumerate(spec.each("http")):
        for match in route.each("match"):
            if match["uri"]["prefix"].text:
                found.append(_read(match, _name(route, place)))
    for index, later in enumerate(found):
        for earlier in found[:index]:
            if earlier.prefix != later.prefix and later.prefix.startswith(earlier.prefix) and _asks_no_more(earlier, later):
                yield later.match.finding("IST0131", why="prefix", other=earlier.route, prefix=earlier.prefix)
                break


def _read(match: Node, route: str) -> _Prefix:
    maps = tuple(
        {name: _wanted(value) for name, value in match[field].pairs()} for field in ("headers", "queryParams", "withoutHeaders")
    )
    method = _wanted(match["method"])
    return _Prefix(
        match, route, match["uri"]["prefix"].text, match["port"].number or 0, method, _wanted(match["authority"]), maps
    )


def _wanted(match: Node) -> str:
    """How one string is matched, whole."""
    return json.dumps(match.value, sort_keys=True, default=str) if match.there else ""


def _asks_no_more(earlier: _Prefix, later: _Prefix) -> bool:
    """Whether all that the later one matches, the earlier one matched: each of its conditions is absent or the same."""
    rest = ("gateways", "sourceLabels", "sourceNamespace", "scheme", "ignoreUriCase")
    others = {name: value for name, value in earlier.match.value.items() if name in rest and value}
    return (
        earlier.port in (0, later.port)
        and earlier.method in ("", later.method)
        and earlier.authority in ("", later.authority)
        and all(one.items() <= other.items() for one, other in zip(earlier.maps, later.maps, strict=True))
        and all(later.match.value.get(name) == value for name, value in others.items())
    )
