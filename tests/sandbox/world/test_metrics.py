"""Counters: whole numbers, both reporters, Istio's labels, and shares that are the weights."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.promql import BUCKETS, REQUESTS
from meshportal.mesh.refs import ServiceRef
from meshportal.sandbox.world.latency import Latency
from meshportal.sandbox.world.metrics import BOUNDS, Counters, bound_text
from meshportal.sandbox.world.pods import Workload
from meshportal.sandbox.world.sending import Flow
from meshportal.sandbox.world.tsdb import NAME

START = 1.8e9


def workload(app: str, version: str = "v1", *, sidecar: bool = True) -> Workload:
    return Workload("bookinfo", f"{app}-{version}", app, version, f"{app}-{version}-x", f"bookinfo-{app}", sidecar)


def flow(rate: float = 20.0, version: str = "v1", **changes: object) -> Flow:
    whole = Flow(
        "wave",
        workload("productpage"),
        ServiceRef("bookinfo", "reviews"),
        workload("reviews", version),
        "200",
        "-",
        True,
        Latency(20, 0.5),
        rate,
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def samples(counters: Counters, name: str) -> list[tuple[dict[str, str], float]]:
    return [(dict(labels), value) for labels, value in counters.samples() if dict(labels)[NAME] == name]


def counted(*flows: Flow, seconds: float = 60) -> Counters:
    counters = Counters(seed=1)
    counters.add(flows, START, START + seconds)
    return counters


def test_a_request_is_counted_by_both_ends_and_only_the_server_knows_of_mtls() -> None:
    found = {labels["reporter"]: labels for labels, _ in samples(counted(flow()), REQUESTS)}
    assert found["source"]["connection_security_policy"] == "unknown"
    assert found["destination"]["connection_security_policy"] == "mutual_tls"
    assert found["source"]["pod"] == "productpage-v1-x"
    assert found["destination"]["pod"] == "reviews-v1-x"
    assert found["destination"]["source_principal"] == "spiffe://cluster.local/ns/bookinfo/sa/bookinfo-productpage"
    assert found["destination"]["destination_service"] == "reviews.bookinfo.svc.cluster.local"


def test_a_caller_without_sidecar_is_seen_by_the_server_only_and_as_unknown() -> None:
    [(labels, _)] = samples(counted(flow(caller=workload("report", sidecar=False), mutual_tls=False)), REQUESTS)
    assert labels["reporter"] == "destination"
    assert labels["connection_security_policy"] == "none"
    assert labels["source_workload"] == labels["source_principal"] == "unknown"


def test_a_request_that_never_left_is_seen_by_the_caller_only() -> None:
    [(labels, _)] = samples(counted(flow(destination=None, code="503", flags="UH", mutual_tls=False)), REQUESTS)
    assert labels["reporter"] == "source"
    assert (labels["response_code"], labels["response_flags"]) == ("503", "UH")
    assert labels["destination_version"] == "unknown"
    assert labels["destination_service_name"] == "reviews"


def test_nothing_is_shown_before_the_first_request() -> None:
    assert list(counted(flow(rate=0)).samples()) == []


@given(st.integers(1, 99), st.lists(st.floats(0.1, 9), min_size=8, max_size=30))
def test_measured_shares_are_within_a_point_of_the_weight(weight: int, cuts: list[float]) -> None:
    """At 20 requests per second over any intervals that fill a minute."""
    counters = Counters(seed=1)
    pair = [flow(20 * (100 - weight) / 100), flow(20 * weight / 100, "v2")]
    now, end = START, START
    for seconds in cuts:
        end = now + seconds * 60 / sum(cuts)
        counters.add(pair, now, end)
        now = end
    numbers = {
        labels["destination_version"]: value for labels, value in samples(counters, REQUESTS) if labels["reporter"] == "source"
    }
    assert all(value == int(value) for value in numbers.values())
    assert 100 * numbers.get("v2", 0) / sum(numbers.values()) == pytest.approx(weight, abs=1)


def test_buckets_rise_to_the_number_of_requests() -> None:
    counters = counted(flow())
    buckets = [value for labels, value in samples(counters, BUCKETS) if labels["reporter"] == "source"]
    [total] = [value for labels, value in samples(counters, REQUESTS) if labels["reporter"] == "source"]
    assert len(buckets) == len(BOUNDS) == 20
    assert buckets == sorted(buckets)
    assert buckets[-1] == total
    assert [bound_text(bound) for bound in (0.5, 1, 600000, 1.8e6, BOUNDS[-1])] == ["0.5", "1", "600000", "1.8e+06", "+Inf"]


def test_counters_end_with_the_pod_that_kept_them() -> None:
    counters = counted(flow())
    counters.keep({("bookinfo", "productpage-v1-x")})
    assert {labels["reporter"] for labels, _ in samples(counters, REQUESTS)} == {"source"}
    counters.add([flow()], START + 60, START + 70)
    reports = {labels["reporter"]: value for labels, value in samples(counters, REQUESTS)}
    assert reports["destination"] < reports["source"]


def test_the_callers_counter_goes_on_when_the_servers_pod_is_replaced() -> None:
    counters = counted(flow())
    counters.add([flow(destination=dataclasses.replace(workload("reviews"), pod="another"))], START + 60, START + 120)
    sources = [value for labels, value in samples(counters, REQUESTS) if labels["reporter"] == "source"]
    servers = [value for labels, value in samples(counters, REQUESTS) if labels["reporter"] == "destination"]
    assert len(sources) == 1
    assert sum(servers) == pytest.approx(sources[0], abs=1)
