"""JSON Patch (RFC 6902) for the fake cluster: add, remove, replace and test."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from meshportal.clients.ports import JsonPatchOp


class DoesNotApply(Exception):
    """A path leads nowhere or a test fails."""


def patched(document: Any, ops: Sequence[JsonPatchOp]) -> Any:
    """`document` with `ops` done in order; the original is not touched. Raises DoesNotApply."""
    result = deepcopy(document)
    for op in ops:
        _apply(result, op)
    return result


def _apply(document: Any, op: JsonPatchOp) -> None:
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in op.path.split("/")[1:]]
    parent = document
    for part in way:
        parent = _child(parent, part)
    match op.op:
        case "test":
            if _child(parent, last) != op.value:
                raise DoesNotApply(op.path)
        case "add" if isinstance(parent, dict):
            parent[last] = deepcopy(op.value)
        case "add":
            parent.insert(len(parent) if last == "-" else _index(parent, last, len(parent)), deepcopy(op.value))
        case "replace":
            _child(parent, last)
            parent[_key(parent, last)] = deepcopy(op.value)
        case "remove":
            _child(parent, last)
            del parent[_key(parent, last)]
        case _:
            raise DoesNotApply(op.op)


def _child(parent: Any, part: str) -> Any:
    if isinstance(parent, dict) and part not in parent:
        raise DoesNotApply(part)
    if not isinstance(parent, dict | list):
        raise DoesNotApply(part)
    return parent[_key(parent, part)]


def _key(parent: Any, part: str) -> Any:
    return _index(parent, part, len(parent) - 1) if isinstance(parent, list) else part


def _index(parent: Any, part: str, highest: int) -> int:
    if not isinstance(parent, list) or not part.isdecimal() or int(part) > highest:
        raise DoesNotApply(part)
    return int(part)
