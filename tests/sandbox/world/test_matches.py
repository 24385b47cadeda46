"""Which requests a route's `match` takes, and who sends requests that carry something."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.mesh.refs import Manifest
from meshportal.sandbox.world.demo import GATEWAY
from meshportal.sandbox.world.routing import Mesh, Objects
from meshportal.sandbox.world.traffic import flows
from tests.sandbox.world.builders import destination, pod, service, virtual_service
from tests.sandbox.world.small_mesh import HEALTHY, asked, at_destination, at_source, mesh


def split(*match: Manifest) -> Mesh:
    """What matches goes to v3, the rest to v1."""
    first = {"match": list(match), "route": [destination("reviews", "v3")]}
    return mesh(virtual_service("bookinfo", "reviews", first, {"route": [destination("reviews", "v1")]}))


JASON: dict[str, Any] = {"headers": (("end-user", "jason"),)}


@pytest.mark.parametrize(
    ("match", "request_", "fits"),
    [
        ({"headers": {"end-user": {"exact": "jason"}}}, JASON, True),
        ({"headers": {"End-User": {"exact": "jason"}}}, JASON, True),
        ({"headers": {"end-user": {"exact": "jason"}}}, {}, False),
        ({"headers": {"end-user": {"prefix": "ja"}}}, JASON, True),
        ({"headers": {"end-user": {"regex": "j.*n"}}}, JASON, True),
        ({"headers": {"end-user": {"regex": "j"}}}, JASON, False),
        ({"headers": {"end-user": {}}}, JASON, True),
        ({"headers": {"end-user": {}}}, {}, False),
        ({"withoutHeaders": {"end-user": {"exact": "jason"}}}, JASON, False),
        ({"withoutHeaders": {"end-user": {"exact": "jason"}}}, {}, True),
        ({"queryParams": {"lang": {"exact": "de"}}}, {"query": (("lang", "de"),)}, True),
        ({"queryParams": {"lang": {"exact": "de"}}}, {"query": (("lang", "en"),)}, False),
        ({"queryParams": {"lang": {"exact": "de"}}}, {}, False),
        ({"method": {"exact": "POST"}}, {"method": "POST"}, True),
        ({"method": {"exact": "POST"}}, {}, False),
        ({"uri": {"prefix": "/REV"}, "ignoreUriCase": True}, {}, True),
        ({"uri": {"prefix": "/reviews"}, "headers": {"end-user": {}}}, {}, False),
        ({"gateways": ["istio-system/public"]}, {}, False),
        ({"gateways": ["mesh"]}, {}, True),
    ],
)
def test_a_match_takes_what_fits_all_of_it(match: Manifest, request_: dict[str, Any], fits: bool) -> None:
    assert at_source(asked(split(match), **request_).flows) == {("200", "-", "v3" if fits else "v1"): 1.0}


def test_one_entry_of_several_is_enough() -> None:
    of = split({"method": {"exact": "POST"}}, {"headers": {"end-user": {"exact": "jason"}}})
    assert at_source(asked(of, **JASON).flows) == {("200", "-", "v3"): 1.0}


def test_a_route_for_testers_gets_the_testers_of_the_demo_and_nobody_else() -> None:
    testers = split({"headers": {"end-user": {"exact": "jason"}}})
    found = [flow for flow in flows(testers, HEALTHY) if flow.service.name == "reviews"]
    rates = at_source(found)
    assert rates["200", "-", "v3"] / sum(rates.values()) == pytest.approx(0.06)
    assert at_destination(found) == pytest.approx(rates)


def test_a_query_parameter_sends_those_who_ask_for_it() -> None:
    found = [flow for flow in flows(split({"queryParams": {"lang": {"exact": "de"}}}), HEALTHY) if flow.service.name == "reviews"]
    rates = at_source(found)
    assert rates["200", "-", "v3"] / sum(rates.values()) == pytest.approx(0.04)


def test_some_of_the_demos_requests_are_posts() -> None:
    pods = [pod("shop", name) for name in ("web", "cart", "checkout")]
    names = [service("shop", name) for name in ("web", "cart", "checkout")]
    posts = {"match": [{"method": {"exact": "POST"}}], "directResponse": {"status": 418}}
    routes = [virtual_service("shop", name, posts, {"route": [destination(name)]}) for name in ("cart", "checkout")]
    found = flows(Mesh(Objects(tuple(names), (pod("istio-ingress", GATEWAY, ""), *pods), tuple(routes))), HEALTHY)
    codes = {(flow.caller.app, flow.code) for flow in found}
    assert {code for app, code in codes if app == "web"} == {"200", "503"}  # 503: what is not there in this small shop
    assert {code for app, code in codes if app == "cart"} == {"418"}


def test_a_header_that_a_route_sets_is_seen_by_the_next_match() -> None:
    """At the door everybody becomes a tester, or nobody is one any more."""
    testers = split({"headers": {"end-user": {"exact": "jason"}}})
    door = {"route": [destination("productpage")]}
    for change, share in (({"set": {"end-user": "jason"}}, 1.0), ({"remove": ["End-User"]}, 0.0)):
        front = virtual_service("bookinfo", "productpage", door | {"headers": {"request": change}})
        of = mesh(front, *testers._routes)
        rates = at_source(flow for flow in flows(of, HEALTHY) if flow.service.name == "reviews")
        assert rates.get(("200", "-", "v3"), 0.0) / sum(rates.values()) == pytest.approx(share)
