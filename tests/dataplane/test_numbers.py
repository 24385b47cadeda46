"""What else the portal asks of Prometheus: which Envoys are live, and how istiod is."""

from __future__ import annotations

import pytest

from tests.dataplane.plane import Plane, eventually

pytestmark = [pytest.mark.dataplane, pytest.mark.xdist_group("dataplane")]


def test_every_envoy_is_counted_under_its_pod(plane: Plane) -> None:
    pods = {(plane.namespace, pod) for pod in plane.info["pods"].values()}
    eventually("all are live", lambda: plane.metrics.proxies(10) == pods)


def test_istiod_says_how_many_are_connected(plane: Plane) -> None:
    eventually("all are connected", lambda: plane.metrics.control_plane().connected_proxies == len(plane.info["pods"]))
    assert (plane.metrics.control_plane().uptime_seconds or 0) > 0


def test_latency_has_a_number_for_the_service(plane: Plane) -> None:
    plane.ask_often(200)

    def measured() -> bool:
        plane.ask_often(5)
        rows = [row for row in plane.metrics.latency(60) if row.service == plane.service and row.reporter == "source"]
        return bool(rows) and rows[0].p95_ms > 0

    eventually("a latency", measured)
