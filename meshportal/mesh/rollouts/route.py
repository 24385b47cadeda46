"""The two weights of a canary in a live VirtualService: where they are, whether they are ours, and the patch that changes them.

Fields: VirtualService `http[].route[].weight` (networking.istio.io/v1). Weights are relative; one that is not written is 0, and a
destination alone gets everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from meshportal.mesh.hosts import names_service
from meshportal.mesh.plans import CHANGE_ANNOTATION, TOKEN_ANNOTATION
from meshportal.mesh.refs import Manifest
from meshportal.mesh.rollouts.spec import Spec

SAME = 0.5
"""Percent: weights that somebody has written as 1 to 9, or 33 to 66, are the whole percent that they come closest to."""


class Missing(ValueError):
    """There is nothing to write the weights to. `what` says what is missing: route, destinations, or several where more than one
    route carries both."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True)
class Place:
    """Where our two destinations are: the route's index, theirs within it, and their weights as written (None: not written).
    `foreign` are the other destinations of the same route in words, with the sum of their weights."""

    http: int
    baseline: int
    canary: int
    weights: tuple[int | None, int | None]
    foreign: tuple[str, ...] = ()
    foreign_weight: int = 0

    @property
    def share(self) -> float:
        """Percent of the route's requests that go to the canary."""
        baseline, canary = (weight or 0 for weight in self.weights)
        total = baseline + canary + self.foreign_weight
        return 100.0 * canary / total if total else 0.0


class Standing(StrEnum):
    """How the live weights stand to ours."""

    OURS = "ours"
    RAISED = "raised"
    LOWERED = "lowered"
    FOREIGN = "foreign"


def place_of(virtual_service: Manifest | None, spec: Spec) -> Place:
    """Our route. Raises Missing."""
    if virtual_service is None:
        raise Missing("route")
    routes = (virtual_service.get("spec") or {}).get("http") or []
    found = [place for http, route in enumerate(routes) if (place := _in_route(http, route, spec, _namespace(virtual_service)))]
    if not found:
        raise Missing("destinations")
    if len(found) > 1:
        # a route with a match beside ours is for some requests only: ours is the one for all of them
        found = [place for place in found if not routes[place.http].get("match")] or found
    if len(found) > 1:
        raise Missing("several")
    return found[0]


def standing(place: Place, weight: int) -> Standing:
    """How a live route stands to the canary's `weight` that was last verified."""
    if place.foreign:
        return Standing.FOREIGN
    if abs(place.share - weight) < SAME:
        return Standing.OURS
    return Standing.RAISED if place.share > weight else Standing.LOWERED


def patch(virtual_service: Manifest, place: Place, weight: int, marks: Mapping[str, str]) -> list[dict[str, Any]]:
    """JSON Patch (RFC 6902) for `weight` percent to the canary, with the version and both old weights as its conditions, and
    `marks` as annotations in the same write. Other destinations keep theirs."""
    route = f"/spec/http/{place.http}/route"
    baseline = max(100 - place.foreign_weight - weight, 0)
    ops: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": virtual_service["metadata"]["resourceVersion"]}
    ]
    for index, old, new in ((place.baseline, place.weights[0], baseline), (place.canary, place.weights[1], weight)):
        path = f"{route}/{index}/weight"
        if old is None:
            ops.append({"op": "add", "path": path, "value": new})
        else:
            ops += [{"op": "test", "path": path, "value": old}, {"op": "replace", "path": path, "value": new}]
    annotations = virtual_service["metadata"].get("annotations")
    if not annotations:
        return [*ops, {"op": "add", "path": "/metadata/annotations", "value": dict(marks)}]
    return ops + [
        {"op": "add", "path": f"/metadata/annotations/{name.replace('~', '~0').replace('/', '~1')}", "value": value}
        for name, value in marks.items()
    ]


def marks_of(token: str, change: str) -> dict[str, str]:
    """The annotations of a write: what proves it, and whose change it belongs to."""
    return {TOKEN_ANNOTATION: token, CHANGE_ANNOTATION: change}


def _namespace(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace", ""))


def _in_route(http: int, route: Mapping[str, Any], spec: Spec, namespace: str) -> Place | None:
    entries = route.get("route") or []
    found: dict[str, list[int]] = {spec.baseline: [], spec.canary: []}
    foreign: list[int] = []
    for index, entry in enumerate(entries):
        destination = entry.get("destination") or {}
        subset = destination.get("subset", "")
        mine = names_service(str(destination.get("host", "")), spec.service, namespace) and subset in found
        (found[subset] if mine else foreign).append(index)
    if any(len(places) != 1 for places in found.values()):
        return None
    baseline, canary = found[spec.baseline][0], found[spec.canary][0]
    return Place(
        http,
        baseline,
        canary,
        (entries[baseline].get("weight"), entries[canary].get("weight")),
        tuple(_name(entries[index]) for index in foreign),
        sum(int(entries[index].get("weight") or 0) for index in foreign),
    )


def _name(entry: Mapping[str, Any]) -> str:
    destination = entry.get("destination") or {}
    return "/".join(str(destination[key]) for key in ("host", "subset") if destination.get(key))
