"""The world as a process on an API: what it makes there, and how changed objects and scenarios move its numbers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meshportal.clients.istiod import IstiodDebug
from meshportal.mesh import promql
from meshportal.mesh.refs import DEPLOYMENT, DESTINATION_RULE, POD, SERVICE, VIRTUAL_SERVICE, Kind, Manifest, ServiceRef
from meshportal.mesh.syncz import ProxySync, SyncState
from meshportal.sandbox.world.httpd import Response, Server
from meshportal.sandbox.world.kube import Kube, path_of, read_kubeconfig
from tests.processes import sandbox_api
from tests.prometheus_process import prometheus, scraping
from tests.world_process import World, sandbox_world

REVIEWS = ServiceRef("bookinfo", "reviews")
RESTARTED = "kubectl.kubernetes.io/restartedAt"
PATIENCE_SECONDS = 40.0


class Cluster:
    """The API behind a world, as its administrator."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.kube = Kube(read_kubeconfig(kubeconfig))

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        return next(
            one
            for one in self.kube.list(kind)[0]
            if one["metadata"]["name"] == name and one["metadata"].get("namespace", "") == namespace
        )

    def patch(self, kind: Kind, namespace: str, name: str, *ops: dict[str, Any]) -> None:
        self.kube.request("PATCH", path_of(kind, namespace, name), {}, list(ops), "application/json-patch+json")

    def split(self, **weights: int) -> None:
        """Sets the route of reviews to these weights by subset."""
        route = [{"destination": {"host": "reviews", "subset": subset}, "weight": weight} for subset, weight in weights.items()]
        self.patch(VIRTUAL_SERVICE, "bookinfo", "reviews", {"op": "replace", "path": "/spec/http/0/route", "value": route})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with sandbox_api(tmp_path_factory.mktemp("api")) as api:
        yield Cluster(Path(api["kubeconfig"]["admin"]))


@pytest.fixture(scope="module")
def running(cluster: Cluster) -> Iterator[World]:
    with sandbox_world(cluster.kubeconfig, "--interval", "0.5") as world:
        yield world


@pytest.fixture
def world(running: World, cluster: Cluster) -> World:
    """The world, healthy and with all traffic of reviews on v1."""
    running.scenario("healthy")
    cluster.split(v1=100)
    return running


def eventually(condition: Callable[[], bool]) -> None:
    """Waits until `condition` holds; fails after a time that no working world needs."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "did not come about"
        time.sleep(0.1)


def measured(world: World, version: str, window_seconds: int = 4) -> float:
    """Percent of the requests to reviews that go to `version`, as a portal would ask for it; -1 without data."""
    rows = [row for row in world.query(promql.versions([REVIEWS], window_seconds)) if row["metric"]["reporter"] == "source"]
    total = sum(float(row["value"][1]) for row in rows)
    part = sum(float(row["value"][1]) for row in rows if row["metric"]["destination_version"] == version)
    return 100 * part / total if total else -1.0


def test_the_demo_is_installed_and_its_pods_are_ready(world: World, cluster: Cluster) -> None:
    pods = cluster.kube.list(POD)[0]
    by_workload = [pod["metadata"]["name"].rsplit("-", 2)[0] for pod in pods if pod["metadata"]["namespace"] == "bookinfo"]
    assert {name: by_workload.count(name) for name in ("reviews-v1", "reviews-v2", "reviews-v3")} == {
        "reviews-v1": 3,
        "reviews-v2": 2,
        "reviews-v3": 2,
    }
    report = next(pod for pod in pods if pod["metadata"]["namespace"] == "legacy")
    assert [container["name"] for container in report["spec"]["containers"]] == ["report"]
    reviews = next(pod for pod in pods if pod["metadata"]["name"].startswith("reviews-v1"))
    assert [container["name"] for container in reviews["spec"]["containers"]] == ["reviews", "istio-proxy"]
    assert reviews["status"]["podIP"]
    assert len([one for one in cluster.kube.list(SERVICE)[0] if one["metadata"]["namespace"] != "default"]) <= 20
    status = cluster.get(DEPLOYMENT, "bookinfo", "reviews-v1")["status"]
    assert (status["readyReplicas"], status["observedGeneration"]) == (3, 1)


def test_every_service_has_numbers_from_the_start_and_currency_has_none(world: World) -> None:
    rates = {row["metric"]["destination_service_name"] for row in world.query(promql.traffic(60))}
    assert {"productpage", "reviews", "details", "web", "catalog", "inventory", "payments"} <= rates
    assert "currency" not in rates
    plain = [row["metric"] for row in world.query(promql.traffic(60)) if row["metric"]["connection_security_policy"] == "none"]
    assert {row["destination_service_name"] for row in plain} == {"inventory"}


def test_a_changed_weight_moves_the_measured_share(world: World, cluster: Cluster) -> None:
    cluster.split(v1=90, v2=10)
    eventually(lambda: abs(measured(world, "v2") - 10) < 1)
    cluster.split(v1=1, v2=1)
    eventually(lambda: abs(measured(world, "v2") - 50) < 2)


def test_a_failing_canary_is_seen_by_both_reporters_and_healed(world: World, cluster: Cluster) -> None:
    cluster.split(v1=50, v2=50)
    world.scenario("failing-canary")

    def errors() -> float:
        rows = [row for row in world.query(promql.versions([REVIEWS], 4)) if row["metric"]["destination_version"] == "v2"]
        assert {row["metric"]["reporter"] for row in rows} <= {"source", "destination"}
        failed = sum(float(row["value"][1]) for row in rows if row["metric"]["response_code"].startswith("5"))
        return failed / max(sum(float(row["value"][1]) for row in rows), 1e-9)

    eventually(lambda: 0.27 < errors() < 0.33)
    world.scenario("healthy")
    eventually(lambda: errors() == 0)


def test_a_slow_canary_is_slow(world: World, cluster: Cluster) -> None:
    def p95() -> float:
        rows = world.query(f'histogram_quantile(0.95, sum by (le) (rate({promql.BUCKETS}{{destination_version="v2"}}[4s])))')
        return float(rows[0]["value"][1]) if rows else 0.0

    cluster.split(v1=50, v2=50)
    world.scenario("slow-canary")
    eventually(lambda: p95() > 1000)


def test_without_traffic_rates_are_zero_and_latency_is_not_a_number(world: World) -> None:
    world.scenario("no-traffic")
    eventually(lambda: {row["value"][1] for row in world.query(promql.traffic(4))} == {"0"})
    assert {row["value"][1] for row in world.query(promql.latency(4))} == {"NaN"}


def test_prometheus_can_be_down_and_come_back(world: World) -> None:
    world.scenario("prometheus-down")
    assert world.get(f"{world.prometheus}/api/v1/query", query="1")[0] == 503
    assert world.get(f"{world.prometheus}/-/healthy")[0] == 503
    assert world.state()["scenario"] == "prometheus-down"
    world.scenario("healthy")
    assert world.get(f"{world.prometheus}/-/healthy")[0] == 200


def test_proxies_that_stopped_reporting_are_missing(world: World) -> None:
    everybody = world.state()["proxies"]
    eventually(lambda: len(world.query(promql.proxies(30))) == everybody)
    world.scenario("stale-proxies")
    eventually(lambda: len(world.query(promql.proxies(30))) == everybody - len(world.state()["silent_proxies"]))
    assert len(world.state()["silent_proxies"]) == -(-everybody // 3)


def test_istiods_debug_page_lists_the_proxies_that_are_connected(world: World) -> None:
    everybody = world.state()["proxies"]
    assert {proxy.state for proxy in synced(world)} == {SyncState.SYNCED}
    assert len(synced(world)) == everybody
    world.scenario("stale-proxies")
    assert len(synced(world)) == everybody - len(world.state()["silent_proxies"])


def test_a_refused_configuration_is_on_istiods_debug_page(world: World) -> None:
    world.scenario("refused-configuration")
    refused = [proxy for proxy in synced(world) if proxy.state is SyncState.REJECTED]
    assert {proxy.pod.rpartition("-")[0].rpartition("-")[0] for proxy in refused} == {"reviews-v2"}
    assert "istio.stats" in refused[0].reason


def synced(world: World) -> list[ProxySync]:
    return IstiodDebug(world.istiod).sync_states()


def test_a_restart_replaces_pods_and_scaling_adds_them(world: World, cluster: Cluster) -> None:
    def pods() -> list[str]:
        return [pod["metadata"]["name"] for pod in cluster.kube.list(POD)[0] if pod["metadata"]["name"].startswith("details-v1")]

    [before] = pods()
    cluster.patch(
        DEPLOYMENT,
        "bookinfo",
        "details-v1",
        {"op": "add", "path": "/spec/template/metadata/annotations", "value": {RESTARTED: "2026-11-24T08:00:00Z"}},
        {"op": "replace", "path": "/spec/replicas", "value": 2},
    )
    eventually(lambda: len(pods()) == 2 and before not in pods())
    eventually(lambda: cluster.get(DEPLOYMENT, "bookinfo", "details-v1")["status"]["availableReplicas"] == 2)


def test_a_deleted_rule_breaks_the_subsets_at_the_caller(world: World, cluster: Cluster) -> None:
    rule = cluster.get(DESTINATION_RULE, "bookinfo", "reviews")
    cluster.kube.delete(DESTINATION_RULE, "bookinfo", "reviews")
    try:
        failures = 'istio_requests_total{reporter="source",response_code="503",response_flags="NC"}'
        eventually(lambda: bool(world.query(f"rate({failures}[4s]) > 0")))
    finally:
        for name in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"):
            rule["metadata"].pop(name, None)
        cluster.kube.create(DESTINATION_RULE, rule)


def test_what_exists_is_left_alone_by_a_second_world(world: World, cluster: Cluster) -> None:
    cluster.split(v1=30, v2=70)
    before = cluster.get(VIRTUAL_SERVICE, "bookinfo", "reviews")
    with sandbox_world(cluster.kubeconfig) as second:
        assert second.state()["problems"] == []
    assert cluster.get(VIRTUAL_SERVICE, "bookinfo", "reviews") == before


def failing(world: World, service: str) -> float:
    """Percent of the requests to `service` that its callers saw fail, as a portal would ask for it; -1 without data."""
    rows = [row for row in world.query(promql.traffic(4)) if row["metric"]["reporter"] == "source"]
    rates = [(row["metric"], float(row["value"][1])) for row in rows if row["metric"]["destination_service_name"] == service]
    total = sum(rate for _, rate in rates)
    return 100 * sum(rate for labels, rate in rates if labels["response_code"] >= "500") / total if total else -1.0


def test_outlier_detection_takes_the_sick_pod_out(world: World, cluster: Cluster) -> None:
    world.scenario("sick-pod")
    eventually(lambda: abs(failing(world, "catalog") - 50) < 3)
    outliers = {"consecutive5xxErrors": 5, "baseEjectionTime": "60s", "maxEjectionPercent": 50}
    metadata = {"name": "catalog", "namespace": "shop"}
    rule = {
        "apiVersion": DESTINATION_RULE.api_version,
        "kind": DESTINATION_RULE.kind,
        "metadata": metadata,
        "spec": {"host": "catalog", "trafficPolicy": {"outlierDetection": outliers}},
    }
    cluster.kube.create(DESTINATION_RULE, rule)
    eventually(lambda: 0 <= failing(world, "catalog") < 5)
    cluster.kube.request("DELETE", path_of(DESTINATION_RULE, "shop", "catalog"), {})
    eventually(lambda: abs(failing(world, "catalog") - 50) < 3)
    world.scenario("healthy")
    eventually(lambda: failing(world, "catalog") == 0)


def test_the_control_page_says_what_is_not_simulated(world: World, cluster: Cluster) -> None:
    cors = {"op": "add", "path": "/spec/http/0/corsPolicy", "value": {"allowOrigins": [{"exact": "https://example.com"}]}}
    cluster.patch(VIRTUAL_SERVICE, "bookinfo", "reviews", cors)
    eventually(lambda: "VirtualService bookinfo/reviews: spec.http[0].corsPolicy" in world.get(f"{world.control}/")[1])
    assert "Not simulated" in world.get(f"{world.control}/")[1]
    cluster.patch(VIRTUAL_SERVICE, "bookinfo", "reviews", {"op": "remove", "path": "/spec/http/0/corsPolicy"})
    status, body = world.get(f"{world.control}/scenario", name="nonsense")
    assert status == 400
    assert "failing-canary" in json.loads(body)["scenarios"]


@pytest.mark.prometheus
def test_a_real_prometheus_that_scrapes_it_has_the_same_numbers(world: World) -> None:
    def rates(rows: list[dict[str, Any]]) -> dict[str, float]:
        return {json.dumps(row["metric"], sort_keys=True): float(row["value"][1]) for row in rows}

    def agree() -> bool:
        theirs = rates(real.get("/api/v1/query", query=promql.traffic(4))[1]["data"]["result"])
        ours = rates(world.query(promql.traffic(4)))
        # both see whole requests only, at other moments: of a rare kind one more or less
        return theirs.keys() == ours.keys() and theirs == pytest.approx(ours, rel=0.2, abs=0.6)

    with prometheus(scraping(world.prometheus, 0.5)) as real:
        eventually(agree)


def test_a_real_istiod_is_scraped_instead_and_its_series_end_with_it(cluster: Cluster) -> None:
    istiod = Server(lambda _: Response(b"istiod_uptime_seconds 12\npilot_xds 3\npilot_total_xds_rejects 1\n"))
    with sandbox_world(cluster.kubeconfig, "--interval", "0.5", "--istiod-metrics", f"{istiod.url}/metrics") as world:

        def said() -> dict[str, str]:
            return {row["metric"]["__name__"]: row["value"][1] for row in world.query(promql.control_plane())}

        try:
            eventually(lambda: said() == {"istiod_uptime_seconds": "12", "pilot_xds": "3", "pilot_total_xds_rejects": "1"})
        finally:
            istiod.close()
        eventually(lambda: said() == {})
        assert [row["value"][1] for row in world.query('up{app="istiod"}')] == ["0"]


def test_it_listens_on_loopback_only_and_ends_when_told(cluster: Cluster) -> None:
    with sandbox_world(cluster.kubeconfig) as world:
        assert world.prometheus.startswith("http://127.0.0.1:")
        assert world.control.startswith("http://127.0.0.1:")
