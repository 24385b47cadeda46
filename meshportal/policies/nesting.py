"""A page's flat fields as the nested structure that the REST API takes: the name of a field is its path.

`routes[0].match[1].path` is the path of the second match of the first route. What a person typed and what a pipeline sent meet in
one validator, whose errors carry the same paths.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

Raw = dict[str, Any]
MAX_ROWS = 200
MAX_DEPTH = 10

_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\[\d{1,3}\]|\.[a-z][a-z0-9_]*)*", re.ASCII)
_PART = re.compile(r"\[(\d+)\]|([a-z][a-z0-9_]*)", re.ASCII)
_ACT = re.compile(r"(add|remove|up|down):(.+)", re.ASCII)


def parts_of(path: str) -> list[str | int] | None:
    """The steps of a path, keys as text and places as numbers; None for what is no path."""
    if not _NAME.fullmatch(path):
        return None
    steps: list[str | int] = [int(place) if place else key for place, key in _PART.findall(path)]
    return steps if len(steps) <= MAX_DEPTH else None


def nest(fields: Iterable[tuple[str, str]]) -> Raw:
    """Fields of a form, in order. Of several values of one name the last counts (a checkbox follows its hidden ""). A list that
    is there but empty is sent as its name with "". Rows keep their order; gaps close. Names that are no paths are left out."""
    root: dict[str | int, Any] = {}
    for name, value in fields:
        steps = parts_of(name)
        if steps is None or any(isinstance(step, int) and step >= MAX_ROWS for step in steps):
            continue
        node = root
        for step in steps[:-1]:
            below = node.get(step)
            if not isinstance(below, dict):
                below = node[step] = {}
            node = below
        if not isinstance(node.get(steps[-1]), dict):
            node[steps[-1]] = value
    closed = _closed(root)
    return closed if isinstance(closed, dict) else {}


def _closed(node: Any) -> Any:
    """Numbered children become a list in the order of their numbers; beside them, named ones are nonsense and dropped."""
    if not isinstance(node, dict):
        return node
    places = sorted(key for key in node if isinstance(key, int))
    if places:
        return [_closed(node[place]) for place in places]
    return {key: _closed(value) for key, value in node.items()}


def value_at(raw: Any, path: str) -> Any:
    """What is at `path`, None where nothing is."""
    node = raw
    for step in parts_of(path) or ():
        if isinstance(step, int):
            node = node[step] if isinstance(node, list) and step < len(node) else None
        else:
            node = node.get(step) if isinstance(node, Mapping) else None
    return node if parts_of(path) else None


def is_structural(act: str) -> bool:
    """Whether a button adds, removes or moves a row, instead of saving."""
    return _ACT.fullmatch(act) is not None


def restructure(raw: Mapping[str, Any], act: str) -> tuple[Raw, str]:
    """`raw` with a row added (add:routes), removed (remove:routes[1]) or moved (up:routes[1], down:routes[1]), and the path of
    the row that the person goes on with. An act that fits nothing changes nothing."""
    result: Raw = copy.deepcopy(dict(raw))
    match = _ACT.fullmatch(act)
    steps = parts_of(match[2]) if match else None
    if match is None or not steps:
        return result, ""
    verb, path = match[1], match[2]
    if verb == "add":
        rows = _list_at(result, steps)
        if rows is None or len(rows) >= MAX_ROWS:
            return result, ""
        rows.append({})
        return result, f"{path}[{len(rows) - 1}]"
    place = steps[-1]
    rows = _list_at(result, steps[:-1], make=False)
    if rows is None or not isinstance(place, int) or place >= len(rows):
        return result, ""
    base = path[: path.rindex("[")]
    if verb == "remove":
        del rows[place]
        return result, f"{base}[{min(place, len(rows) - 1)}]" if rows else base
    other = place - 1 if verb == "up" else place + 1
    if 0 <= other < len(rows):
        rows[place], rows[other] = rows[other], rows[place]
        place = other
    return result, f"{base}[{place}]"


def _list_at(raw: Any, steps: list[str | int], *, make: bool = True) -> list[Any] | None:
    """The list at `steps`, made where it is absent or "" (a marker); None where the way there does not exist."""
    node = raw
    for step in steps[:-1]:
        if isinstance(step, int):
            node = node[step] if isinstance(node, list) and step < len(node) else None
        else:
            node = node.get(step) if isinstance(node, dict) else None
            if node is None:
                return None
    last = steps[-1] if steps else ""
    if not isinstance(node, dict) or not isinstance(last, str):
        return None
    found = node.get(last)
    if isinstance(found, list):
        return found
    if make and not found:
        made: list[Any] = []
        node[last] = made
        return made
    return None
