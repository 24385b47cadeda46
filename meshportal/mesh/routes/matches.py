"""Which requests a rule takes: what a match may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshportal.mesh.routes import checks
from meshportal.mesh.routes.reading import entries
from meshportal.mesh.routes.shape import ORIGIN, Check, Raw, Walk, Wrong, is_blank


def check(route: Raw, live: Mapping[str, Any], path: str, walk: Walk) -> None:
    """Judge every match of a rule that was touched; what was left open gets its default. `live` is its entry of spec.http."""
    live_matches = entries(live, "match")
    for number, row in enumerate(route["match"]):
        here = f"{path}.match[{number}]"
        if not walk.touched(here):
            continue
        _path(row, here, walk)
        _method(row, here, walk)
        _conditions(row["headers"], checks.match_header, f"{here}.headers", walk)
        _conditions(row["query"], checks.anything_named, f"{here}.query", walk)
        place = int(row[ORIGIN].partition(":")[0]) if row.get(ORIGIN) else len(live_matches)
        hidden = set(live_matches[place]) - {"uri", "method", "headers", "queryParams"} if place < len(live_matches) else set()
        if is_blank(row) and not hidden:
            walk.wrong(here, "empty-match")


def _path(row: Raw, path: str, walk: Walk) -> None:
    how, text = row["path_how"], row["path"]
    if walk.touched(f"{path}.path", f"{path}.path_how") and how in ("", *checks.HOWS):
        if how and not text:
            walk.wrong(f"{path}.path", "path-missing")
        elif text and not how:
            walk.wrong(f"{path}.path_how", "path-how-missing")
        elif text:
            _judge(checks.absolute_path if how != "regex" else checks.regex, text, f"{path}.path", walk)
    if row["ignore_case"] and walk.touched(f"{path}.ignore_case", f"{path}.path", f"{path}.path_how"):
        if how == "regex":
            walk.wrong(f"{path}.ignore_case", "ignore-case-regex")
        elif not text:
            walk.wrong(f"{path}.ignore_case", "ignore-case-path")


def _method(row: Raw, path: str, walk: Walk) -> None:
    if not row["method"]:
        row["method_how"] = ""
        return
    row["method_how"] = row["method_how"] or "exact"
    if walk.touched(f"{path}.method", f"{path}.method_how"):
        _judge(checks.method if row["method_how"] != "regex" else checks.regex, row["method"], f"{path}.method", walk)


def _conditions(rows: list[Raw], name_check: Check, path: str, walk: Walk) -> None:
    """Headers or query parameters of one match: each name once, and a value unless being there is enough."""
    seen: set[str] = set()
    for number, row in enumerate(rows):
        here = f"{path}[{number}]"
        row["how"] = row["how"] or "exact"
        name = row["name"].lower() if name_check is checks.match_header else row["name"]
        if walk.touched(here):
            _condition(row, name_check, here, walk)
            if name and name in seen:
                walk.wrong(f"{here}.name", "repeated-name", name=row["name"])
        seen.add(name)


def _condition(row: Raw, name_check: Check, path: str, walk: Walk) -> None:
    if not row["name"]:
        walk.wrong(f"{path}.name", "name-missing")
    elif walk.touched(f"{path}.name") or not row.get(ORIGIN):
        _judge(name_check, row["name"], f"{path}.name", walk)
    if row["how"] == checks.PRESENT:
        if row["value"]:
            walk.wrong(f"{path}.value", "value-needless")
    elif not row["value"]:
        walk.wrong(f"{path}.value", "value-missing")
    elif row["how"] == "regex":
        _judge(checks.regex, row["value"], f"{path}.value", walk)


def _judge(judge: Check, text: str, path: str, walk: Walk) -> None:
    if any(error.field == path for error in walk.errors):
        return
    found: Wrong | None = judge(text)
    if found:
        walk.wrong(path, found[0], **found[1])
