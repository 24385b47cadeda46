"""From live to desired, object by object and field by field: what a ChangeRequest carries and reviewers read."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.refs import Manifest, ResourceRef

TOKEN_ANNOTATION = "meshportal.io/token"  # noqa: S105  the name of an annotation
CHANGE_ANNOTATION = "meshportal.io/change"

SERVER_WRITES = frozenset(
    {
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "selfLink",
    }
)
"""Fields of metadata that a client cannot set, or must not set on an object it creates."""

Fields = tuple[tuple[str, ...], ...]
"""Paths below an object, such as (("spec", "http"), ("spec", "hosts")): everything an intent reads or writes."""


class Absent:
    """Marks a field that is not there: None is a value of its own in JSON."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


@dataclass(frozen=True)
class PlanItem:
    """One object. `before` is None where it does not exist yet, `after` where it is to be removed; `fields` bound what is
    compared and written."""

    ref: ResourceRef
    before: Manifest | None
    after: Manifest | None
    fields: Fields

    @property
    def operation(self) -> str:
        if self.after is None:
            return "delete"
        return "create" if self.before is None else "replace"

    @property
    def wanted(self) -> Manifest:
        """`after` of an object that is to be there. Raises TypeError for a removal."""
        if self.after is None:
            raise TypeError(f"{self.ref} is to be removed")
        return self.after

    @property
    def changes_anything(self) -> bool:
        return not same_fields(self.before, self.after, self.fields)


@dataclass(frozen=True)
class Plan:
    """Items in the order they are written: make before break."""

    items: tuple[PlanItem, ...]

    @property
    def changing(self) -> tuple[PlanItem, ...]:
        return tuple(item for item in self.items if item.changes_anything)

    @property
    def digest(self) -> str:
        """What a review binds to. Every item counts, also those that stay as they are: the intent has read them."""
        return digest_of(self.items)

    @property
    def base(self) -> str:
        """Digest of the live side alone: what somebody looked at while they filled in a form."""
        return _sha256([[str(item.ref), picked(item.before, item.fields)] for item in self.items])


@dataclass(frozen=True)
class FieldChange:
    """One field: a path as people write it (spec.http[0].route[1].weight), and both values; ABSENT is "not set". `pointer` is the
    same path for programs (RFC 6901)."""

    path: str
    before: Any
    after: Any
    pointer: str = ""


def _sha256(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def digest_of(items: Iterable[PlanItem]) -> str:
    """SHA-256 over the canonical JSON of every item, limited to the fields of its intent.

    resourceVersion, status, labels, managedFields and our own annotations are outside those fields, so that a change of them
    elsewhere voids no approval.
    """
    return _sha256(
        [[str(item.ref), item.operation, picked(item.before, item.fields), picked(item.after, item.fields)] for item in items]
    )


def value_at(manifest: Manifest | None, path: Sequence[str]) -> Any:
    """The value below `path`, or ABSENT."""
    value: Any = manifest
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return ABSENT
        value = value[part]
    return value


def picked(manifest: Manifest | None, fields: Fields) -> dict[str, Any] | None:
    """Only `fields` of an object, by dotted path; None for an object that does not exist."""
    if manifest is None:
        return None
    values = {".".join(path): value_at(manifest, path) for path in fields}
    return {path: value for path, value in values.items() if value is not ABSENT}


def same_fields(one: Manifest | None, other: Manifest | None, fields: Fields) -> bool:
    """Whether two objects agree in every field of an intent. Both absent is the same, one absent is not."""
    return picked(one, fields) == picked(other, fields)


def with_fields(live: Manifest, source: Manifest, fields: Fields) -> Manifest:
    """A copy of `live` in which `fields` are as in `source`; all else survives, whatever it is."""
    result = copy.deepcopy(live)
    for path in fields:
        value = value_at(source, path)
        parent = result
        for part in path[:-1]:
            parent = parent.setdefault(part, {})
        if value is ABSENT:
            parent.pop(path[-1], None)
        else:
            parent[path[-1]] = copy.deepcopy(value)
    return result


def afresh(manifest: Manifest) -> Manifest:
    """A copy of an object that can be made anew: without what only the server writes."""
    result = {key: copy.deepcopy(value) for key, value in manifest.items() if key != "status"}
    result["metadata"] = {key: value for key, value in result["metadata"].items() if key not in SERVER_WRITES}
    return result


def annotated(manifest: Manifest, annotations: dict[str, str]) -> Manifest:
    """A copy of `manifest` with `annotations` added."""
    result = copy.deepcopy(manifest)
    metadata = result.setdefault("metadata", {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}
    return result


def annotation(manifest: Manifest | None, name: str) -> str:
    """The value of an annotation, "" where there is none."""
    value = value_at(manifest, ("metadata", "annotations", name))
    return value if isinstance(value, str) else ""


def field_changes(item: PlanItem) -> list[FieldChange]:
    """Every field of the item's `fields` that differs, deepest path first met."""
    before = picked(item.before, item.fields) or {}
    after = picked(item.after, item.fields) or {}
    changes: list[FieldChange] = []
    for path in sorted({*before, *after}):
        changes.extend(_differences(path, "/" + path.replace(".", "/"), before.get(path, ABSENT), after.get(path, ABSENT)))
    return changes


def _differences(path: str, pointer: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            below = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            yield from _differences(f"{path}.{key}", below, before.get(key, ABSENT), after.get(key, ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else ABSENT
            new = after[index] if index < len(after) else ABSENT
            yield from _differences(f"{path}[{index}]", f"{pointer}/{index}", old, new)
    else:
        yield FieldChange(path, before, after, pointer)


def json_patch(item: PlanItem) -> list[dict[str, Any]]:
    """RFC 6902 operations that turn `before` into `after`, for people who want to do it by hand. Removals come last and from the
    end, so that no index moves under another. Empty for an object that is made or removed: a patch does neither."""
    if item.before is None or item.after is None:
        return []
    changes = field_changes(item)
    added = [{"op": "add", "path": c.pointer, "value": c.after} for c in changes if c.before is ABSENT]
    replaced = [{"op": "replace", "path": c.pointer, "value": c.after} for c in changes if ABSENT not in (c.before, c.after)]
    removed = [{"op": "remove", "path": c.pointer} for c in reversed(changes) if c.after is ABSENT]
    return [*replaced, *added, *removed]


def other_managers(manifest: Manifest | None, fields: Fields, ours: str) -> list[tuple[str, str]]:
    """Who else manages a field of `fields`: (manager, time of their last write) from metadata.managedFields, newest first."""
    found: dict[str, str] = {}
    for entry in (manifest or {}).get("metadata", {}).get("managedFields", []):
        manager, owned = entry.get("manager", ""), entry.get("fieldsV1", {})
        if manager == ours or not any(_owns(owned, path) for path in fields):
            continue
        found[manager] = max(found.get(manager, ""), entry.get("time", ""))
    return sorted(found.items(), key=lambda pair: pair[1], reverse=True)


def _owns(owned: Any, path: Sequence[str]) -> bool:
    for part in path:
        if not isinstance(owned, dict) or f"f:{part}" not in owned:
            return False
        owned = owned[f"f:{part}"]
    return True
