"""Changes of routes that would mend what the runbook for traffic found: each takes the rows of the form and gives new ones."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from meshportal.mesh.runbooks.checks import Fix

Row = Mapping[str, Any]


def catch_all_last(rows: Sequence[Row]) -> Iterator[Fix]:
    """The routes in an order in which the last resort comes last; nothing where several routes take everything."""
    catching = [row for row in rows if not row.get("match")]
    if len(catching) == 1:
        others = [row for row in rows if row is not catching[0]]
        yield _routes("catch-all-last", [*others, *catching])


def without_the_never_reached(rows: Sequence[Row], places: Collection[int]) -> Iterator[Fix]:
    """The routes that get requests. `places` are those of the others."""
    kept = [row for place, row in enumerate(rows) if place not in places]
    if places and kept:
        yield _routes("never-removed", kept, numbers=", ".join(str(place + 1) for place in sorted(places)))


def all_others_last(rows: Sequence[Row]) -> Iterator[Fix]:
    """A last route for every other request, to where the last one with destinations sends its own."""
    sending = [row["destinations"] for row in rows if row.get("destinations")]
    if sending:
        destinations = [{name: value for name, value in one.items() if name != "origin"} for one in sending[-1]]
        yield _routes("all-others-last", [*rows, {"destinations": destinations}])


def without_subsets(rows: Sequence[Row], gone: Collection[str]) -> Iterator[Fix]:
    """Nothing goes to the subsets in `gone` any more, wherever something else is left in the same route to go to."""
    mended = [{**row, "destinations": _left(row.get("destinations") or [], gone)} for row in rows]
    drained = {
        one["subset"]
        for row, new in zip(rows, mended, strict=True)
        for one in row.get("destinations") or []
        if one not in new["destinations"] and _gone(one, gone)
    }
    if drained:
        yield _routes("drain-missing", mended, subset=", ".join(sorted(drained)))


def _left(destinations: Sequence[Row], gone: Collection[str]) -> list[Row]:
    """`destinations` with weights in their old proportions and a sum of 100; as they are where nothing would be left."""
    kept = [one for one in destinations if not _gone(one, gone)]
    weights = [int(one["weight"]) if str(one.get("weight", "")).isdecimal() else 0 for one in kept]
    if len(kept) == len(destinations) or not sum(weights):
        return list(destinations)
    return [{**one, "weight": str(weight)} for one, weight in zip(kept, scaled(weights), strict=True)]


def _gone(destination: Row, gone: Collection[str]) -> bool:
    return not destination.get("host") and destination.get("subset") in gone


def scaled(weights: Sequence[float]) -> list[int]:
    """`weights` in the same proportion, whole and summing to 100; what is lost by rounding goes to the largest."""
    result = [int(100 * weight / sum(weights)) for weight in weights]
    result[result.index(max(result))] += 100 - sum(result)
    return result


def _routes(code: str, rows: Sequence[Row], **values: Any) -> Fix:
    return Fix(code, "routes", {"routes": copy.deepcopy([dict(row) for row in rows])}, values)
