"""The lists of a destination: subsets, failover and distribution, checked row by row against what Istio takes.

Sources: `validateSubset`, `ValidateLocalityLbSetting` and `validateLocalities` of Istio's pkg/config/validation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from meshportal.mesh.destinations.fields import Raw
from meshportal.mesh.destinations.reading import group, pairs_of, text_of
from meshportal.mesh.field_errors import FieldError
from meshportal.mesh.origins import find

TOPOLOGY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")
MAX_NAME = 63
MAX_REGION = 253

_DNS = r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?"
_QUALIFIED = r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_NAME = re.compile(_DNS)
_KEY = re.compile(rf"(?:(?P<prefix>{_DNS}(?:\.{_DNS})*)/)?(?P<name>{_QUALIFIED})")
_VALUE = re.compile(rf"(?:{_QUALIFIED})?")
_WEIGHT = re.compile(r"\d{1,3}", re.ASCII)


def pairs_in(text: str) -> list[tuple[str, str]] | None:
    """The pairs of "version=v2, track=canary"; None where a part has no "=" or no key."""
    found = []
    for part in text.split(","):
        if not part.strip():
            continue
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            return None
        found.append((key.strip(), value.strip()))
    return found


def subsets(asked: Sequence[Raw], live: Sequence[Any], errors: list[FieldError]) -> list[Raw]:
    """Subsets with their labels in order. A name is a DNS label and stands once; labels are labels of Kubernetes."""
    seen: dict[str, int] = {}
    result = []
    for place, row in enumerate(asked):
        path = f"subsets[{place}]"
        was = group(_live_entry(row, live, path, errors))
        name = row["name"]
        if not name:
            errors.append(FieldError(f"{path}.name", "needed-name"))
        elif name != text_of(was.get("name")) and not (_NAME.fullmatch(name) and len(name) <= MAX_NAME):
            errors.append(FieldError(f"{path}.name", "not-a-subset-name", {"typed": name[:80]}))
        elif name in seen:
            errors.append(FieldError(f"{path}.name", "repeated-name", {"name": name, "number": seen[name] + 1}))
        seen.setdefault(name, place)
        result.append({**row, "labels": _labels(row["labels"], pairs_of(was.get("labels")), f"{path}.labels", errors)})
    return result


def _live_entry(row: Raw, live: Sequence[Any], path: str, errors: list[FieldError]) -> Any:
    """The live entry that a row came from, None for a new row."""
    if not row["origin"]:
        return None
    place = find(row["origin"], live)
    if place is None:
        errors.append(FieldError(f"{path}.origin", "gone", {"number": int(path.rpartition("[")[2].rstrip("]")) + 1}))
        return None
    return live[place]


def _labels(text: str, was: str, path: str, errors: list[FieldError]) -> str:
    if text and text == was.strip():
        return was
    pairs = pairs_in(text)
    if pairs is None:
        errors.append(FieldError(path, "not-labels", {"typed": text[:80]}))
        return text
    canonical = pairs_of(dict(pairs))
    if canonical == was:
        return canonical
    keys = [key for key, _value in pairs]
    if repeated := next((key for key in keys if keys.count(key) > 1), ""):
        errors.append(FieldError(path, "repeated-label", {"key": repeated[:80]}))
        return text
    for key, value in pairs:
        match = _KEY.fullmatch(key)
        if match is None or len(match["name"]) > MAX_NAME or len(match["prefix"] or "") > 253:
            errors.append(FieldError(path, "not-a-label-key", {"typed": key[:80]}))
            return text
        if len(value) > MAX_NAME or not _VALUE.fullmatch(value):
            errors.append(FieldError(path, "not-a-label-value", {"typed": value[:80], "key": key}))
            return text
    return canonical


def failover(asked: Sequence[Raw], live: Sequence[Any], errors: list[FieldError]) -> list[Raw]:
    """Where requests of a region go when its pods fail: regions only, and another one."""
    for place, row in enumerate(asked):
        path = f"locality.failover[{place}]"
        was = group(_live_entry(row, live, path, errors))
        if (row["from"], row["to"]) == (text_of(was.get("from")), text_of(was.get("to"))):
            continue
        for end in ("from", "to"):
            if not row[end]:
                errors.append(FieldError(f"{path}.{end}", "needed-region"))
            elif not _is_locality(row[end]) or "/" in row[end] or "*" in row[end]:
                errors.append(FieldError(f"{path}.{end}", "not-a-region", {"typed": row[end][:80]}))
        if row["from"] and row["from"] == row["to"]:
            errors.append(FieldError(f"{path}.to", "same-region", {"region": row["to"]}))
    return [dict(row) for row in asked]


def distribute(asked: Sequence[Raw], live: Sequence[Any], errors: list[FieldError]) -> list[Raw]:
    """Where requests of a locality go, in percent that sum to 100. No two localities of one list may overlap."""
    result = []
    sources: list[str] = []
    for place, row in enumerate(asked):
        path = f"locality.distribute[{place}]"
        was = group(_live_entry(row, live, path, errors))
        if not row["from"]:
            errors.append(FieldError(f"{path}.from", "needed-locality"))
        else:
            _locality(row["from"], sources, f"{path}.from", errors)
            sources.append(row["from"])
        result.append({**row, "to": _shares(row["to"], pairs_of(was.get("to")), f"{path}.to", errors)})
    return result


def _shares(text: str, was: str, path: str, errors: list[FieldError]) -> str:
    if text and text == was.strip():
        return was
    pairs = pairs_in(text)
    if not pairs:
        errors.append(FieldError(path, "not-shares", {"typed": text[:80]}))
        return text
    canonical = pairs_of(dict(pairs))
    if canonical == was:
        return canonical
    before, total = len(errors), 0
    for place, (locality, share) in enumerate(pairs):
        _locality(locality, [name for name, _share in pairs[:place]], path, errors)
        if not _WEIGHT.fullmatch(share) or not 1 <= int(share) <= 100:
            errors.append(FieldError(path, "not-a-share", {"typed": share[:40], "locality": locality[:80]}))
        else:
            total += int(share)
    if len(errors) == before and total != 100:
        errors.append(FieldError(path, "wrong-sum", {"sum": total}))
    return ", ".join(f"{key}={int(share)}" for key, share in sorted(pairs)) if len(errors) == before else text


def _locality(locality: str, earlier: Sequence[str], path: str, errors: list[FieldError]) -> None:
    if not _is_locality(locality) or "*" in locality[:-1]:
        errors.append(FieldError(path, "not-a-locality", {"typed": locality[:80]}))
    elif other := next((known for known in earlier if _overlap(known, locality)), ""):
        errors.append(FieldError(path, "overlapping", {"one": other[:80], "other": locality[:80]}))


def _is_locality(text: str) -> bool:
    """region, region/zone or region/zone/subzone, none of them empty."""
    return len(text) <= MAX_REGION and not re.search(r"[\s=,]", text) and all(text.split("/", 2))


def _overlap(one: str, other: str) -> bool:
    """Whether two localities have a place in common: a region holds its zones, "*" at the end holds whatever begins so."""
    first, second = ([part for part in text.split("/", 2) if part != "*"] for text in (one, other))
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]
