"""What goes over the wire to Prometheus and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meshportal.clients.ports import HistoryPoint, MetricsUnavailable, VersionNow
from meshportal.clients.prometheus import PrometheusMetrics
from meshportal.mesh import promql
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rows import ControlPlane, LatencyRow, TrafficRow, VersionRow
from tests.recorder import Recorder, recorder

REVIEWS = ServiceRef("shop", "reviews")
ELSEWHERE = ServiceRef("other", "reviews")
START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

METHODS: dict[str, Callable[[PrometheusMetrics], object]] = {
    "traffic": lambda metrics: metrics.traffic(60),
    "versions": lambda metrics: metrics.versions([REVIEWS], 60),
    "latency": lambda metrics: metrics.latency(60),
    "mesh_latency": lambda metrics: metrics.mesh_latency(60),
    "proxies": lambda metrics: metrics.proxies(30),
    "control_plane": lambda metrics: metrics.control_plane(),
    "history": lambda metrics: metrics.history(REVIEWS, start=START, end=START + timedelta(minutes=1), step_seconds=30),
}


@pytest.fixture
def metrics(server: Recorder) -> Iterator[PrometheusMetrics]:
    adapter = PrometheusMetrics(server.url, timeout=(2, 1.5))
    yield adapter
    adapter.close()


def vector(*rows: tuple[dict[str, str], str]) -> dict[str, Any]:
    result = [{"metric": labels, "value": [START.timestamp(), value]} for labels, value in rows]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def matrix(*rows: tuple[dict[str, str], dict[int, str]]) -> dict[str, Any]:
    """Rows of labels and values by seconds after the start."""
    at = START.timestamp()
    result = [{"metric": labels, "values": [[at + s, v] for s, v in values.items()]} for labels, values in rows]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def of(service: ServiceRef, **labels: str) -> dict[str, str]:
    return {"destination_service_namespace": service.namespace, "destination_service_name": service.name, **labels}


def failing(metrics: PrometheusMetrics, method: str = "traffic") -> MetricsUnavailable:
    with pytest.raises(MetricsUnavailable) as caught:
        METHODS[method](metrics)
    return caught.value


# ---------------------------------------------------------------- instant queries


def test_traffic_is_one_query_and_its_rows(server: Recorder, metrics: PrometheusMetrics) -> None:
    labels = of(REVIEWS, reporter="destination", response_code="200", connection_security_policy="mutual_tls")
    server.answers(200, vector((labels, "12.5"), (of(REVIEWS, reporter="source", response_code="503"), "0")))
    assert metrics.traffic(60) == [
        TrafficRow("destination", REVIEWS, "200", "mutual_tls", 12.5),
        TrafficRow("source", REVIEWS, "503", "", 0.0),
    ]
    assert len(server.requests) == 1
    assert (server.last.method, server.last.path) == ("GET", "/api/v1/query")
    assert server.last.query["query"] == promql.traffic(60)


def test_versions_drops_services_of_the_same_name_elsewhere(server: Recorder, metrics: PrometheusMetrics) -> None:
    labels = {"reporter": "source", "destination_version": "v2", "response_code": "200"}
    server.answers(200, vector((of(REVIEWS, **labels), "3"), (of(ELSEWHERE, **labels), "4")))
    assert metrics.versions([REVIEWS], 60) == [VersionRow("source", REVIEWS, "v2", "200", 3.0)]
    assert server.last.query["query"] == promql.versions([REVIEWS], 60)


def test_versions_of_no_service_is_no_query(server: Recorder, metrics: PrometheusMetrics) -> None:
    assert metrics.versions([], 60) == []
    assert server.requests == []


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_what_is_not_a_number_is_no_row(server: Recorder, metrics: PrometheusMetrics, value: str) -> None:
    labels = of(REVIEWS, reporter="source", le="100")
    server.answers(200, vector((labels, value), ({**labels, "reporter": "destination"}, "8")))
    assert metrics.latency(60) == [LatencyRow("destination", REVIEWS, 8.0)]
    assert metrics.mesh_latency(60) == {"destination": 8.0}
    assert [row.per_second for row in metrics.traffic(60)] == [8.0]
    assert [row.per_second for row in metrics.versions([REVIEWS], 60)] == [8.0]


def test_proxies_are_namespaces_and_pods(server: Recorder, metrics: PrometheusMetrics) -> None:
    server.answers(200, vector(({"namespace": "shop", "pod": "a"}, "1"), ({"namespace": "shop"}, "1")))
    assert metrics.proxies(30) == {("shop", "a")}
    assert server.last.query["query"] == promql.proxies(30)


def test_what_istiod_does_not_say_is_none(server: Recorder, metrics: PrometheusMetrics) -> None:
    server.answers(200, vector(({"__name__": "pilot_xds"}, "40"), ({"__name__": "istiod_uptime_seconds"}, "9.5")))
    assert metrics.control_plane() == ControlPlane(uptime_seconds=9.5, connected_proxies=40.0, rejects=None)
    server.answers(200, vector())
    assert metrics.control_plane() == ControlPlane(None, None, None)


# ---------------------------------------------------------------- history


def answers_history(server: Recorder, counts: Any, buckets: Any = None, versions: Any = None, by_bucket: Any = None) -> None:
    for answer in (counts, buckets or matrix(), versions or vector(), by_bucket or vector()):
        server.answers(200, answer)


def history(metrics: PrometheusMetrics) -> Any:
    return metrics.history(REVIEWS, start=START, end=START + timedelta(seconds=60), step_seconds=30)


def test_history_is_four_queries_over_the_window_and_at_its_end(server: Recorder, metrics: PrometheusMetrics) -> None:
    answers_history(server, matrix())
    history(metrics)
    at = str(int(START.timestamp()))
    end = str(int(START.timestamp()) + 60)
    assert [request.path for request in server.requests] == ["/api/v1/query_range"] * 2 + ["/api/v1/query"] * 2
    assert [request.query["query"] for request in server.requests] == [
        promql.service_requests(REVIEWS, 60),
        promql.service_buckets(REVIEWS, 60),
        promql.service_requests_by_version(REVIEWS, 60),
        promql.service_buckets_by_version(REVIEWS, 60),
    ]
    for request in server.requests[:2]:
        assert (request.query["start"], request.query["end"], request.query["step"]) == (at, end, "30")
    assert [request.query["time"] for request in server.requests[2:]] == [end, end]


def test_history_has_a_point_for_every_step_and_none_where_nothing_is(server: Recorder, metrics: PrometheusMetrics) -> None:
    side = {"reporter": "source"}
    answers_history(
        server,
        matrix(
            ({**side, "response_code": "200"}, {0: "6", 60: "0"}),
            ({**side, "response_code": "503"}, {0: "3", 60: "NaN"}),
            ({**side, "response_code": "0"}, {0: "1"}),
        ),
        matrix(
            ({**side, "le": "100"}, {0: "5", 60: "0"}),
            ({**side, "le": "200"}, {0: "10", 60: "0"}),
            ({**side, "le": "+Inf"}, {0: "10", 60: "0"}),
        ),
    )
    first, second, third = history(metrics).points
    assert (first.at, first.per_second, first.error_ratio, first.p50_ms) == (START, 10.0, 0.4, 100.0)
    assert (first.p95_ms, first.p99_ms) == (pytest.approx(190), pytest.approx(198))
    assert second == HistoryPoint(START + timedelta(seconds=30), None, None, None, None, None)
    assert third == HistoryPoint(START + timedelta(seconds=60), 0.0, None, None, None, None)


def test_history_prefers_the_callers_and_never_adds_the_two(server: Recorder, metrics: PrometheusMetrics) -> None:
    theirs = {"reporter": "source", "response_code": "200"}
    its_own = ({"reporter": "destination", "response_code": "200"}, {0: "7"})
    answers_history(server, matrix(its_own, (theirs, {0: "9"})))
    seen = history(metrics)
    assert (seen.reporter, seen.points[0].per_second) == ("source", 9.0)
    for nothing in ("NaN", "0"):  # callers that counted nothing do not hide callers that have no sidecar
        answers_history(server, matrix(its_own, (theirs, {0: nothing})))
        seen = history(metrics)
        assert (seen.reporter, seen.points[0].per_second) == ("destination", 7.0)


def test_history_without_series_is_no_data(server: Recorder, metrics: PrometheusMetrics) -> None:
    answers_history(server, matrix())
    seen = history(metrics)
    assert (seen.reporter, seen.versions) == ("", ())
    assert {(point.per_second, point.error_ratio, point.p95_ms) for point in seen.points} == {(None, None, None)}


def test_history_tells_each_version_apart_at_the_end(server: Recorder, metrics: PrometheusMetrics) -> None:
    def row(version: str, value: str, reporter: str = "source", **labels: str) -> tuple[dict[str, str], str]:
        return {"reporter": reporter, "destination_version": version, **labels}, value

    answers_history(
        server,
        matrix(({"reporter": "source", "response_code": "200"}, {0: "10"})),
        matrix(),
        vector(
            row("v2", "1", response_code="500"),
            row("v2", "3", response_code="200"),
            row("v1", "0", response_code="200"),
            row("v9", "5", "destination", response_code="200"),
        ),
        vector(row("v2", "4", le="50"), row("v2", "4", le="+Inf"), row("v1", "0", le="50"), row("v1", "0", le="+Inf")),
    )
    assert history(metrics).versions == (VersionNow("v1", 0.0, None, None), VersionNow("v2", 4.0, 0.25, 47.5))


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("code", "body", "sentence"),
    [
        (503, b"upstream gone", "Prometheus answered 503."),
        (422, {"status": "error", "error": "too many\nsamples"}, "Prometheus answered 422: too many samples."),
        (200, {"status": "error", "error": "partial"}, "not one of Prometheus"),
        (200, {"status": "success", "data": {"resultType": "vector", "result": None}}, "not one of Prometheus"),
        (200, {"data": {"result": [{"metric": {}, "value": [1, "many"]}]}}, "not one of Prometheus"),
        (200, {"data": {"resultType": "scalar", "result": [1, "2"]}}, "not one of Prometheus"),
        (200, [1], "not one of Prometheus"),
        (200, b"<html>Sign in</html>", "not one of Prometheus"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_unavailability(
    server: Recorder, metrics: PrometheusMetrics, method: str, code: int, body: Any, sentence: str
) -> None:
    server.answers(code, body)
    error = failing(metrics, method)
    assert sentence in str(error)
    assert error.retry_helps


@pytest.mark.parametrize(("trouble", "sentence"), [("hangs", "in time"), ("drops", "cannot be reached")])
def test_a_query_without_an_answer_is_sent_once(
    server: Recorder, metrics: PrometheusMetrics, trouble: str, sentence: str
) -> None:
    getattr(server, trouble)()
    assert sentence in str(failing(metrics))
    assert len(server.requests) == 1


def test_a_server_in_trouble_is_not_asked_again_by_itself(server: Recorder, metrics: PrometheusMetrics) -> None:
    server.answers(503, b"", [("Retry-After", "0")])
    failing(metrics)
    assert len(server.requests) == 1


def test_prometheus_gives_up_when_we_do(server: Recorder) -> None:
    server.answers(200, vector())
    metrics = PrometheusMetrics(server.url, timeout=(1, 7.5))
    metrics.traffic(60)
    assert server.last.query["timeout"] == "8s"
    metrics.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with recorder() as gone:
        url = gone.url
    assert "cannot be reached" in str(failing(PrometheusMetrics(url)))


def test_a_server_without_trusted_tls_is_unavailable(server: Recorder) -> None:
    assert "TLS" in str(failing(PrometheusMetrics(server.url.replace("http:", "https:"))))
