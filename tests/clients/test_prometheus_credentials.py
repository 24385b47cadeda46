"""Credentials reach Prometheus and nobody else: no error shows them, no redirect takes them along."""

from __future__ import annotations

import base64
import traceback

import pytest

from meshportal.clients.ports import MetricsUnavailable
from meshportal.clients.prometheus import PrometheusMetrics
from tests.recorder import Recorder, recorder

SECRET = "sesame-0123456789"
NOTHING = {"status": "success", "data": {"resultType": "vector", "result": []}}


def failing(metrics: PrometheusMetrics) -> MetricsUnavailable:
    with pytest.raises(MetricsUnavailable) as caught:
        metrics.traffic(60)
    return caught.value


def test_credentials_reach_prometheus(server: Recorder) -> None:
    server.answers(200, NOTHING)
    metrics = PrometheusMetrics(server.url.replace("//", f"//portal:{SECRET}%2F@") + "/prom/")
    metrics.traffic(60)
    assert server.last.path == "/prom/api/v1/query"
    assert server.last.headers["authorization"].startswith("Basic ")
    metrics.close()
    metrics = PrometheusMetrics(server.url, headers={"Authorization": f"Bearer {SECRET}"})
    metrics.traffic(60)
    assert server.last.headers["authorization"] == f"Bearer {SECRET}"
    metrics.close()


def test_credentials_do_not_follow_a_redirect(server: Recorder) -> None:
    with recorder() as elsewhere:
        server.answers(302, {}, [("Location", f"{elsewhere.url}/api/v1/query")])
        assert "leads elsewhere" in str(failing(PrometheusMetrics(server.url, headers={"Authorization": f"Bearer {SECRET}"})))
        assert elsewhere.requests == []


@pytest.mark.parametrize("trouble", ["echoes", "hangs", "drops"])
@pytest.mark.parametrize("where", ["url", "Authorization", "X-Key"])
def test_no_error_shows_a_credential(server: Recorder, trouble: str, where: str) -> None:
    basic = base64.b64encode(f"portal:{SECRET}".encode()).decode()
    sent = basic if where == "url" else SECRET
    if trouble == "echoes":
        server.answers(400, {"status": "error", "error": f"Authorization: Bearer {sent} {SECRET}"})
    else:
        getattr(server, trouble)()
    url = server.url.replace("//", f"//portal:{SECRET}@") if where == "url" else server.url
    headers = {"url": {}, "Authorization": {"Authorization": f"Bearer {SECRET}"}, "X-Key": {"X-Key": f"{SECRET}\n"}}[where]
    metrics = PrometheusMetrics(url, timeout=(2, 1.5), headers=headers)
    error = failing(metrics)
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert SECRET not in shown
    assert basic not in shown
    metrics.close()


@pytest.mark.parametrize("url", ["", "prometheus:9090", "ftp://prometheus", "http://", "http://a b"])
def test_an_address_that_is_none_is_said_when_it_is_used(url: str) -> None:
    assert str(failing(PrometheusMetrics(url)))
