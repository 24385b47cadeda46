"""JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386) and strategic merge on plain JSON. Nothing is changed in place."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from meshportal.sandbox.api.status import JsonObject

# lists of the built-in kinds that merge by a key; every other list is taken as one value
KEYED = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "volumeMounts": ("mountPath",),
}


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


def strategic(target: Any, patch: Any) -> Any:
    """As `merge`, but lists of KEYED merge item by item, and `$patch` deletes or replaces.

    https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
    """
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {name: copy.deepcopy(value) for name, value in patch.items() if name != "$patch"}
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if name.startswith("$"):
            continue  # the order of elements and retained keys: nothing here depends on them
        if value is None:
            merged.pop(name, None)
        elif name in KEYED and isinstance(value, list):
            merged[name] = _by_key(merged.get(name) or [], value, KEYED[name][0])
        else:
            merged[name] = strategic(merged.get(name), value)
    return merged


def _by_key(items: list[Any], patch: list[Any], key: str) -> list[Any]:
    if not all(isinstance(part, dict) for part in (*items, *patch)):
        raise PatchFailed(f"a list that merges by {key} holds something else than objects")
    merged = list(items)
    for part in patch:
        place = next((number for number, item in enumerate(merged) if item.get(key) == part.get(key)), None)
        if part.get("$patch") == "delete":
            merged = [item for item in merged if item.get(key) != part.get(key)]
        elif place is None:
            merged.append(strategic({}, part))
        else:
            merged[place] = strategic(merged[place], part)
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
