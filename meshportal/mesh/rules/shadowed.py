"""Routes that never get a request though no two matches are written alike: each of their matches lies within an earlier one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from meshportal.mesh.findings import Finding
from meshportal.mesh.rules.node import Node
from meshportal.mesh.rules.view import Mesh

_MAPS = ("headers", "queryParams", "withoutHeaders")
_NO_CONDITION = ("name", "statPrefix", "uri", *_MAPS)
_EVERY_PATH = ({"prefix": "/"}, {"regex": ".*"}, {"regex": "/.*"})

Match = Mapping[str, Any]


def routes(mesh: Mesh) -> Iterator[Finding]:
    """MP0270. Not what IST0130 says already: after a route without matches, and where all matches are repeated word for word."""
    for spec in mesh.virtual_services:
        yield from _never(spec.each("http"))


def _never(routes: list[Node]) -> Iterator[Finding]:
    earlier: list[tuple[Match, str]] = []
    written: set[str] = set()
    for place, route in enumerate(routes):
        matches = [match.value for match in route.each("match") if isinstance(match.value, Mapping)] or [{}]
        same = [json.dumps(match, sort_keys=True, default=str) for match in matches]
        wider = [next((name for other, name in earlier if _within(match, other)), "") for match in matches]
        if all(wider) and not set(same) <= written:
            yield route.finding("MP0270", other=wider[0])
        if not route.each("match"):
            return
        earlier += [(match, route["name"].text or f"#{place + 1}") for match in matches]
        written.update(same)


def _within(later: Match, earlier: Match) -> bool:
    """Whether `earlier` takes every request that `later` would: each of its conditions is absent, the same or wider."""
    return (
        all(later.get(field) == value for field, value in earlier.items() if value and field not in _NO_CONDITION)
        and _path_within(later, earlier)
        and all(_pairs(earlier, name) <= _pairs(later, name) for name in _MAPS)
    )


def _path_within(later: Match, earlier: Match) -> bool:
    wide, narrow = earlier.get("uri"), later.get("uri")
    if not wide or wide in _EVERY_PATH:
        return True
    if later.get("ignoreUriCase") and not earlier.get("ignoreUriCase"):  # /REVIEWS is left for the later one
        return False
    if not isinstance(wide, Mapping) or not isinstance(narrow, Mapping):
        return False
    prefix, path = wide.get("prefix"), narrow.get("prefix") or narrow.get("exact")
    if narrow == wide:
        return True
    return isinstance(prefix, str) and bool(prefix) and isinstance(path, str) and path.startswith(prefix)


def _pairs(match: Match, name: str) -> set[tuple[str, str]]:
    value = match.get(name)
    return (
        {(key, json.dumps(one, sort_keys=True, default=str)) for key, one in value.items()}
        if isinstance(value, Mapping)
        else set()
    )
