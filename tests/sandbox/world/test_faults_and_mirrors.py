"""What a route does on purpose: faults, copies to somebody else, answers of the proxy's own, rewritten paths."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.mesh.refs import ServiceRef
from meshportal.sandbox.world.metrics import Counters
from meshportal.sandbox.world.traffic import flows
from tests.sandbox.world.builders import authorization_policy, destination, virtual_service
from tests.sandbox.world.small_mesh import HEALTHY, asked, at_destination, at_source, failing, mesh, routed

REPORTERS = ("source", "destination")


def percent(value: float) -> dict[str, Any]:
    return {"percentage": {"value": value}}


def test_an_abort_never_reaches_the_destination_and_keeps_the_name_of_the_service() -> None:
    found = asked(mesh(routed(fault={"abort": {"httpStatus": 418} | percent(20)}))).flows
    assert at_source(found) == pytest.approx({("418", "FI", ""): 0.2, ("200", "-", "v1"): 0.8})
    assert at_destination(found) == pytest.approx({("200", "-", "v1"): 0.8})
    assert {flow.service.name for flow in found} == {"reviews"}


def test_a_fault_without_a_percentage_is_for_nobody() -> None:
    fault = {"abort": {"httpStatus": 503}, "delay": {"fixedDelay": "1s"}}
    assert at_source(asked(mesh(routed(fault=fault))).flows) == {("200", "-", "v1"): 1.0}


def test_the_old_percentage_of_a_delay_counts_too() -> None:
    found = at_source(asked(mesh(routed(fault={"delay": {"fixedDelay": "1s", "percent": 30}}))).flows)
    assert found == pytest.approx({("200", "-", "v1"): 0.7, ("200", "DI", "v1"): 0.3})


def test_a_delay_is_waited_for_at_the_source_only_and_no_timeout_ends_it() -> None:
    """Envoy's timeout runs from when the request is sent on, and that is after the delay."""
    found = asked(mesh(routed(fault={"delay": {"fixedDelay": "3s"} | percent(10)}, timeout="2s"))).flows
    assert at_source(found) == pytest.approx({("200", "DI", "v1"): 0.1, ("200", "-", "v1"): 0.9})
    [delayed] = [flow for flow in found if flow.flags == "DI"]
    assert delayed.latency.within(3000) == 0
    assert delayed.latency.within(4000) == pytest.approx(1)
    assert all(flow.latency.within(1000) == pytest.approx(1) for flow in found if flow.at_destination)


def test_a_delay_and_an_abort_are_thrown_for_apart() -> None:
    fault = {"abort": {"httpStatus": 418} | percent(50), "delay": {"fixedDelay": "20ms"} | percent(50)}
    quarter = {("418", "FI", ""), ("418", "DI,FI", ""), ("200", "-", "v1"), ("200", "DI", "v1")}
    assert at_source(asked(mesh(routed(fault=fault))).flows) == pytest.approx(dict.fromkeys(quarter, 0.25))


def test_a_mirror_gets_copies_whose_answers_nobody_waits_for() -> None:
    mirror = {"mirror": {"host": "reviews", "subset": "v3"}, "mirrorPercentage": {"value": 40}}
    found = asked(mesh(routed(**mirror)), failing("v3", 1.0)).flows
    assert at_source(found) == {("200", "-", "v1"): 1.0}
    assert at_destination(found) == pytest.approx({("200", "-", "v1"): 1.0, ("503", "-", "v3"): 0.4})


def test_the_old_percentage_of_a_mirror_counts_too() -> None:
    found = asked(mesh(routed(mirror={"host": "reviews", "subset": "v3"}, mirrorPercent=30))).flows
    assert at_destination(found)["200", "-", "v3"] == pytest.approx(0.3)


def test_the_callers_proxy_counts_no_copies() -> None:
    counters = Counters(seed=1)
    found = asked(mesh(routed(mirror={"host": "reviews", "subset": "v3"})), rate=10).flows
    counters.add(found, 1.8e9, 1.8e9 + 60)
    series = [dict(labels) for labels, _ in counters.samples()]
    versions = {reporter: {one["destination_version"] for one in series if one["reporter"] == reporter} for reporter in REPORTERS}
    assert versions == {"source": {"v1"}, "destination": {"v1", "v3"}}


def test_several_mirrors_each_get_their_share_and_aborted_requests_are_not_mirrored() -> None:
    mirrors = [
        {"destination": {"host": "reviews", "subset": "v2"}, **percent(50)},
        {"destination": {"host": "reviews", "subset": "v3"}},
        {"destination": {"host": "reviews", "subset": "missing"}},
    ]
    found = asked(mesh(routed(mirrors=mirrors, fault={"abort": {"httpStatus": 503} | percent(50)}))).flows
    assert at_destination(found) == pytest.approx({("200", "-", "v1"): 0.5, ("200", "-", "v2"): 0.25, ("200", "-", "v3"): 0.5})


def test_a_mirror_works_and_so_calls_on() -> None:
    """v1 of reviews asks ratings nothing, v3 does."""
    of = mesh(routed(mirror={"host": "reviews", "subset": "v3"}))
    found = flows(of, HEALTHY)
    ratings = sum(flow.rate for flow in found if flow.service.name == "ratings" and flow.at_source)
    asked_for = sum(flow.rate for flow in found if flow.service.name == "reviews" and flow.at_source)
    assert ratings == pytest.approx(asked_for)


@pytest.mark.parametrize(
    ("route", "code"),
    [
        ({"redirect": {"uri": "/elsewhere"}}, "301"),
        ({"redirect": {"uri": "/elsewhere", "redirectCode": 307}}, "307"),
        ({"directResponse": {"status": 418, "body": {"string": "teapot"}}}, "418"),
    ],
)
def test_a_proxy_that_answers_itself_asks_nobody(route: dict[str, Any], code: str) -> None:
    found = asked(mesh(virtual_service("bookinfo", "reviews", route))).flows
    assert at_source(found) == {(code, "-", ""): 1.0}
    assert at_destination(found) == {}
    assert {flow.service for flow in found} == {ServiceRef("unknown", "reviews:9080")}


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ({"rewrite": {"uri": "/v2"}}, "/v2reviews/0"),
        ({"match": [{"uri": {"prefix": "/reviews"}}], "rewrite": {"uri": "/v2"}}, "/v2/0"),
        ({"match": [{"uri": {"exact": "/reviews/0"}}], "rewrite": {"uri": "/v2"}}, "/v2"),
        ({"rewrite": {"uriRegexRewrite": {"match": "/reviews/([0-9]+)", "rewrite": r"/book/\1"}}}, "/book/0"),
        ({"rewrite": {"authority": "other"}}, "/reviews/0"),
    ],
)
def test_a_rewritten_path_is_what_the_destination_judges(route: dict[str, Any], path: str) -> None:
    deny = authorization_policy("bookinfo", "DENY", {"to": [{"operation": {"paths": [path]}}]})
    assert at_source(asked(mesh(routed(**route), policies=[deny])).flows) == {("403", "-", "v1"): 1.0}
    other = authorization_policy("bookinfo", "DENY", {"to": [{"operation": {"notPaths": [path]}}]})
    assert at_source(asked(mesh(routed(**route), policies=[other])).flows) == {("200", "-", "v1"): 1.0}


def test_faults_apply_where_the_route_leads_nowhere() -> None:
    lost = routed(destination("reviews", "v9"), fault={"abort": {"httpStatus": 418} | percent(30)})
    assert at_source(asked(mesh(lost)).flows) == pytest.approx({("418", "FI", ""): 0.3, ("503", "NC", ""): 0.7})
