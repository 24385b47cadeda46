"""What MetricsPort promises, held against the fake and against the adapter on a real Prometheus with the same facts.

The facts: reviews in shop gets 10 requests per second, of which v2 fails half of its 2; no caller of ratings has a sidecar;
a service of the same name lives elsewhere; one Envoy is live, one is starting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from meshportal.clients.ports import CanaryTarget, MetricsPort, MetricsUnavailable
from meshportal.clients.prometheus import PrometheusMetrics
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rows import ControlPlane
from tests.fakes import FakeMetrics
from tests.prometheus_process import Prometheus, Series, prometheus

pytestmark = pytest.mark.contract
REVIEWS, RATINGS, ELSEWHERE = ServiceRef("shop", "reviews"), ServiceRef("shop", "ratings"), ServiceRef("other", "reviews")
EVERY_SECONDS = 5
PAST_SECONDS = 600
AHEAD_SECONDS = 300
"""Samples reach into the future, so that the last minute is full whenever a test asks."""

RATES = [  # reporter, service, version, code, how it arrived, per second
    ("source", REVIEWS, "v1", "200", "unknown", 8.0),
    ("source", REVIEWS, "v2", "200", "unknown", 1.0),
    ("source", REVIEWS, "v2", "503", "unknown", 1.0),
    ("destination", REVIEWS, "v1", "200", "mutual_tls", 8.0),
    ("destination", REVIEWS, "v2", "200", "mutual_tls", 1.0),
    ("destination", RATINGS, "v1", "200", "none", 4.0),
    ("source", ELSEWHERE, "v1", "200", "unknown", 3.0),
]


def series(name: str, labels: Mapping[str, str], value: Callable[[float], float], now: float) -> Series:
    times = range(int(now) - PAST_SECONDS, int(now) + AHEAD_SECONDS, EVERY_SECONDS)
    return ({**labels, "__name__": name}.items(), [(at * 1000, value(at - now + PAST_SECONDS)) for at in times])


def of(reporter: str, service: ServiceRef, version: str) -> dict[str, str]:
    return {
        "reporter": reporter,
        "destination_service_namespace": service.namespace,
        "destination_service_name": service.name,
        "destination_version": version,
    }


def counter(per_second: float) -> Callable[[float], float]:
    return lambda seconds: per_second * seconds


def told(server: Prometheus) -> None:
    """Writes the facts: every request took between 50 and 100 ms."""
    now, written = time.time(), []
    for reporter, service, version, code, policy, rate in RATES:
        labels = of(reporter, service, version) | {"response_code": code, "connection_security_policy": policy}
        written.append(series("istio_requests_total", labels, counter(rate), now))
        for bound, share in (("50", 0.0), ("100", 1.0), ("+Inf", 1.0)):
            name = "istio_request_duration_milliseconds_bucket"
            written.append(series(name, labels | {"le": bound}, counter(rate * share), now))
    for pod, state in (("reviews-a", 0.0), ("reviews-b", 3.0)):
        written.append(series("envoy_server_state", {"namespace": "shop", "pod": pod}, lambda _, s=state: s, now))  # type: ignore[misc]
    written.append(series("istiod_uptime_seconds", {"pod": "istiod"}, lambda _: 90.0, now))
    written.append(series("pilot_xds", {"pod": "istiod", "version": "1.31"}, lambda _: 12.0, now))
    server.write(written)


def counted(metrics: FakeMetrics) -> None:
    """The counters of the same facts after ten minutes. v2 answers with 503 in half of its requests."""
    for reporter, service, version, code, _policy, rate in RATES:
        failed = rate if code == "503" else 0.0
        metrics.counts(service, version, rate * PAST_SECONDS, errors=failed * PAST_SECONDS, reporter=reporter, slow=0)


def fake() -> FakeMetrics:
    metrics = FakeMetrics()
    for reporter, service, version, code, policy, rate in RATES:
        metrics.sees(service, version, rate, code=code, reporter=reporter, policy=policy)
        metrics.takes(service, 97.5, reporter=reporter)
        metrics.takes(service, 97.5, reporter=reporter, version=version)
    counted(metrics)
    metrics.scrapes("shop", "reviews-a")
    metrics.hears_istiod(uptime_seconds=90.0, connected_proxies=12.0)
    return metrics


@pytest.fixture(scope="module")
def judge() -> Iterator[Prometheus]:
    with prometheus() as server:
        told(server)
        yield server


@pytest.fixture(params=["fake", pytest.param("real", marks=[pytest.mark.prometheus, pytest.mark.xdist_group("prometheus")])])
def metrics(request: pytest.FixtureRequest) -> Iterator[MetricsPort]:
    if request.param == "fake":
        yield fake()
    else:
        adapter = PrometheusMetrics(request.getfixturevalue("judge").url)
        yield adapter
        adapter.close()


def about(value: float) -> object:
    return pytest.approx(value, rel=0.01)


def test_traffic_is_split_by_reporter_code_and_arrival(metrics: MetricsPort) -> None:
    rows = {(r.reporter, r.service, r.response_code, r.security_policy): r.per_second for r in metrics.traffic(60)}
    assert rows == {
        ("source", REVIEWS, "200", "unknown"): about(9),
        ("source", REVIEWS, "503", "unknown"): about(1),
        ("destination", REVIEWS, "200", "mutual_tls"): about(9),
        ("destination", RATINGS, "200", "none"): about(4),
        ("source", ELSEWHERE, "200", "unknown"): about(3),
    }


def test_versions_are_those_of_the_services_asked_for(metrics: MetricsPort) -> None:
    rows = metrics.versions([REVIEWS], 60)
    assert {row.service for row in rows} == {REVIEWS}
    seen = {(row.version, row.response_code): row.per_second for row in rows if row.reporter == "source"}
    assert seen == {("v1", "200"): about(8), ("v2", "200"): about(1), ("v2", "503"): about(1)}
    assert metrics.versions([], 60) == []
    assert metrics.versions([ServiceRef("shop", 'no"such')], 60) == []


def test_latency_is_by_service_and_of_the_mesh(metrics: MetricsPort) -> None:
    rows = {(row.reporter, row.service): row.p95_ms for row in metrics.latency(60)}
    assert rows["source", REVIEWS] == about(97.5)
    assert rows["destination", RATINGS] == about(97.5)
    assert metrics.mesh_latency(60) == {"source": about(97.5), "destination": about(97.5)}


def test_only_live_envoys_count(metrics: MetricsPort) -> None:
    assert metrics.proxies(600) == {("shop", "reviews-a")}


def test_istiod_says_what_it_says_and_none_otherwise(metrics: MetricsPort) -> None:
    assert metrics.control_plane() == ControlPlane(uptime_seconds=90.0, connected_proxies=12.0, rejects=None)


def test_history_is_one_sides_view_step_by_step(metrics: MetricsPort) -> None:
    end = datetime.fromtimestamp(round(time.time()), UTC)
    seen = metrics.history(REVIEWS, start=end - timedelta(minutes=5), end=end, step_seconds=60)
    assert (seen.service, seen.reporter) == (REVIEWS, "source")
    assert [point.at for point in seen.points] == [end - timedelta(minutes=minutes) for minutes in (5, 4, 3, 2, 1, 0)]
    for point in seen.points:
        assert (point.per_second, point.error_ratio, point.p95_ms) == (about(10), about(0.1), about(97.5))
    v1, v2 = seen.versions
    assert (v1.version, v1.per_second, v1.error_ratio, v1.p95_ms) == ("v1", about(8), 0.0, about(97.5))
    assert (v2.version, v2.per_second, v2.error_ratio, v2.p95_ms) == ("v2", about(2), about(0.5), about(97.5))


def test_history_of_a_service_without_callers_sidecars_is_its_own_view(metrics: MetricsPort) -> None:
    end = datetime.now(UTC)
    seen = metrics.history(RATINGS, start=end - timedelta(minutes=1), end=end, step_seconds=30)
    assert seen.reporter == "destination"
    assert [point.error_ratio for point in seen.points] == [0.0, 0.0, 0.0]


def test_history_of_an_unknown_service_is_no_data(metrics: MetricsPort) -> None:
    end = datetime.now(UTC)
    seen = metrics.history(ServiceRef("shop", "nobody"), start=end - timedelta(minutes=1), end=end, step_seconds=60)
    assert (seen.reporter, seen.versions) == ("", ())
    assert [(p.per_second, p.error_ratio, p.p50_ms, p.p95_ms, p.p99_ms) for p in seen.points] == [(None,) * 5] * 2


def test_counters_of_canaries_are_sorted_to_those_who_asked(metrics: MetricsPort) -> None:
    targets = [CanaryTarget("a", REVIEWS, 100.0), CanaryTarget("b", RATINGS), CanaryTarget("c", ServiceRef("shop", "nobody"))]
    answers = metrics.canary(targets)
    assert answers["c"] is None, "a service without series is unknown, and not a service without requests"
    reviews, ratings = answers["a"], answers["b"]
    assert reviews is not None
    assert ratings is not None
    whole = {(row.reporter, row.version, row.response_code): row.value for row in reviews.rows if not row.le and row.value}
    unit = whole["source", "v2", "503"]
    assert {key: value / unit for key, value in whole.items()} == {
        ("source", "v1", "200"): about(8),
        ("source", "v2", "200"): about(1),
        ("source", "v2", "503"): about(1),
        ("destination", "v1", "200"): about(8),
        ("destination", "v2", "200"): about(1),
    }
    fast = {(row.reporter, row.version): row.value for row in reviews.rows if row.le and float(row.le) == 100.0}
    assert fast["destination", "v1"] == about(whole["destination", "v1", "200"])
    assert {row.le for row in ratings.rows} == {""}, "who did not ask for a bound gets none"
    assert set(reviews.ages) == {"v1", "v2"}
    assert all(0 <= age <= 2 * EVERY_SECONDS for age in reviews.ages.values())
    assert len(reviews.queries) == 2
    assert metrics.canary([]) == {}


def test_a_prometheus_that_went_away_is_unavailable() -> None:
    metrics = fake()
    metrics.goes_away()
    asks: list[Callable[[], object]] = [
        lambda: metrics.traffic(60), lambda: metrics.versions([REVIEWS], 60), lambda: metrics.latency(60), metrics.control_plane,
        lambda: metrics.mesh_latency(60), lambda: metrics.proxies(30),
        lambda: metrics.canary([CanaryTarget("a", REVIEWS)]),
        lambda: metrics.history(REVIEWS, start=datetime.now(UTC), end=datetime.now(UTC), step_seconds=30),
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(MetricsUnavailable):
            ask()
    metrics.comes_back()
    assert metrics.traffic(60)
