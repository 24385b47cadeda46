"""Our two weights in whatever route is live, and the patch that changes them and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.clients.ports import JsonPatchOp
from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.mesh.rollouts.route import Missing, Standing, marks_of, patch, place_of, standing
from meshportal.mesh.rollouts.spec import Spec, ladder
from tests.json_patch import DoesNotApply, patched

SPEC = Spec(ServiceRef("bookinfo", "reviews"), "v1", "v2", ladder(10, 40, 60.0))
MARKS = marks_of("t0", "CR-1")


def entry(subset: str, weight: int | None = None, host: str = "reviews") -> dict[str, Any]:
    return {"destination": {"host": host, "subset": subset}} | ({} if weight is None else {"weight": weight})


def route(*http: dict[str, Any], **metadata: Any) -> Manifest:
    return {
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "bookinfo", "resourceVersion": "7", **metadata},
        "spec": {"hosts": ["reviews"], "http": list(http)},
    }


def ops(live: Manifest, weight: int) -> list[JsonPatchOp]:
    found = patch(live, place_of(live, SPEC), weight, MARKS)
    return [JsonPatchOp(op["op"], op["path"], op["value"]) for op in found]


@pytest.mark.parametrize(
    "live",
    [
        route({"route": [entry("v1", 100), entry("v2", 0)]}),
        route({"route": [entry("v2"), entry("v1", 100)]}),
        route({"route": [entry("v1", 90, "reviews.bookinfo.svc.cluster.local"), entry("v2", 10)]}),
        route({"route": [entry("v3", 100)]}, {"route": [entry("v1", 1), entry("v2", 1)]}),
        route({"match": [{}], "route": [entry("v1", 0), entry("v2", 100)]}, {"route": [entry("v1", 100), entry("v2", 0)]}),
        route({"route": [entry("v1", 100), entry("v2", 0)]}, annotations={"a/b": "c~d"}),
        route({"route": [entry("v1", 100), entry("v2", 0)]}, annotations={"meshportal.io/token": "before"}),
    ],
)
def test_a_weight_is_written_with_its_marks_and_nothing_else(live: Manifest) -> None:
    after = patched(live, ops(live, 20))
    place = place_of(after, SPEC)
    assert place.share == 20
    assert sum(weight or 0 for weight in place.weights) == 100
    assert after["metadata"]["annotations"] == {**live["metadata"].get("annotations", {}), **MARKS}
    for there in (live, after):
        our = there["spec"]["http"][place.http]["route"]
        for destination in our:
            destination.pop("weight", None)
        there["metadata"].pop("annotations", None)
    assert after == live


@pytest.mark.parametrize("what", ["version", "baseline", "canary"])
def test_whoever_was_faster_makes_it_fail(what: str) -> None:
    live = route({"route": [entry("v1", 90), entry("v2", 10)]})
    found = ops(live, 20)
    if what == "version":
        live["metadata"]["resourceVersion"] = "8"
    else:
        live["spec"]["http"][0]["route"][["baseline", "canary"].index(what)]["weight"] = 50
    with pytest.raises(DoesNotApply):
        patched(live, found)


@pytest.mark.parametrize(
    ("live", "what"),
    [
        (None, "route"),
        (route(), "destinations"),
        (route({"route": [entry("v1", 100)]}), "destinations"),
        (route({"route": [entry("v1", 100), entry("v2", 0, "ratings")]}), "destinations"),
        (route({"route": [entry("v1", 50), entry("v1", 50), entry("v2", 0)]}), "destinations"),
        (route(*[{"route": [entry("v1", 100), entry("v2", 0)]}] * 2), "several"),
        ({"kind": "VirtualService", "metadata": {"name": "a"}}, "destinations"),
    ],
)
def test_nothing_is_written_where_our_place_is_not_certain(live: Manifest | None, what: str) -> None:
    with pytest.raises(Missing) as missing:
        place_of(live, SPEC)
    assert missing.value.what == what


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((90, 10), Standing.OURS),
        ((9, 1), Standing.OURS),
        ((80, 20), Standing.RAISED),
        ((50, 10), Standing.RAISED),
        ((0, 100), Standing.RAISED),
        ((95, 5), Standing.LOWERED),
        ((100, 0), Standing.LOWERED),
        ((0, 0), Standing.LOWERED),
    ],
)
def test_how_live_weights_stand_to_ours(weights: tuple[int, int], expected: Standing) -> None:
    live = route({"route": [entry("v1", weights[0]), entry("v2", weights[1])]})
    assert standing(place_of(live, SPEC), 10) is expected


def test_others_keep_their_share() -> None:
    live = route({"route": [entry("v1", 85), entry("v2", 10), entry("v3", 5)]})
    assert standing(place_of(live, SPEC), 10) is Standing.FOREIGN
    after = patched(live, ops(live, 0))
    assert [one["weight"] for one in after["spec"]["http"][0]["route"]] == [95, 0, 5]
