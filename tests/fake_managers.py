"""Who owns which field of an object in the fake cluster, as metadata.managedFields has it: fields of the spec, no deeper."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from meshportal.mesh.refs import Manifest

MADE_AT = "2026-01-01T00:00:00Z"


def managed(before: list[dict[str, Any]], manager: str, old: Manifest | None, new: Manifest) -> list[dict[str, Any]]:
    """The entries after `manager` has made `new` of `old`: what it changed is its own, and no longer anybody else's."""
    changed = _changed(old, new)
    owned = {entry["manager"]: dict(entry["fieldsV1"].get("f:spec", {})) for entry in before}
    mine = {**owned.pop(manager, {}), **{field: {} for field in changed}}
    others = [deepcopy(entry) for entry in before if entry["manager"] != manager]
    for entry in others:
        entry["fieldsV1"] = _spec({field: {} for field in owned[entry["manager"]] if field not in changed})
    written = {"manager": manager, "operation": "Update", "apiVersion": new["apiVersion"], "time": MADE_AT}
    return [*others, written | {"fieldsType": "FieldsV1", "fieldsV1": _spec(mine)}]


def _changed(old: Manifest | None, new: Manifest) -> list[str]:
    before, after = (old or {}).get("spec") or {}, new.get("spec") or {}
    return [f"f:{field}" for field in after if field not in before or before[field] != after[field]]


def _spec(fields: dict[str, Any]) -> dict[str, Any]:
    return {"f:spec": fields} if fields else {}
