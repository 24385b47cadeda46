from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.inventory import read_pod
from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.mesh.weights import Route, Routing
from tests.mesh.objects import destination, destination_rule, pod, virtual_service

CART = ServiceRef("shop", "cart")
V1, V2 = {"version": "v1"}, {"version": "v2"}
RULE = destination_rule("cart", {"stable": V1, "canary": V2})


def route(*manifests: Manifest, pods: tuple[Manifest, ...] = ()) -> Route:
    rules = [m for m in manifests if m["kind"] == "DestinationRule"]
    routing = Routing([m for m in manifests if m["kind"] == "VirtualService"], rules)
    return routing.route(CART, [read_pod(manifest) for manifest in pods])


def split(*weights: tuple[str, int], **more: Any) -> Manifest:
    return virtual_service("cart", [destination("cart", subset, weight) for subset, weight in weights], **more)


def test_without_a_route_nothing_is_configured() -> None:
    assert route(RULE) == Route(split=False, percent={})


def test_subsets_are_named_by_the_versions_they_stand_for() -> None:
    assert route(split(("stable", 90), ("canary", 10)), RULE) == Route(True, {"v1": 90.0, "v2": 10.0})


def test_weights_are_relative_and_need_not_sum_to_100() -> None:
    assert route(split(("stable", 3), ("canary", 1)), RULE).percent == {"v1": 75.0, "v2": 25.0}


def test_a_single_destination_gets_everything_whatever_its_weight() -> None:
    for weight in (0, 20):
        assert route(split(("canary", weight)), RULE) == Route(True, {"v2": 100.0})


def test_a_route_to_the_whole_service_does_not_tell_versions_apart() -> None:
    assert route(virtual_service("cart", [destination("cart")]), RULE) == Route(False, {})


def test_another_hosts_share_is_not_given_to_our_versions() -> None:
    to_both = virtual_service("cart", [destination("cart", "stable", 50), destination("elsewhere", weight=50)])
    assert route(to_both, RULE).percent == {"v1": 50.0}


@pytest.mark.parametrize("host", ["cart", "cart.shop", "cart.shop.svc", "cart.shop.svc.cluster.local"])
def test_a_host_may_be_written_short_or_in_full(host: str) -> None:
    named = virtual_service("any", [destination(host, "stable")], hosts=[host])
    assert route(named, destination_rule("any", {"stable": V1}, host=host)).percent == {"v1": 100.0}


def test_a_short_name_in_another_namespace_is_another_service() -> None:
    assert route(virtual_service("cart", [destination("cart", "stable")], "other"), RULE) == Route()


def test_a_route_for_a_gateway_alone_is_not_followed_by_sidecars() -> None:
    assert route(split(("stable", 100), gateways=["ingress"]), RULE) == Route()
    assert route(split(("stable", 100), gateways=["ingress", "mesh"]), RULE).percent == {"v1": 100.0}


def test_routes_with_a_match_come_before_the_one_that_counts() -> None:
    manifest = split(("canary", 100))
    beta = {"match": [{"headers": {"beta": {"exact": "1"}}}], "route": [destination("cart", "stable")]}
    manifest["spec"]["http"].insert(0, beta)
    assert route(manifest, RULE).percent == {"v2": 100.0}


def test_of_two_routes_for_one_host_the_older_one_counts() -> None:
    young = split(("canary", 100), created="2026-02-01T00:00:00Z")
    old = split(("stable", 100), created="2026-01-01T00:00:00Z")
    old["metadata"]["name"] = "zz"
    assert route(young, old, RULE).percent == {"v1": 100.0}


def test_a_subset_by_another_label_is_the_one_version_of_its_pods() -> None:
    rule = destination_rule("cart", {"stable": {"track": "stable"}, "canary": {"track": "canary"}})
    canary = pod("cart-v2-x", labels={"app": "cart", "version": "v2", "track": "canary"})
    assert route(split(("stable", 90), ("canary", 10)), rule, pods=(canary,)).percent == {"v2": 10.0}


def test_a_subset_that_does_not_exist_is_nobodys_share() -> None:
    assert route(split(("stable", 90), ("typo", 10)), RULE) == Route(True, {"v1": 90.0})


def test_half_written_objects_are_read_as_far_as_they_go() -> None:
    empty: Manifest = {"kind": "VirtualService", "metadata": {"name": "cart", "namespace": "shop"}}
    odd = split(("stable", 100))
    odd["spec"]["http"] = [{"redirect": {"uri": "/"}}]
    assert route(empty, odd, {"kind": "DestinationRule", "metadata": {"name": "x", "namespace": "shop"}}) == Route()


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=5).filter(any))
def test_shares_of_a_route_sum_to_100(weights: list[int]) -> None:
    rule = destination_rule("cart", {f"s{i}": {"version": f"v{i}"} for i in range(len(weights))})
    found = route(split(*((f"s{i}", weight) for i, weight in enumerate(weights))), rule)
    assert sum(found.percent.values()) == pytest.approx(100)
