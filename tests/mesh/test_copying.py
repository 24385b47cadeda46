"""A policy rewritten for another service: hosts, what is left out, and what must not be lost."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.mesh.copying import NotCopyable, Side, render
from meshportal.mesh.facts import Facts
from meshportal.mesh.plans import Plan
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ResourceRef, ServiceRef
from tests.cast import destination_rule, virtual_service

REVIEWS, RATINGS, CART = ServiceRef("bookinfo", "reviews"), ServiceRef("bookinfo", "ratings"), ServiceRef("shop", "cart")
CART_HOST = "cart.shop.svc.cluster.local"


def side(service: ServiceRef, *objects: Manifest, domain: str = "cluster.local") -> Side:
    return Side(service, Facts(objects=objects, domain=domain))


def route(**http: Any) -> Manifest:
    """reviews' VirtualService with one route."""
    manifest = virtual_service(v1=100)
    manifest["spec"]["http"] = [http]
    return manifest


def copied(manifest: Manifest, target: ServiceRef = CART, *theirs: Manifest) -> dict[str, Any]:
    """The spec that the copy of one object has."""
    plan = render(side(REVIEWS, manifest), [manifest], side(target, *theirs)).plan
    spec: dict[str, Any] = plan.items[0].wanted["spec"]
    return spec


@pytest.mark.parametrize("host", ["reviews", "reviews.bookinfo", "reviews.bookinfo.svc", "reviews.bookinfo.svc.cluster.local"])
def test_every_way_to_write_the_source_becomes_the_target(host: str) -> None:
    spec = copied(
        route(
            route=[{"destination": {"host": host, "subset": "v1"}, "weight": 100}],
            mirror={"host": host},
            mirrors=[{"destination": {"host": host}}],
            rewrite={"authority": host},
        )
    )
    http = spec["http"][0]
    assert spec["hosts"] == [CART_HOST]
    assert http["route"] == [{"destination": {"host": CART_HOST, "subset": "v1"}, "weight": 100}]
    assert http["mirror"] == {"host": CART_HOST}
    assert http["mirrors"] == [{"destination": {"host": CART_HOST}}]
    assert http["rewrite"] == {"authority": CART_HOST}


def test_a_short_name_of_somebody_else_keeps_its_meaning_in_another_namespace() -> None:
    manifest = route(route=[{"destination": {"host": "ratings"}}, {"destination": {"host": "example.com"}}])
    hosts = [entry["destination"]["host"] for entry in copied(manifest)["http"][0]["route"]]
    assert hosts == ["ratings.bookinfo.svc.cluster.local", "example.com"]
    hosts = [entry["destination"]["host"] for entry in copied(manifest, RATINGS)["http"][0]["route"]]
    assert hosts == ["ratings", "example.com"], "in its own namespace a short name may stay"


def test_a_service_whose_name_only_begins_the_same_is_another() -> None:
    spec = copied(route(route=[{"destination": {"host": "reviews-old.bookinfo.svc.cluster.local"}}]))
    assert spec["http"][0]["route"][0]["destination"]["host"] == "reviews-old.bookinfo.svc.cluster.local"


def test_everything_else_of_a_route_and_of_a_rule_survives() -> None:
    known = {"timeout": "3s", "retries": {"attempts": 2}, "fault": {"delay": {"fixedDelay": "1s"}}, "unknownToUs": {"x": [1]}}
    assert copied(route(route=[{"destination": {"host": "reviews"}}], **known))["http"][0].items() >= known.items()
    rule = destination_rule("v1", "v2")
    rule["spec"] |= {"trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}, "exportTo": ["."]}
    assert copied(rule) == rule["spec"] | {"host": CART_HOST}


def test_what_holds_at_gateways_alone_is_left_out_and_told() -> None:
    manifest = route(route=[{"destination": {"host": "reviews"}}])
    manifest["spec"] |= {"gateways": ["mesh", "istio-system/door"], "hosts": ["reviews", "shop.example.com"]}
    only_outside = {"match": [{"gateways": ["istio-system/door"], "uri": {"prefix": "/"}}], "route": []}
    both = {"match": [{"gateways": ["mesh"], "uri": {"exact": "/a"}}, {"gateways": ["istio-system/door"]}], "route": []}
    manifest["spec"]["http"] = [only_outside, both]
    result = render(side(REVIEWS, manifest), [manifest], side(CART))
    spec = result.plan.items[0].wanted["spec"]
    assert "gateways" not in spec
    assert spec["hosts"] == [CART_HOST]
    assert spec["http"] == [{"match": [{"uri": {"exact": "/a"}}], "route": []}]
    assert (result.left[0].hosts, result.left[0].gateways, result.left[0].routes) == (
        ("shop.example.com",),
        ("istio-system/door",),
        1,
    )


def test_a_new_object_has_the_name_of_the_service_and_none_of_the_others_labels() -> None:
    manifest = route(route=[])
    manifest["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "books"}
    item = render(side(REVIEWS, manifest), [manifest], side(CART)).plan.items[0]
    assert item.before is None
    assert item.wanted["metadata"] == {"name": "cart", "namespace": "shop"}


def test_an_object_of_the_same_name_for_something_else_is_not_touched() -> None:
    other = destination_rule("v1")
    other["metadata"] = {"name": "cart", "namespace": "shop"}
    other["spec"]["host"] = "example.com"
    rule = destination_rule("v1")
    item = render(side(REVIEWS, rule), [rule], side(CART, other)).plan.items[0]
    assert item.ref == ResourceRef(DESTINATION_RULE, "shop", "cart-2")
    assert item.before is None


def test_a_live_object_of_the_target_keeps_its_name_and_labels_and_gets_the_spec() -> None:
    mine = destination_rule("v7")
    mine["metadata"] = {"name": "ours", "namespace": "platform", "labels": {"team": "shop"}}
    mine["spec"] = {"host": CART_HOST, "subsets": [{"name": "v7"}]}
    rule = destination_rule("v1")
    result = render(side(REVIEWS, rule), [rule], side(CART, mine))
    item = result.plan.items[0]
    assert result.replaced == [ResourceRef(DESTINATION_RULE, "platform", "ours")]
    assert item.wanted["metadata"] == mine["metadata"]
    assert item.wanted["spec"] == rule["spec"] | {"host": CART_HOST}


def test_rules_come_before_the_routes_that_lean_on_them() -> None:
    objects = [virtual_service(v1=100), destination_rule("v1")]
    plan: Plan = render(side(REVIEWS, *objects), objects, side(CART)).plan
    assert [item.ref.kind for item in plan.items] == [DESTINATION_RULE, VIRTUAL_SERVICE]


def test_another_mesh_may_have_another_domain() -> None:
    manifest = route(route=[{"destination": {"host": "reviews"}}, {"destination": {"host": "ratings"}}])
    target = side(CART, domain="mesh.example")
    spec = render(side(REVIEWS, manifest), [manifest], target).plan.items[0].wanted["spec"]
    hosts = [entry["destination"]["host"] for entry in spec["http"][0]["route"]]
    assert hosts == ["cart.shop.svc.mesh.example", "ratings.bookinfo.svc.cluster.local"]


def test_two_of_one_kind_cannot_become_one() -> None:
    one, other = destination_rule("v1"), destination_rule("v2")
    other["metadata"]["name"] = "reviews-2"
    with pytest.raises(NotCopyable, match="several-chosen"):
        render(side(REVIEWS, one, other), [one, other], side(CART))
    for manifest in (mine := [destination_rule("v1"), destination_rule("v2")]):
        manifest["spec"]["host"] = CART_HOST
    mine[1]["metadata"]["name"] = "second"
    with pytest.raises(NotCopyable, match="several-live"):
        render(side(REVIEWS, one), [one], side(CART, *mine))
