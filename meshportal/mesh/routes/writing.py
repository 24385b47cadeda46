"""Rows of the form as parts of a route in Istio's words. What a row does not show is taken from the live part it came from."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from meshportal.mesh.routes.checks import PRESENT
from meshportal.mesh.routes.live import RoutesLive
from meshportal.mesh.routes.reading import HEADER_PLACES, group, header_operations, mirror_entries
from meshportal.mesh.routes.shape import ORIGIN, Raw

_STRING = ("exact", "prefix", "regex")


def put(parent: dict[str, Any], name: str, value: Any) -> None:
    """Set a field, or remove it where nothing is left in it."""
    if value is None or value is False or value in ("", {}, []):  # 0 is a value
        parent.pop(name, None)
    else:
        parent[name] = value


def number(text: str) -> int | float:
    """A percentage as JSON has it."""
    value = float(text)
    return int(value) if value.is_integer() else value


def string_match(how: str, text: str, live: Mapping[str, Any]) -> dict[str, Any] | None:
    """Istio's StringMatch; None where nothing is asked."""
    if not text or not how:
        return None
    return {**{key: value for key, value in live.items() if key not in _STRING}, how: text}


def conditions(rows: list[Raw], shown: list[Raw], live: Mapping[str, Any]) -> dict[str, Any]:
    """Headers or query parameters by name. One that only has to be there is an empty StringMatch."""
    by_origin = {one[ORIGIN]: (one, value) for one, value in zip(shown, live.values(), strict=True)}
    after: dict[str, Any] = {}
    for row in rows:
        old_row, old = by_origin.get(row.get(ORIGIN, ""), (None, {}))
        if old_row is not None and (row["how"], row["value"]) == (old_row["how"], old_row["value"]):
            after[row["name"]] = copy.deepcopy(old)
        elif row["how"] == PRESENT:
            after[row["name"]] = {}
        else:
            after[row["name"]] = string_match(row["how"], row["value"], old if isinstance(old, Mapping) else {})
    return after


def target(row: Raw, shown: Raw | None, live: Mapping[str, Any], around: RoutesLive) -> dict[str, Any]:
    """Istio's Destination. A host of ours is written in full; one that was not edited keeps its spelling."""
    after = copy.deepcopy(dict(live))
    if shown is None or row["host"] != shown["host"]:
        after["host"] = row["host"] or around.fqdn
    if shown is None or row["subset"] != shown["subset"]:
        put(after, "subset", row["subset"])
    if shown is None or row["port"] != shown["port"]:
        port = {key: value for key, value in group(after, "port").items() if key != "number"}
        put(after, "port", port | ({"number": int(row["port"])} if row["port"] else {}))
    return after


def mirrors(rows: list[Raw], shown: list[Raw], route: dict[str, Any], around: RoutesLive) -> None:
    """Write where copies go. The older `mirror` stays as long as it says everything; several copies need `mirrors`."""
    old_style = bool(group(route, "mirror"))
    by_origin = {one[ORIGIN]: (one, old) for one, old in zip(shown, mirror_entries(route), strict=True)}
    after: list[dict[str, Any]] = []
    for row in rows:
        old_row, old = by_origin.get(row.get(ORIGIN, ""), (None, {}))
        entry = copy.deepcopy(dict(old))
        entry["destination"] = target(row, old_row, group(entry, "destination"), around)
        if old_row is None or row["percent"] != old_row["percent"]:
            put(entry, "percentage", {"value": number(row["percent"])} if row["percent"] else None)
        after.append(entry)
    stays = old_style and len(after) == 1 and rows[0].get(ORIGIN)
    if stays and rows[0]["percent"] == shown[0]["percent"]:
        route["mirror"] = after[0]["destination"]
        return
    for name in ("mirror", "mirrorPercentage", "mirrorPercent", "mirror_percent") if old_style else ():
        if name != "mirror" or not stays:
            route.pop(name, None)
    if stays:
        route["mirror"] = after[0]["destination"]
        put(route, "mirrorPercentage", after[0].get("percentage"))
    else:
        put(route, "mirrors", after)


def fault(row: Raw, shown: Raw | None, live: Mapping[str, Any]) -> dict[str, Any]:
    """Abort and delay; a part in which nothing is left goes."""
    after = copy.deepcopy(dict(live))
    for name, key, field in (("abort", "httpStatus", "status"), ("delay", "fixedDelay", "duration")):
        new, old = row[name], shown[name] if shown else None
        if old == new:
            continue
        part = copy.deepcopy(dict(group(after, name)))
        if old is None or new[field] != old[field]:
            put(part, key, int(new[field]) if new[field] and name == "abort" else new[field])
        if old is None or new["percent"] != old["percent"]:
            part.pop("percent", None)  # the deprecated whole number beside percentage
            put(part, "percentage", {"value": number(new["percent"])} if new["percent"] else None)
        put(after, name, part)
    return after


def header_changes(rows: list[Raw], shown: list[Raw], live: Mapping[str, Any]) -> dict[str, Any]:
    """Headers to set, add and remove. A list or map in which nothing was edited stays as it is."""
    after = copy.deepcopy(dict(live))
    before = list(header_operations(live))
    wanted = [(row["on"], row["do"], row["name"], row["value"]) for row in rows]
    for on, do in HEADER_PLACES:
        old = [(name, value) for o, d, name, value in before if (o, d) == (on, do)]
        new = [(name, value) for o, d, name, value in wanted if (o, d) == (on, do)]
        if old == new:
            continue
        part = dict(group(after, on))
        put(part, do, [name for name, _value in new] if do == "remove" else dict(new))
        put(after, on, part)
    return after
