"""What stock Envoys count, in the names and labels of Istio's own metrics, as the portal asks for them."""

from __future__ import annotations

import yaml

from tests.tools.proxies import envoy_admin
from tools.realmesh.metrics import merged, relabelled, scrape_config

SENT = 'istio_requests_total{{reporter="source",source_workload="a-v1",destination_workload="{}",response_flags="-"}} 3'
PODS = {"a-v1": ("shop", "a-v1-x"), "b-v1": ("shop", "b-v1-x")}


def test_the_endpoint_is_split_into_its_labels() -> None:
    series = relabelled(SENT.format("b-v2;shop;b;v2;Kubernetes"), "shop", "a-v1-x")
    assert series == (
        'istio_requests_total{namespace="shop",pod="a-v1-x",reporter="source",source_workload="a-v1",destination_workload="b-v2",'
        'destination_workload_namespace="shop",destination_canonical_service="b",destination_version="v2",response_flags="-"} 3'
    )


def test_a_request_without_an_endpoint_went_to_an_unknown_version() -> None:
    for nothing in ("", "-"):
        series = relabelled(SENT.format(nothing), "shop", "a-v1-x")
        assert 'destination_workload="unknown"' in series
        assert 'destination_version="unknown"' in series
        assert series.endswith('response_flags="-"} 3')


def test_what_a_receiving_proxy_counts_has_its_labels_already() -> None:
    series = relabelled(
        'istio_requests_total{reporter="destination",destination_workload="b-v2",source_principal="-"} 1', "shop", "p"
    )
    assert series.count("destination_workload") == 1
    assert 'source_principal="unknown"' in series


def test_all_proxies_are_in_one_text_and_each_kind_in_one_group() -> None:
    requests = "# TYPE envoy_istio_requests_total counter\n" + "envoy_" + SENT.format("b-v1;shop;b;v1;Kubernetes")
    state = "# TYPE envoy_server_state gauge\nenvoy_server_state{} 0"
    with envoy_admin(f"{requests}\n{state}\n") as one, envoy_admin(f"{state}\n{requests}\n") as other:
        text = merged({"a-v1": one, "b-v1": other}, PODS)
    lines = text.splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        "# TYPE istio_requests_total counter", "# TYPE envoy_server_state gauge",
    ]  # fmt: skip
    assert [line.partition("{")[0] for line in lines if not line.startswith("#")] == [
        "istio_requests_total", "istio_requests_total", "envoy_server_state", "envoy_server_state",
    ]  # fmt: skip
    assert 'envoy_server_state{namespace="shop",pod="b-v1-x"} 0' in lines


def test_a_proxy_that_is_gone_takes_nobody_along() -> None:
    with envoy_admin("") as gone:
        pass
    with envoy_admin("# TYPE envoy_server_state gauge\nenvoy_server_state{} 0\n") as one:
        text = merged({"a-v1": one, "b-v1": gone}, PODS)
    assert text.splitlines() == ["# TYPE envoy_server_state gauge", 'envoy_server_state{namespace="shop",pod="a-v1-x"} 0']


def test_prometheus_scrapes_istiod_and_the_proxies() -> None:
    mesh, plane = {"istiod_monitoring": "http://127.0.0.1:1"}, {"merged_metrics": "http://127.0.0.1:2/metrics"}
    jobs = yaml.safe_load(scrape_config(mesh, plane, 1.5))["scrape_configs"]
    assert {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs} == {
        "istiod": ["127.0.0.1:1"],
        "proxies": ["127.0.0.1:2"],
    }
    assert {job["scrape_interval"] for job in jobs} == {"1500ms"}
    assert all(job["honor_labels"] for job in jobs)
