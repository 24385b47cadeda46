"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386) on plain JSON. Nothing is changed in place."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from meshportal.sandbox.api.status import JsonObject


class PatchFailed(Exception):
    """An op cannot be applied: a path is missing or a `test` does not hold."""


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: objects are merged, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def apply(document: JsonObject, ops: Sequence[JsonObject]) -> Any:
    """RFC 6902. Raises PatchFailed; `document` stays as it was."""
    result: Any = copy.deepcopy(document)
    for op in ops:
        result = _one(result, op)
    return result


def _one(document: Any, op: JsonObject) -> Any:
    try:
        verb, path = op["op"], _steps(op["path"])
        if verb == "test":
            if not equal(_get(document, path), op.get("value")):
                raise PatchFailed(f"test of {op['path']} failed")
            return document
        if verb == "remove":
            return _remove(document, path)
        if verb in ("add", "replace"):
            return _put(document, path, copy.deepcopy(op.get("value")), insert=verb == "add")
        source = _steps(op["from"])
        value = copy.deepcopy(_get(document, source))
        if verb == "move":
            document = _remove(document, source)
        elif verb != "copy":
            raise PatchFailed(f"unknown op {verb!r}")
        return _put(document, path, value, insert=True)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise PatchFailed(f"{op}: {error}") from error


def equal(one: Any, other: Any) -> bool:
    """Equal as JSON: numbers by value, but true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(equal(a, b) for a, b in zip(one, other, strict=True))
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _steps(path: str) -> list[str]:
    if path == "":
        return []
    if not path.startswith("/"):
        raise ValueError(f"path {path!r} does not start with /")
    return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]


def _index(step: str, length: int) -> int:
    index = int(step)
    if not 0 <= index < length:
        raise IndexError(step)
    return index


def _get(document: Any, steps: list[str]) -> Any:
    for step in steps:
        document = document[_index(step, len(document))] if isinstance(document, list) else document[step]
    return document


def _remove(document: Any, steps: list[str]) -> Any:
    parent, last = _get(document, steps[:-1]), steps[-1]
    del parent[_index(last, len(parent)) if isinstance(parent, list) else last]
    return document


def _put(document: Any, steps: list[str], value: Any, *, insert: bool) -> Any:
    if not steps:
        return value
    parent, last = _get(document, steps[:-1]), steps[-1]
    if isinstance(parent, list):
        if not insert:
            parent[_index(last, len(parent))] = value
        elif last == "-":
            parent.append(value)
        else:
            parent.insert(_index(last, len(parent) + 1), value)
    elif insert or last in parent:
        parent[last] = value
    else:
        raise KeyError(last)
    return document
