"""The ingress gateway goes by the VirtualServices bound to its Gateways, and while it has none by those of the mesh."""

from __future__ import annotations

import pytest

from meshportal.mesh.refs import Manifest
from meshportal.sandbox.world.demo import GATEWAY
from meshportal.sandbox.world.routing import Mesh, Objects
from meshportal.sandbox.world.traffic import flows
from tests.sandbox.world.builders import destination, gateway, pod, service, virtual_service
from tests.sandbox.world.small_mesh import HEALTHY, Answer, at_source

PUBLIC = gateway("istio-ingress", "public", "*")
PLAIN = {"route": [destination("productpage")]}


def entering(*routes: Manifest, gateways: tuple[Manifest, ...] = (PUBLIC,)) -> dict[Answer, float]:
    """Share of the visitors of productpage by what becomes of them."""
    door = pod("istio-ingress", GATEWAY, "")
    door["metadata"]["labels"]["istio"] = "ingressgateway"
    objects = Objects((service("bookinfo", "productpage"),), (door, pod("bookinfo", "productpage")), routes, gateways=gateways)
    found = at_source(
        flow for flow in flows(Mesh(objects), HEALTHY) if flow.wave.endswith("/productpage") and flow.caller.app == GATEWAY
    )
    total = sum(found.values())
    return {answer: rate / total for answer, rate in found.items()}


def bound(
    host: str, *routes: Manifest, to: str = "istio-ingress/public", name: str = "site", namespace: str = "bookinfo"
) -> Manifest:
    return virtual_service(namespace, host, *routes, name=name, gateways=[to])


def test_without_a_gateway_it_goes_by_the_mesh() -> None:
    assert entering(gateways=()) == {("200", "-", "v1"): 1.0}
    assert entering(gateways=(gateway("istio-ingress", "other", "*", selector="egressgateway"),)) == {("200", "-", "v1"): 1.0}


def test_with_a_gateway_and_no_route_visitors_find_nothing() -> None:
    assert entering() == {("404", "NR", ""): 1.0}
    mesh_only = virtual_service("bookinfo", "productpage", PLAIN)
    assert entering(mesh_only) == {("404", "NR", ""): 1.0}


@pytest.mark.parametrize("host", ["*", "books.example.com"])
def test_a_bound_route_lets_them_in(host: str) -> None:
    assert entering(bound(host, PLAIN)) == {("200", "-", "v1"): 1.0}


def test_a_route_that_leads_elsewhere_is_not_theirs() -> None:
    assert entering(bound("*", {"route": [destination("details")]})) == {("404", "NR", ""): 1.0}


@pytest.mark.parametrize(
    ("gateway_hosts", "in_"),
    [
        (["books.example.com"], True),
        (["*.example.com"], True),
        (["shop.example.com"], False),
        (["bookinfo/*"], True),
        (["shop/*"], False),
        (["./*"], False),
    ],
)
def test_the_gateway_has_to_have_the_host(gateway_hosts: list[str], in_: bool) -> None:
    found = entering(bound("books.example.com", PLAIN), gateways=(gateway("istio-ingress", "public", *gateway_hosts),))
    assert found == {("200", "-", "v1") if in_ else ("404", "NR", ""): 1.0}


def test_a_gateway_of_the_same_namespace_needs_no_namespace_in_its_name() -> None:
    near = gateway("bookinfo", "front", "*")
    assert entering(bound("*", PLAIN, to="front"), gateways=(near,)) == {("200", "-", "v1"): 1.0}
    assert entering(bound("*", PLAIN, to="front"), gateways=(PUBLIC,)) == {("404", "NR", ""): 1.0}


def test_matches_count_at_the_gateway() -> None:
    page = {"match": [{"uri": {"prefix": "/productpage"}}], **PLAIN}
    login = {"match": [{"uri": {"prefix": "/login"}}], **PLAIN}
    testers = {"match": [{"headers": {"end-user": {"exact": "jason"}}}], "directResponse": {"status": 418}}
    assert entering(bound("*", page)) == {("200", "-", "v1"): 1.0}
    assert entering(bound("*", login)) == {("404", "NR", ""): 1.0}
    assert entering(bound("*", testers, page)) == pytest.approx({("200", "-", "v1"): 0.94, ("418", "-", ""): 0.06})


def test_a_match_for_another_gateway_is_not_for_this_one() -> None:
    here = {"match": [{"gateways": ["istio-ingress/public"]}], **PLAIN}
    there = {"match": [{"gateways": ["mesh"]}], "directResponse": {"status": 418}}
    assert entering(bound("*", there, here)) == {("200", "-", "v1"): 1.0}


def test_faults_and_timeouts_of_a_bound_route_count() -> None:
    broken = {**PLAIN, "fault": {"abort": {"httpStatus": 503, "percentage": {"value": 25}}}}
    assert entering(bound("*", broken)) == pytest.approx({("200", "-", "v1"): 0.75, ("503", "FI", ""): 0.25})


def test_two_virtual_services_of_one_host_are_one() -> None:
    page = {"match": [{"uri": {"prefix": "/productpage"}}], **PLAIN}
    first = bound("books.example.com", {"match": [{"uri": {"prefix": "/x"}}], **PLAIN}, name="a")
    assert entering(first, bound("books.example.com", page, name="b")) == {("200", "-", "v1"): 1.0}
