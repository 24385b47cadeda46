"""The order in which a plan is written: nothing ever names what is not there yet, or not there any more."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.ordering import make_before_break, only_less
from meshportal.mesh.plans import PlanItem
from meshportal.mesh.refs import DESTINATION_RULE, GATEWAY, VIRTUAL_SERVICE, Kind, Manifest, ResourceRef
from tests.cast import destination_rule

SPEC = (("spec",),)


def item(kind: Kind, before: Manifest | None, after: Manifest | None, name: str = "reviews") -> PlanItem:
    return PlanItem(ResourceRef(kind, "bookinfo", name), before, after, SPEC)


def some(kind: Kind, **spec: Any) -> Manifest:
    return {"kind": kind.kind, "spec": spec}


def order(*items: PlanItem) -> list[str]:
    return [f"{one.operation} {one.ref.kind.kind}" for one in make_before_break(items)]


ROUTE = some(VIRTUAL_SERVICE, hosts=["reviews"])
DOOR = some(GATEWAY, servers=[1, 2])


def test_what_routes_lean_on_is_made_first() -> None:
    made = (item(VIRTUAL_SERVICE, None, ROUTE), item(GATEWAY, None, DOOR), item(DESTINATION_RULE, None, destination_rule("v1")))
    assert order(*made) == ["create Gateway", "create DestinationRule", "create VirtualService"]


def test_what_routes_goes_first() -> None:
    gone = (item(DESTINATION_RULE, destination_rule("v1"), None), item(GATEWAY, DOOR, None), item(VIRTUAL_SERVICE, ROUTE, None))
    assert order(*gone) == ["delete VirtualService", "delete DestinationRule", "delete Gateway"]


def test_a_new_route_is_there_before_the_old_one_goes() -> None:
    assert order(item(VIRTUAL_SERVICE, ROUTE, None, "old"), item(VIRTUAL_SERVICE, None, ROUTE, "new")) == [
        "create VirtualService",
        "delete VirtualService",
    ]


def test_a_subset_goes_only_after_the_route_stopped_using_it() -> None:
    less = item(DESTINATION_RULE, destination_rule("v1", "v2"), destination_rule("v2"))
    route = item(VIRTUAL_SERVICE, ROUTE, some(VIRTUAL_SERVICE, hosts=["reviews"], http=[]))
    assert order(less, route) == ["replace VirtualService", "replace DestinationRule"]


def test_a_rule_that_both_gains_and_loses_a_subset_comes_before_the_route() -> None:
    both = item(DESTINATION_RULE, destination_rule("v1", "v2"), destination_rule("v2", "v3"))
    route = item(VIRTUAL_SERVICE, ROUTE, some(VIRTUAL_SERVICE, hosts=["reviews"], http=[]))
    assert order(route, both) == ["replace DestinationRule", "replace VirtualService"]


def test_what_stays_as_it_is_stands_before_what_leans_on_it() -> None:
    rule = destination_rule("v1")
    same = item(DESTINATION_RULE, rule, copy.deepcopy(rule))
    assert order(item(VIRTUAL_SERVICE, None, ROUTE), same) == ["replace DestinationRule", "create VirtualService"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=10,
)


def without_some(value: Any, keep: Callable[[], bool]) -> Any:
    if isinstance(value, dict):
        return {key: without_some(inner, keep) for key, inner in value.items() if keep()}
    if isinstance(value, list):
        return [without_some(inner, keep) for inner in value if keep()]
    return value


@given(before=JSON, data=st.data())
def test_leaving_out_parts_is_less_and_nothing_else(before: Any, data: st.DataObject) -> None:
    after = without_some(before, lambda: data.draw(st.booleans()))
    assert only_less(before, after)


@pytest.mark.parametrize(("before", "after"), [({"a": 1}, {"a": 2}), ({}, {"a": 1}), ([1, 2], [2, 1]), ([1], [1, 1]), ([], None)])
def test_another_value_or_order_is_not_less(before: Any, after: Any) -> None:
    assert not only_less(before, after)
