"""Where requests go: weights, subsets, versions and the answers of a sidecar that has nowhere to send to."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.sandbox.world.calls import Call
from meshportal.sandbox.world.demo import GATEWAY
from meshportal.sandbox.world.hosts import qualified, service_of
from meshportal.sandbox.world.routing import Mesh, Objects
from meshportal.sandbox.world.scenarios import SCENARIOS
from meshportal.sandbox.world.sending import Flow
from meshportal.sandbox.world.traffic import flows, waved
from tests.sandbox.world.builders import destination, destination_rule, pod, service, virtual_service

REVIEWS = ServiceRef("bookinfo", "reviews")
RULE = destination_rule("bookinfo", "reviews", "v1", "v2", "v3")
PODS = (
    pod("istio-ingress", GATEWAY, ""),
    pod("bookinfo", "productpage"),
    *(pod("bookinfo", "reviews", "v1", number) for number in (1, 2, 3)),
    pod("bookinfo", "reviews", "v2"),
    pod("bookinfo", "reviews", "v3"),
    pod("bookinfo", "ratings"),
)
SERVICES = tuple(service("bookinfo", name) for name in ("productpage", "reviews", "ratings"))


def mesh(*routes: Manifest, rules: tuple[Manifest, ...] = (RULE,), pods: tuple[Manifest, ...] = PODS) -> Mesh:
    return Mesh(Objects(SERVICES, pods, routes, rules))


def caller(of: Mesh) -> Call:
    [(workload, _)] = of.workloads("bookinfo", {"app": "productpage"})
    return Call(workload, REVIEWS, "/reviews/0")


def shares(of: Mesh) -> dict[str, float]:
    """Share of the requests to reviews by version, or by flags where the sidecar answered itself."""
    found: dict[str, float] = {}
    for choice in of.choices(caller(of)):
        where = choice.workload.version if choice.workload else f"{choice.code} {choice.flags}"
        found[where] = found.get(where, 0.0) + choice.share
    return found


def route(*entries: Manifest, **more: object) -> Manifest:
    return {"route": list(entries), **more}


def test_without_a_route_requests_spread_over_the_ready_pods() -> None:
    assert shares(mesh()) == pytest.approx({"v1": 0.6, "v2": 0.2, "v3": 0.2})


def test_weights_are_relative_and_zero_is_skipped() -> None:
    split = route(destination("reviews", "v1", 45), destination("reviews", "v2", 15), destination("reviews", "v3", 0))
    assert shares(mesh(virtual_service("bookinfo", "reviews", split))) == pytest.approx({"v1": 0.75, "v2": 0.25})


def test_a_single_destination_gets_everything_whatever_its_weight() -> None:
    only = virtual_service("bookinfo", "reviews", route(destination("reviews", "v2", 0)))
    assert shares(mesh(only)) == {"v2": 1.0}


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=3).filter(any))
def test_shares_follow_any_weights_and_sum_to_one(weights: list[int]) -> None:
    entries = [destination("reviews", f"v{number}", weight) for number, weight in enumerate(weights, 1)]
    found = shares(mesh(virtual_service("bookinfo", "reviews", route(*entries))))
    assert sum(found.values()) == pytest.approx(1)
    for number, weight in enumerate(weights, 1):
        assert found.get(f"v{number}", 0.0) == pytest.approx(weight / sum(weights))


def test_a_missing_subset_fails_at_the_caller_for_its_share() -> None:
    split = route(destination("reviews", "v1", 90), destination("reviews", "v9", 10))
    assert shares(mesh(virtual_service("bookinfo", "reviews", split))) == pytest.approx({"v1": 0.9, "503 NC": 0.1})


def test_what_a_sidecar_cannot_place_it_reports_under_the_host_header() -> None:
    """So such failures do not show in the numbers of the service itself, in Istio as here."""
    lost = virtual_service("bookinfo", "reviews", route(destination("reviews", "v9")))
    found = flows(mesh(lost), SCENARIOS["healthy"])
    named = {(str(flow.service), flow.flags) for flow in found if "reviews" in flow.service.name}
    assert named == {("unknown/reviews:9080", "NC")}
    assert rate(found, "reviews") == 0


def test_a_subset_without_a_ready_pod_has_no_healthy_upstream() -> None:
    pods = (*(one for one in PODS if one["metadata"]["labels"]["version"] != "v2"), pod("bookinfo", "reviews", "v2", ready=False))
    split = route(destination("reviews", "v1", 80), destination("reviews", "v2", 20))
    assert shares(mesh(virtual_service("bookinfo", "reviews", split), pods=pods)) == pytest.approx({"v1": 0.8, "503 UH": 0.2})


def test_the_first_route_that_matches_wins_and_a_header_match_never_does() -> None:
    to_v1, to_v2, to_v3 = (route(destination("reviews", version)) for version in ("v1", "v2", "v3"))
    testers = to_v3 | {"match": [{"headers": {"end-user": {"exact": "jason"}}}]}
    reviews = to_v2 | {"match": [{"uri": {"prefix": "/nothing"}}, {"uri": {"prefix": "/reviews"}, "method": {"exact": "GET"}}]}
    assert shares(mesh(virtual_service("bookinfo", "reviews", testers, reviews, to_v1))) == {"v2": 1.0}


def test_requests_that_no_route_takes_get_404() -> None:
    testers = route(destination("reviews", "v3"), match=[{"headers": {"end-user": {"exact": "jason"}}}])
    assert shares(mesh(virtual_service("bookinfo", "reviews", testers))) == {"404 NR": 1.0}


def test_of_two_virtual_services_for_a_host_the_older_one_rules() -> None:
    young = virtual_service("bookinfo", "reviews", route(destination("reviews", "v1")), name="a", created="2026-11-24T09:00:00Z")
    old = virtual_service("bookinfo", "reviews", route(destination("reviews", "v3")), name="b", created="2026-11-24T08:00:00Z")
    assert shares(mesh(young, old)) == {"v3": 1.0}


def test_a_short_host_belongs_to_the_namespace_of_its_object() -> None:
    elsewhere = virtual_service("shop", "reviews", route(destination("reviews", "v3")))
    by_full_name = virtual_service(
        "shop", "reviews.bookinfo.svc.cluster.local", route(destination("reviews.bookinfo.svc.cluster.local", "v2"))
    )
    assert set(shares(mesh(elsewhere))) == {"v1", "v2", "v3"}
    assert shares(mesh(by_full_name)) == {"v2": 1.0}
    assert service_of(qualified("reviews", "bookinfo")) == REVIEWS


def test_objects_not_exported_to_the_caller_have_no_effect() -> None:
    hidden = virtual_service(
        "shop",
        "reviews.bookinfo.svc.cluster.local",
        route(destination("reviews.bookinfo.svc.cluster.local", "v2")),
        exportTo=["."],
    )
    assert set(shares(mesh(hidden))) == {"v1", "v2", "v3"}


def test_the_rule_in_the_clients_namespace_hides_the_services_own() -> None:
    split = virtual_service("bookinfo", "reviews", route(destination("reviews", "v2")))
    in_root = destination_rule("istio-system", "reviews.bookinfo.svc.cluster.local", "v2")
    assert shares(mesh(split, rules=(in_root,))) == {"v2": 1.0}
    assert shares(mesh(split, rules=(in_root, destination_rule("bookinfo", "reviews", "v1")))) == {"503 NC": 1.0}


# ---------------------------------------------------------------- flows


def rate(found: list[Flow], service_name: str, **wanted: object) -> float:
    return math.fsum(
        flow.rate
        for flow in found
        if flow.service.name == service_name and all(getattr(flow, name) == value for name, value in wanted.items())
    )


def test_calls_go_on_from_the_versions_that_make_them() -> None:
    split = route(destination("reviews", "v1", 75), destination("reviews", "v2", 25))
    found = flows(mesh(virtual_service("bookinfo", "reviews", split)), SCENARIOS["healthy"])
    assert rate(found, "reviews") == pytest.approx(rate(found, "productpage"))
    # v1 shows no stars
    assert rate(found, "ratings") == pytest.approx(0.25 * rate(found, "reviews"))


def test_a_failing_canary_hurts_as_far_as_its_weight_lets_it() -> None:
    split = virtual_service("bookinfo", "reviews", route(destination("reviews", "v1", 90), destination("reviews", "v2", 10)))
    found = flows(mesh(split), SCENARIOS["failing-canary"])
    failed = rate(found, "reviews", code="503") + rate(found, "reviews", code="500")
    assert failed == pytest.approx(0.03 * rate(found, "reviews"))
    # requests that failed asked ratings nothing
    assert rate(found, "ratings") == pytest.approx(0.07 * rate(found, "reviews"))


def test_without_callers_there_is_no_traffic_and_without_traffic_no_rate() -> None:
    assert flows(mesh(pods=()), SCENARIOS["healthy"]) == []
    assert all(flow.rate == 0 for flow in flows(mesh(), SCENARIOS["no-traffic"]))


def test_routes_in_a_circle_end() -> None:
    circle = virtual_service("bookinfo", "reviews", route(destination("productpage")))
    found = flows(mesh(circle), SCENARIOS["healthy"])
    assert 0 < len(found) < 50


# ---------------------------------------------------------------- time


@given(st.floats(1.7e9, 1.9e9), st.floats(0, 500), st.floats(0, 500))
def test_traffic_is_the_same_however_time_is_cut(start: float, first: float, second: float) -> None:
    middle, end = start + first, start + first + second
    whole = waved("x", 1, start, end)
    assert waved("x", 1, start, middle) + waved("x", 1, middle, end) == pytest.approx(whole, abs=1e-3)
    assert 0.7 * (end - start) - 1e-3 <= whole <= 1.3 * (end - start) + 1e-3


def test_traffic_lives_and_another_seed_gives_another_curve() -> None:
    minutes = [waved("x", 1, 1.8e9 + 60 * n, 1.8e9 + 60 * n + 60) for n in range(5)]
    assert max(minutes) - min(minutes) > 5
    assert minutes != [waved("x", 2, 1.8e9 + 60 * n, 1.8e9 + 60 * n + 60) for n in range(5)]
