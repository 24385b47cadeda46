"""In which order the objects of a plan are written, so that no request meets a half-finished mesh: make before break.

A VirtualService names subsets of a DestinationRule and names a Gateway. Istio answers 503 where a route names a subset that is
not there, so what a route leans on is made before the route and removed after it
(https://istio.io/latest/docs/ops/best-practices/traffic-management/#avoid-503-errors-while-reconfiguring-service-routes).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from meshportal.mesh.plans import PlanItem, picked
from meshportal.mesh.refs import VIRTUAL_SERVICE


class Turn(IntEnum):
    """When an object is written, first to last."""

    GROUND = 1  # what routes lean on is made or added to
    ROUTES = 2
    ROUTES_GO = 3
    LESS_GROUND = 4  # what no route needs any more is taken out of an object
    GROUND_GOES = 5


def make_before_break(items: Iterable[PlanItem]) -> tuple[PlanItem, ...]:
    """The same items in the order they are to be written; those of one turn keep theirs. Putting back goes the other way."""
    return tuple(sorted(items, key=turn))


def turn(item: PlanItem) -> Turn:
    """An update that both adds and takes away counts as adding: the new has to be there first."""
    route = item.ref.kind == VIRTUAL_SERVICE
    if item.after is None:
        return Turn.ROUTES_GO if route else Turn.GROUND_GOES
    if route:
        return Turn.ROUTES
    before, after = picked(item.before, item.fields), picked(item.after, item.fields)
    return Turn.LESS_GROUND if before != after and only_less(before, after) else Turn.GROUND


def only_less(before: Any, after: Any) -> bool:
    """Whether `after` is `before` with nothing but parts of it left out. A list must keep its order."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(key in before and only_less(before[key], value) for key, value in after.items())
    if isinstance(before, list) and isinstance(after, list):
        rest = iter(before)
        return all(any(only_less(old, new) for old in rest) for new in after)
    return bool(before == after)
