"""managedFields of Update: who owns which field.

The rules are those of server-side apply's merge for managers that update: what a write adds or changes becomes the writer's
and nobody else's, what it removes is nobody's. https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from meshportal.sandbox.api.kinds import Resource
from meshportal.sandbox.api.patches import equal
from meshportal.sandbox.api.schema import ANYTHING, schema_of
from meshportal.sandbox.api.status import JsonObject

Path = tuple[str, ...]
SELF = "."
UNOWNED = frozenset(
    {"name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion"}
)
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


@dataclass(frozen=True)
class Author:
    """Who writes: a manager at an API version, through a subresource ("" for the object itself), at a time."""

    manager: str
    api_version: str
    subresource: str
    at: str


def owned(
    resource: Resource, before: JsonObject, after: JsonObject, author: Author, entries: Iterable[JsonObject] = ()
) -> list[JsonObject]:
    """The managedFields after a write that turned `before` into `after`."""
    schema = schema_of(resource, author.api_version.rpartition("/")[2])
    old, new = _leaves(before, schema), _leaves(after, schema)
    written = {path for path, value in new.items() if path not in old or not (value is SELF or equal(value, old[path]))}
    removed = old.keys() - new.keys()
    kept: list[JsonObject] = []
    mine: set[Path] = set()
    for entry in entries:
        paths = set(_paths(entry["fieldsV1"]))
        if _is(entry, author):
            mine = paths
            kept.append(entry)
            continue
        rest = paths - written - removed
        if rest:
            kept.append(entry if rest == paths else entry | {"fieldsV1": _tree(rest)})
    result = (mine | written) - removed
    ours = [_entry(author, result)] if result else []
    if written or removed:
        return sorted([e for e in kept if not _is(e, author)] + ours, key=lambda e: (e["operation"], e["time"]))
    return kept


def _is(entry: JsonObject, author: Author) -> bool:
    here = (entry["manager"], entry["operation"], entry["apiVersion"], entry.get("subresource", ""))
    return here == (author.manager, "Update", author.api_version, author.subresource)


def _entry(author: Author, paths: set[Path]) -> JsonObject:
    entry = {
        "manager": author.manager,
        "operation": "Update",
        "apiVersion": author.api_version,
        "time": author.at,
        "fieldsType": "FieldsV1",
        "fieldsV1": _tree(paths),
    }
    return entry | ({"subresource": author.subresource} if author.subresource else {})


# ---------------------------------------------------------------- an object as paths


def _leaves(item: JsonObject, schema: JsonObject) -> dict[Path, Any]:
    """path → value; the value of a map or of a keyed list item itself is SELF."""
    found: dict[Path, Any] = {}
    for name, value in item.items():
        if name == "metadata":
            for field, part in value.items():
                if field not in UNOWNED:
                    _walk(part, ("f:metadata", f"f:{field}"), ANYTHING, field, found)
        elif name not in ("apiVersion", "kind"):
            _walk(value, (f"f:{name}",), schema.get("properties", {}).get(name, ANYTHING), name, found)
    return found


def _walk(value: Any, path: Path, schema: JsonObject, name: str, found: dict[Path, Any]) -> None:
    keys = _keys(schema, name)
    if isinstance(value, dict) and value and schema.get("x-kubernetes-map-type") != "atomic":
        found[path] = SELF
        others = schema.get("additionalProperties")
        for field, part in value.items():
            inner = schema.get("properties", {}).get(field) or (others if isinstance(others, dict) else ANYTHING)
            _walk(part, (*path, f"f:{field}"), inner, field, found)
    elif isinstance(value, list) and value and keys and all(isinstance(part, dict) and keys[0] in part for part in value):
        found[path] = SELF
        for part in value:
            key = json.dumps({name: part[name] for name in keys if name in part}, separators=(",", ":"))
            found[(*path, f"k:{key}")] = SELF
            for field, inner in part.items():
                fields = schema.get("items", ANYTHING).get("properties", {})
                _walk(inner, (*path, f"k:{key}", f"f:{field}"), fields.get(field, ANYTHING), field, found)
    else:
        found[path] = value


def _keys(schema: JsonObject, name: str) -> tuple[str, ...]:
    if schema.get("x-kubernetes-list-type") == "map":
        return tuple(schema["x-kubernetes-list-map-keys"])
    return KEYED.get(name, ()) if schema is ANYTHING else ()


# ---------------------------------------------------------------- paths as FieldsV1


def _tree(paths: Iterable[Path]) -> JsonObject:
    """FieldsV1: nested objects, "." where the node itself is owned beside something below it."""
    tree: JsonObject = {}
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        node[SELF] = {}
    return _without_lone_dots(tree)


def _without_lone_dots(node: JsonObject) -> JsonObject:
    return {} if node.keys() == {SELF} else {name: _without_lone_dots(part) for name, part in node.items()}


def _paths(tree: JsonObject, path: Path = ()) -> list[Path]:
    if not tree:
        return [path]
    found = [path] if SELF in tree else []
    return found + [inner for name, part in tree.items() if name != SELF for inner in _paths(part, (*path, name))]
