"""What was sent, laid over what is live: one whole destination, every leaf as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meshportal.mesh.destinations.fields import Raw
from meshportal.mesh.destinations.reading import pairs_of, text_of
from meshportal.mesh.field_errors import FieldError

MAX_ROWS = 100
PAIRS = frozenset({"labels", "to"})
"""Leaves that are pairs: version=v2, or a mapping."""

_ROWS: dict[str, tuple[str, ...]] = {
    "subsets": ("origin", "name", "labels"),
    "locality.failover": ("origin", "from", "to"),
    "locality.distribute": ("origin", "from", "to"),
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def laid_over(raw: Mapping[str, Any], now: Raw, errors: list[FieldError]) -> Raw:
    """`now` with everything that `raw` says. Errors: unknown-key, not-a-group, not-a-list, not-a-value, too-many-rows,
    control-character."""
    return _group(raw, now, "", errors)


def _group(raw: Mapping[str, Any], now: Mapping[str, Any], path: str, errors: list[FieldError]) -> Raw:
    for key in raw:
        if key not in now:
            known = ", ".join(now)
            errors.append(FieldError(_below(path, str(key)[:60]), "unknown-key", {"key": str(key)[:60], "known": known}))
    result: Raw = {}
    for key, live in now.items():
        here = _below(path, key)
        if key not in raw:
            result[key] = live
        elif isinstance(live, Mapping):
            result[key] = _inner(raw[key], live, here, errors)
        elif isinstance(live, list):
            result[key] = _list(raw[key], live, here, errors)
        else:
            result[key] = _leaf(raw[key], here, errors)
    return result


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _inner(value: Any, live: Mapping[str, Any], path: str, errors: list[FieldError]) -> Raw:
    if value is None or value == "":
        return {key: _emptied(inner) for key, inner in live.items()}
    if isinstance(value, Mapping):
        return _group(value, live, path, errors)
    errors.append(FieldError(path, "not-a-group", {"known": ", ".join(live)}))
    return dict(live)


def _emptied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _emptied(inner) for key, inner in value.items()}
    return [] if isinstance(value, list) else ""


def _list(value: Any, live: list[Any], path: str, errors: list[FieldError]) -> list[Raw]:
    if value is None or value == "":
        return []
    if not isinstance(value, list) or not all(isinstance(row, Mapping) or row in (None, "") for row in value):
        errors.append(FieldError(path, "not-a-list"))
        return live
    if len(value) > MAX_ROWS:
        errors.append(FieldError(path, "too-many-rows", {"most": MAX_ROWS}))
        return live
    # by content alone, as `origins.find` does: others may have moved since
    by_origin = {row["origin"].partition(":")[2]: row for row in live}
    shape = dict.fromkeys(_ROWS[path], "")
    result = []
    for place, row in enumerate(value):
        sent = row or {}
        origin = sent.get("origin")
        start = by_origin.get(origin.partition(":")[2], shape) if isinstance(origin, str) else shape
        result.append(_group(sent, {**shape, **start}, f"{path}[{place}]", errors))
    return result


def _leaf(value: Any, path: str, errors: list[FieldError]) -> str:
    if isinstance(value, Mapping) and path.rpartition(".")[2] in PAIRS:
        if any(isinstance(inner, dict | list) for inner in value.values()):
            errors.append(FieldError(path, "not-a-value"))
            return ""
        return pairs_of(value)
    if isinstance(value, dict | list):
        errors.append(FieldError(path, "not-a-value"))
        return ""
    text = text_of(value).strip()
    if _CONTROL.search(text):
        errors.append(FieldError(path, "control-character"))
        return ""
    return text
