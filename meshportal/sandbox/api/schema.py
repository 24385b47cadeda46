"""The facts of the CRDs: which schema judges a kind, what it does not know, how its lists merge."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from meshportal.sandbox.api.kinds import Resource
from meshportal.sandbox.api.status import JsonObject

FACTS = Path(__file__).with_name("schema_facts.json")
ANYTHING: JsonObject = {"x-kubernetes-preserve-unknown-fields": True}
METADATA = frozenset(
    {
        "annotations",
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "labels",
        "managedFields",
        "name",
        "namespace",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)


@functools.cache
def facts() -> dict[str, Any]:
    """plural.group → names, labels, versions and schemas of every CRD of Istio."""
    loaded: dict[str, Any] = json.loads(FACTS.read_text())
    return loaded


def schema_of(resource: Resource, version: str) -> JsonObject:
    """The structural schema of a kind, one that allows anything where the sandbox has no facts."""
    found = facts().get(resource.title)
    if found is None:
        return ANYTHING
    schema: JsonObject = found["schemas"][found["versions"][version]["schema"]]
    return schema


def keeps_unknown(schema: JsonObject) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields"))


def prune(schema: JsonObject, item: JsonObject) -> tuple[JsonObject, list[str]]:
    """The object without what the schema does not know, and the paths of that, sorted."""
    unknown: list[str] = []
    kept: JsonObject = {}
    for name, value in item.items():
        if name in ("apiVersion", "kind"):
            kept[name] = value
        elif name == "metadata":
            kept[name] = _known_metadata(value, unknown)
        elif name in schema.get("properties", {}):
            if value is not None:
                kept[name] = _pruned(schema["properties"][name], value, name, unknown)
        elif keeps_unknown(schema):
            if value is not None:
                kept[name] = value
        else:
            unknown.append(name)
    return kept, sorted(unknown)


def _known_metadata(metadata: JsonObject, unknown: list[str]) -> JsonObject:
    unknown += [f"metadata.{name}" for name in metadata if name not in METADATA]
    # empty lists and maps of metadata are not kept, empty ones elsewhere are
    return {name: value for name, value in metadata.items() if name in METADATA and value not in (None, {}, [])}


def _pruned(schema: JsonObject, value: Any, path: str, unknown: list[str]) -> Any:
    if isinstance(value, list):
        items = schema.get("items", ANYTHING)
        return [_pruned(items, part, f"{path}[{number}]", unknown) for number, part in enumerate(value)]
    if not isinstance(value, dict):
        return value
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    kept = {}
    for name, part in value.items():
        inner = known.get(name) or (others if isinstance(others, dict) else None)
        if inner is not None:
            # a null the schema does not allow counts as absent
            if part is not None or inner.get("nullable"):
                kept[name] = _pruned(inner, part, f"{path}.{name}", unknown)
        elif others is True or keeps_unknown(schema):
            kept[name] = part
        else:
            unknown.append(f"{path}.{name}")
    return kept
