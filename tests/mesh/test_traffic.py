"""Weights: what is touched, what survives, and what cannot be edited."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.plans import field_changes, picked, with_fields
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.traffic import (
    NotEditable,
    Pods,
    TrafficIntent,
    TrafficLive,
    live_weights,
    read_weights,
    render,
    subset_labels,
    whole_percents,
)

REVIEWS = ServiceRef("bookinfo", "reviews")


def virtual_service(*routes: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "bookinfo", "labels": {"team": "books"}, "uid": "u", "resourceVersion": "7"},
        "spec": {"hosts": ["reviews"], "http": list(routes), **spec},
    }


def destination_rule(*subsets: str) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "reviews", "namespace": "bookinfo", "uid": "d", "resourceVersion": "8"},
        "spec": {
            "host": "reviews",
            "trafficPolicy": {"outlierDetection": {"consecutive5xxErrors": 5}},
            "subsets": [{"name": name, "labels": {"version": name}} for name in subsets],
        },
    }


def to(subset: str, weight: int | None = None, **more: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"destination": {"host": "reviews", "subset": subset}, **more}
    return entry if weight is None else entry | {"weight": weight}


def live(*routes: dict[str, Any], subsets: tuple[str, ...] = ("v1", "v2")) -> TrafficLive:
    pods = {"v1": Pods(3, 3), "v2": Pods(2, 2), "v3": Pods(2, 2)}
    return TrafficLive(REVIEWS, (virtual_service(*routes),), (destination_rule(*subsets),), pods)


def test_moves_only_the_weights_of_the_catch_all_route() -> None:
    tester = {"match": [{"headers": {"end-user": {"exact": "jason"}}}], "route": [to("v2")]}
    main = {"route": [to("v1", headers={"request": {"set": {"x": "1"}}})], "timeout": "3s", "retries": {"attempts": 2}}
    plan = render(TrafficIntent(REVIEWS, {"v1": 90, "v2": 10}), live(tester, main))
    rule, service = plan.items
    assert not rule.changes_anything
    http = service.wanted["spec"]["http"]
    assert http[0] == tester
    assert http[1]["timeout"] == "3s"
    assert http[1]["retries"] == {"attempts": 2}
    assert http[1]["route"][0] == to("v1", 90, headers={"request": {"set": {"x": "1"}}})
    assert http[1]["route"][1] == to("v2", 10)
    assert service.wanted["metadata"]["labels"] == {"team": "books"}


def test_adds_a_missing_subset_before_the_route_that_needs_it() -> None:
    plan = render(TrafficIntent(REVIEWS, {"v1": 90, "v3": 10}), live({"route": [to("v1")]}))
    rule, service = plan.items
    assert rule.ref.kind.kind == "DestinationRule"
    assert rule.wanted["spec"]["subsets"][-1] == {"name": "v3", "labels": {"version": "v3"}}
    assert rule.wanted["spec"]["trafficPolicy"] == {"outlierDetection": {"consecutive5xxErrors": 5}}
    assert [change.path for change in field_changes(rule)] == ["spec.subsets[2]"]
    assert service.wanted["spec"]["http"][0]["route"][1] == to("v3", 10)


def test_creates_both_objects_where_there_are_none() -> None:
    plan = render(TrafficIntent(REVIEWS, {"v1": 80, "v2": 20}), TrafficLive(REVIEWS, pods={"v1": Pods(1, 1), "v2": Pods(1, 1)}))
    assert [item.operation for item in plan.items] == ["create", "create"]
    assert read_weights(plan, REVIEWS) == {"v1": 80, "v2": 20}
    assert plan.items[0].wanted["spec"]["subsets"] == [
        {"name": "v1", "labels": {"version": "v1"}},
        {"name": "v2", "labels": {"version": "v2"}},
    ]


def test_an_entry_for_the_whole_host_makes_room_for_subsets_and_gives_its_port() -> None:
    whole = {"destination": {"host": "reviews.bookinfo.svc.cluster.local", "port": {"number": 9080}}}
    plan = render(TrafficIntent(REVIEWS, {"v1": 100}), live({"route": [whole]}))
    destination = plan.items[1].wanted["spec"]["http"][0]["route"][0]["destination"]
    assert destination == {"host": "reviews.bookinfo.svc.cluster.local", "subset": "v1", "port": {"number": 9080}}


@pytest.mark.parametrize(
    ("routes", "code"),
    [
        ([{"route": [{"destination": {"host": "ratings"}}]}], "foreign-route"),
        ([{"redirect": {"uri": "/x"}}], "foreign-route"),
        ([{"route": [to("v1", 10), to("v1", 90)]}], "repeated-subset"),
        ([{"route": [{"destination": {"host": "reviews.other"}}]}], "foreign-route"),
    ],
)
def test_says_why_a_route_cannot_be_edited(routes: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(NotEditable) as error:
        render(TrafficIntent(REVIEWS, {"v1": 100}), live(*routes))
    assert error.value.code == code


def test_two_virtual_services_for_one_host_cannot_be_edited() -> None:
    twice = TrafficLive(REVIEWS, (virtual_service({"route": [to("v1")]}),) * 2, ())
    with pytest.raises(NotEditable, match="several-virtual-services"):
        render(TrafficIntent(REVIEWS, {"v1": 100}), twice)


def test_weights_are_relative_and_one_destination_gets_everything() -> None:
    assert live_weights(live({"route": [to("v1", 3), to("v2", 1)]})) == {"v1": 75.0, "v2": 25.0}
    assert live_weights(live({"route": [to("v1", 5)]})) == {"v1": 100.0}
    assert live_weights(live({"route": [{"destination": {"host": "reviews"}}]})) is None
    assert live_weights(TrafficLive(REVIEWS)) is None


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=5).filter(lambda weights: sum(weights) > 0))
def test_rounded_shares_sum_to_one_hundred(weights: list[int]) -> None:
    shares = {f"v{i}": 100.0 * weight / sum(weights) for i, weight in enumerate(weights)}
    rounded = whole_percents(shares)
    assert sum(rounded.values()) == 100
    assert all(abs(rounded[name] - share) <= 1 for name, share in shares.items())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda children: st.lists(children, max_size=2) | st.dictionaries(st.text(max_size=3), children, max_size=2),
    max_leaves=4,
)


@given(
    split=st.integers(0, 100),
    extra_http=st.dictionaries(
        st.sampled_from(["timeout", "retries", "fault", "headers", "corsPolicy", "x"]), json_values, max_size=3
    ),
    extra_spec=st.dictionaries(st.sampled_from(["exportTo", "tls", "tcp", "y"]), json_values, max_size=2),
    extra_meta=st.dictionaries(
        st.sampled_from(["labels", "annotations"]), st.dictionaries(st.text(max_size=3), st.text(max_size=3)), max_size=2
    ),
)
def test_render_and_read_are_inverse_and_lose_nothing(
    split: int, extra_http: dict[str, Any], extra_spec: dict[str, Any], extra_meta: dict[str, Any]
) -> None:
    before = virtual_service({"route": [to("v1", 100)], **extra_http}, **extra_spec)
    before["metadata"] |= extra_meta
    original = copy.deepcopy(before)
    around = TrafficLive(REVIEWS, (before,), (destination_rule("v1", "v2"),), {"v1": Pods(1, 1), "v2": Pods(1, 1)})
    weights = {"v1": 100 - split, "v2": split}
    plan = render(TrafficIntent(REVIEWS, weights), around)
    assert before == original, "rendering changed its input"
    assert read_weights(plan, REVIEWS) == {subset: weight for subset, weight in weights.items() if weight}
    after = copy.deepcopy(plan.items[1].wanted)
    after["spec"]["http"][0]["route"] = original["spec"]["http"][0]["route"]
    assert after == original


def test_applying_a_plan_to_a_newer_object_keeps_what_changed_elsewhere() -> None:
    plan = render(TrafficIntent(REVIEWS, {"v1": 90, "v2": 10}), live({"route": [to("v1")]}))
    item = plan.items[1]
    newer = copy.deepcopy(item.before)
    assert newer is not None
    newer["metadata"]["labels"]["added"] = "since"
    newer["spec"]["exportTo"] = ["."]
    desired = with_fields(newer, item.wanted, item.fields)
    assert desired["metadata"]["labels"]["added"] == "since"
    assert desired["spec"]["exportTo"] == ["."]
    assert picked(desired, item.fields) == picked(item.after, item.fields)


def test_a_version_with_pods_but_without_a_subset_is_offered() -> None:
    assert subset_labels(live({"route": [to("v1")]})) == {
        "v1": {"version": "v1"},
        "v2": {"version": "v2"},
        "v3": {"version": "v3"},
    }
