"""Sick pods that are taken out, or not, and connection pools that are full."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.sandbox.world.crowding import overflow
from meshportal.sandbox.world.demo import GATEWAY
from meshportal.sandbox.world.metrics import Counters
from meshportal.sandbox.world.routing import Mesh, Objects
from meshportal.sandbox.world.rules import Limits
from meshportal.sandbox.world.scenarios import SCENARIOS
from meshportal.sandbox.world.sending import Flow
from meshportal.sandbox.world.traffic import flows
from tests.sandbox.world.builders import destination, destination_rule, pod, service, virtual_service
from tests.sandbox.world.small_mesh import HEALTHY, asked, at_destination, at_source, failing, mesh, routed

SHOP = tuple(service("shop", name) for name in ("web", "catalog", "inventory"))
START = 1.8e9


def catalog(pods: int, *rules: Manifest, routes: tuple[Manifest, ...] = ()) -> list[Flow]:
    """The requests of web to catalog while one of its pods is sick."""
    objects = (
        pod("istio-ingress", GATEWAY, ""),
        *(pod("shop", "web", "v1", number) for number in (1, 2)),
        *(pod("shop", "catalog", "v1", number) for number in range(pods)),
        pod("shop", "inventory"),
    )
    found = flows(Mesh(Objects(SHOP, objects, routes, rules)), SCENARIOS["sick-pod"])
    return [flow for flow in found if flow.service == ServiceRef("shop", "catalog")]


def ejecting(**outliers: Any) -> Manifest:
    usual = {"consecutive5xxErrors": 5, "interval": "10s", "baseEjectionTime": "60s", "maxEjectionPercent": 100}
    return destination_rule("shop", "catalog", trafficPolicy={"outlierDetection": usual | outliers})


def failed(found: list[Flow]) -> float:
    rates = at_source(found)
    return sum(rate for (code, _, _), rate in rates.items() if code >= "500") / sum(rates.values())


def share_of_sick_pod(found: list[Flow]) -> float:
    arrived = dict.fromkeys((flow.destination.pod for flow in found if flow.destination), 0.0)
    for flow in found:
        if flow.destination and flow.at_destination:
            arrived[flow.destination.pod] += flow.rate
    return arrived[max(arrived)] / sum(arrived.values())


@pytest.mark.parametrize("pods", [1, 2, 4])
def test_a_sick_pod_fails_its_part_of_the_requests(pods: int) -> None:
    assert failed(catalog(pods)) == pytest.approx(1 / pods)
    assert share_of_sick_pod(catalog(pods)) == pytest.approx(1 / pods)


@pytest.mark.parametrize("pods", [2, 4])
def test_with_outlier_detection_the_sick_pod_gets_next_to_nothing_and_few_requests_fail(pods: int) -> None:
    found = catalog(pods, ejecting())
    assert failed(found) < 0.03
    assert share_of_sick_pod(found) < 0.03


def test_its_counters_stand_by_themselves() -> None:
    counters = Counters(seed=1)
    counters.add(catalog(2), START, START + 60)
    pods = {
        (labels["pod"], labels["response_code"])
        for labels in (dict(labels) for labels, _ in counters.samples())
        if labels["reporter"] == "destination"
    }
    assert pods == {("catalog-v1-0", "200"), ("catalog-v1-0", "404"), ("catalog-v1-1", "503")}


@pytest.mark.parametrize(
    ("pods", "outliers", "ejected"),
    [
        (2, {"maxEjectionPercent": 49}, False),
        (2, {"maxEjectionPercent": 50}, True),
        # Istio's default is 10
        (2, {"maxEjectionPercent": 0}, False),
        (10, {"maxEjectionPercent": 0}, True),
        (2, {"minHealthPercent": 51}, False),
        (2, {"minHealthPercent": 50}, True),
        (2, {"consecutive5xxErrors": 0}, False),
        (2, {"consecutive5xxErrors": 0, "consecutiveGatewayErrors": 3}, True),
    ],
)
def test_the_percentages_decide_whether_a_pod_may_go(pods: int, outliers: dict[str, Any], ejected: bool) -> None:
    assert (failed(catalog(pods, ejecting(**outliers))) < 0.5 / pods) == ejected


def test_a_longer_ejection_lets_fewer_requests_fail() -> None:
    short, long = failed(catalog(2, ejecting(baseEjectionTime="5s"))), failed(catalog(2, ejecting(baseEjectionTime="300s")))
    assert long < short / 3


def test_when_the_only_pod_is_out_there_is_no_healthy_one() -> None:
    rates = at_source(catalog(1, ejecting()))
    assert rates["503", "UH", ""] / sum(rates.values()) > 0.9


def test_a_retry_helps_against_a_sick_pod_as_well() -> None:
    again = {"route": [destination("catalog")], "retries": {"attempts": 2, "retryOn": "5xx"}}
    assert failed(catalog(2, routes=(virtual_service("shop", "catalog", again),))) < 0.01


def test_a_version_that_fails_now_and_then_stays() -> None:
    """Seven failures in a row are rare when three in ten fail."""
    rule = destination_rule(
        "bookinfo", "reviews", "v1", trafficPolicy={"outlierDetection": {"consecutive5xxErrors": 7, "maxEjectionPercent": 100}}
    )
    assert at_source(asked(mesh(routed(), rules=[rule]), failing("v1", 0.3), rate=10).flows)["503", "-", "v1"] > 2.9


# ---------------------------------------------------------------- connection pools


def limited(rate: float, clients: int = 1, **pool: Any) -> list[Flow]:
    rule = destination_rule("bookinfo", "reviews", "v1", trafficPolicy={"connectionPool": pool})
    return asked(mesh(routed(), rules=[rule]), rate=rate, clients=clients).flows


def test_a_limit_far_above_what_is_on_its_way_changes_nothing() -> None:
    """100 requests per second of about 19 ms: two on their way at a time."""
    assert at_source(limited(100, http={"http2MaxRequests": 1024})) == pytest.approx({("200", "-", "v1"): 100})


def test_too_many_at_a_time_are_refused_at_the_caller_who_knows_the_pod() -> None:
    found = limited(100, http={"http2MaxRequests": 1})
    source = at_source(found)
    # one place, so as Erlang says 1.93 / (1 + 1.93)
    assert source["503", "UO", "v1"] == pytest.approx(65.8, abs=0.5)
    assert at_destination(found) == pytest.approx({("200", "-", "v1"): source["200", "-", "v1"]})


def test_too_many_that_wait_for_a_connection_are_refused_before_a_pod_is_chosen() -> None:
    few = at_source(limited(100, tcp={"maxConnections": 1}, http={"http1MaxPendingRequests": 1}))
    assert few["503", "UO", ""] > 40
    more = at_source(limited(100, tcp={"maxConnections": 1}, http={"http1MaxPendingRequests": 10}))
    assert more["503", "UO", ""] < few["503", "UO", ""]
    assert ("503", "UO", "") not in at_source(limited(100, tcp={"maxConnections": 1}))


def test_limits_are_those_of_one_clients_proxy() -> None:
    one, two = (at_source(limited(100, clients, http={"http2MaxRequests": 1})) for clients in (1, 2))
    assert two["503", "UO", "v1"] == pytest.approx(100 * 0.963 / 1.963, abs=0.5)
    assert two["503", "UO", "v1"] < one["503", "UO", "v1"]


def test_what_all_visitors_ask_for_together_is_what_counts() -> None:
    """A tester's requests go through the same proxies as everybody's."""
    rule = destination_rule("bookinfo", "reviews", "v1", trafficPolicy={"connectionPool": {"http": {"http2MaxRequests": 1}}})
    of = mesh(routed(), rules=[rule])
    together = at_source(flow for flow in flows(of, HEALTHY) if flow.service.name == "reviews")
    assert together == pytest.approx(at_source(asked(of, rate=sum(together.values())).flows))


def test_more_room_refuses_fewer() -> None:
    assert overflow(Limits(requests=2), 4.0)[0] > overflow(Limits(requests=2), 2.0)[0] > overflow(Limits(requests=4), 2.0)[0] > 0
    assert overflow(Limits(), 1000.0) == (0.0, 0.0)


def test_a_subset_has_limits_of_its_own() -> None:
    rule = destination_rule("bookinfo", "reviews", "v1", "v2")
    rule["spec"]["subsets"][1]["trafficPolicy"] = {"connectionPool": {"http": {"http2MaxRequests": 1}}}
    split = routed(destination("reviews", "v1", 50), destination("reviews", "v2", 50))
    found = at_source(asked(mesh(split, rules=[rule]), rate=100).flows)
    assert {version for (code, _, version) in found if code == "503"} == {"v2"}


def test_settings_of_a_port_replace_those_of_the_whole() -> None:
    strict = {"connectionPool": {"http": {"http2MaxRequests": 1}}}
    port = {"port": {"number": 9080}, "loadBalancer": {"simple": "RANDOM"}}
    rule = destination_rule("bookinfo", "reviews", "v1", trafficPolicy=strict | {"portLevelSettings": [port]})
    assert at_source(asked(mesh(routed(), rules=[rule]), rate=100).flows) == pytest.approx({("200", "-", "v1"): 100})
