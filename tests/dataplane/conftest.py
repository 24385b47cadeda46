"""One real mesh with real Envoys under it and a real Prometheus that scrapes them, for all tests of this folder.

It is their own and not the contract tests': these look at everything in a cluster.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshportal.clients.prometheus import PrometheusMetrics
from tests import processes
from tests.dataplane.plane import Plane, eventually
from tests.prometheus_process import prometheus
from tools.realmesh import build
from tools.realmesh.kubectl import Kubectl
from tools.realmesh.metrics import scrape_config

SCRAPE_SECONDS = 1.0


@pytest.fixture(scope="session")
def whole_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with processes.real_mesh() as mesh:
        line = tmp_path_factory.mktemp("dataplane") / "mesh.json"
        line.write_text(json.dumps(mesh))
        command = [sys.executable, "-m", "tools.realmesh", "dataplane", "--info", str(line)]
        with processes.running(command) as info, prometheus(scrape_config(mesh, info, SCRAPE_SECONDS)) as server:
            kubectl = Kubectl(build.folder() / "kube", Path(mesh["kubeconfig"]["admin"]))
            metrics = PrometheusMetrics(server.url)
            plane = Plane(mesh, info, kubectl, server.url, SCRAPE_SECONDS, metrics)
            yield plane
            plane.close()
            metrics.close()


@pytest.fixture
def plane(whole_plane: Plane) -> Plane:
    """The data plane with half of the requests to each version, both well, and no policy."""
    for workload in ("reviews-v1", "reviews-v2"):
        whole_plane.make(workload, failure_rate=0, failure_status=500, latency_ms=0, latency_sigma=0)
    whole_plane.shift(50)
    eventually("calm", whole_plane.is_calm)
    return whole_plane
