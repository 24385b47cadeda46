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
from meshportal.sandbox.api.patches import KEYED, equal
from meshportal.sandbox.api.schema import ANYTHING, schema_of
from meshportal.sandbox.api.status import JsonObject

Path = tuple[str, ...]
SELF = "."
FINALIZERS: Path = ("f:metadata", "f:finalizers")
UNOWNED = frozenset(
    {"name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion"}
)
# structs of the built-in kinds are always there, so nobody owns the node itself
STRUCTS = frozenset({"spec", "status", "template", "metadata", "strategy"})
# maps of the built-in kinds that are taken as one value
ATOMIC = frozenset({"selector", "nodeSelector"})


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
    if not (written or removed):
        return kept
    others = [entry for entry in kept if not _is(entry, author)]
    return sorted(others + ours, key=lambda entry: (entry["operation"], entry["time"], entry["manager"]))


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
    """path → value; the value of a map or of a list item itself is SELF."""
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
    if isinstance(value, dict) and value and not _atomic(schema, name):
        if schema is not ANYTHING or name not in STRUCTS:
            found[path] = SELF
        others = schema.get("additionalProperties")
        for field, part in value.items():
            inner = schema.get("properties", {}).get(field) or (others if isinstance(others, dict) else ANYTHING)
            _walk(part, (*path, f"f:{field}"), inner, field, found)
    elif isinstance(value, list) and value and keys and all(isinstance(part, dict) and keys[0] in part for part in value):
        found[path] = SELF
        for part in value:
            _walk_item(part, path, schema, keys, found)
    elif isinstance(value, list) and value and path == FINALIZERS:
        found[path] = SELF
        found |= {(*path, f"v:{json.dumps(part)}"): SELF for part in value}
    else:
        found[path] = value


def _walk_item(item: JsonObject, path: Path, schema: JsonObject, keys: Path, found: dict[Path, Any]) -> None:
    """One item of a list that merges by key."""
    key = json.dumps({name: item[name] for name in sorted(keys) if name in item}, separators=(",", ":"))
    here = (*path, f"k:{key}")
    found[here] = SELF
    fields = schema.get("items", ANYTHING).get("properties", {})
    for field, value in item.items():
        _walk(value, (*here, f"f:{field}"), fields.get(field, ANYTHING), field, found)


def _atomic(schema: JsonObject, name: str) -> bool:
    return schema.get("x-kubernetes-map-type") == "atomic" or (schema is ANYTHING and name in ATOMIC)


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
