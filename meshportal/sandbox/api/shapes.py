"""The rough shape of what every object and the built-in kinds have, for which there are no schema facts.

Go refuses to decode what does not fit; here it is enough that nothing later trips over a list where a map belongs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshportal.sandbox.api.kinds import Resource
from meshportal.sandbox.api.status import JsonObject
from meshportal.sandbox.api.validation import type_name

Shape = Any
"""str, int or dict for a value of that type, {name: shape} for a map with some known names, [shape] for a list of such."""

TEXTS = {"*": str}
METADATA: Shape = {
    **dict.fromkeys(("name", "generateName", "namespace", "uid", "resourceVersion"), str),
    "labels": TEXTS,
    "annotations": TEXTS,
    "finalizers": [str],
    "ownerReferences": [{"uid": str, "name": str}],
}
_POD: Shape = {"containers": [{"name": str}], "initContainers": [{"name": str}], "volumes": [{"name": str}]}
_TEMPLATE: Shape = {"metadata": METADATA, "spec": _POD}
BUILT_IN: dict[str, Shape] = {
    "ConfigMap": {"data": TEXTS},
    "Secret": {"data": TEXTS, "stringData": TEXTS},
    "Service": {"spec": {"ports": [{"port": int}], "selector": TEXTS}},
    "Pod": {"spec": _POD, "status": {"conditions": [{"type": str}]}},
    "Deployment": {"spec": {"template": _TEMPLATE, "replicas": int}, "status": {"conditions": [{"type": str}]}},
    "ReplicaSet": {"spec": {"template": _TEMPLATE, "replicas": int}, "status": {"conditions": [{"type": str}]}},
    "Node": {"status": {"conditions": [{"type": str}]}},
    "EndpointSlice": {"endpoints": [dict], "ports": [dict]},
}
GO_WORDS = {"integer": "number", "boolean": "bool"}


def complaint(resource: Resource, item: JsonObject) -> str:
    """What Go's decoder would say of the first value that does not fit, "" if all do."""
    metadata = item.get("metadata", {})
    if not isinstance(metadata, dict):
        return f"json: cannot unmarshal {_word(metadata)} into Go value of type v1.ObjectMeta"
    for name, value in metadata.items():
        for found in _misfits(METADATA.get(name), value):
            return f"json: cannot unmarshal {_word(found[0])} into Go struct field ObjectMeta.{name} of type {found[1]}"
    if resource.custom:
        return ""
    shape = {"spec": dict, "status": dict} | BUILT_IN.get(resource.kind, {})
    for name, value in item.items():
        for found in _misfits(shape.get(name), value):
            return f"json: cannot unmarshal {_word(found[0])} into Go struct field {resource.kind}.{name} of type {found[1]}"
    return ""


def _word(value: Any) -> str:
    """The word of Go's JSON decoder for a JSON type."""
    name = type_name(value)
    return GO_WORDS.get(name, name)


def _misfits(shape: Shape, value: Any) -> Iterator[tuple[Any, str]]:
    """(value, type it should have) of whatever does not fit; null always does."""
    if shape is None or value is None:
        return
    if isinstance(shape, type):
        if not isinstance(value, shape) or isinstance(value, bool):
            yield value, {str: "string", int: "int32"}.get(shape, "object")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield value, "array"
            return
        for part in value:
            # a null is no list item to merge or to name
            yield from [(part, "object")] if part is None else _misfits(shape[0], part)
    elif not isinstance(value, dict):
        yield value, "object"
    else:
        for name, part in value.items():
            yield from _misfits(shape.get(name, shape.get("*")), part)
