"""The world on a real control plane: pods come from real controllers with real injection, traffic follows the same objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshportal.mesh import promql
from meshportal.mesh.refs import POD
from tests.processes import real_mesh
from tests.sandbox.world.test_world_on_api import Cluster, eventually, measured
from tests.world_process import World, sandbox_world

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def mesh() -> Iterator[dict[str, Any]]:
    with real_mesh() as info:
        yield info


@pytest.fixture(scope="module")
def cluster(mesh: dict[str, Any]) -> Cluster:
    return Cluster(Path(mesh["kubeconfig"]["admin"]))


@pytest.fixture(scope="module")
def world(mesh: dict[str, Any], cluster: Cluster) -> Iterator[World]:
    istiod = f"{mesh['istiod_monitoring']}/metrics"
    with sandbox_world(cluster.kubeconfig, "--interval", "0.5", "--istiod-metrics", istiod) as world:
        yield world


def test_pods_are_made_by_the_cluster_and_their_envoys_are_counted(world: World, cluster: Cluster) -> None:
    pods = [pod for pod in cluster.kube.list(POD)[0] if pod["metadata"]["namespace"] == "bookinfo"]
    assert {owner["kind"] for pod in pods for owner in pod["metadata"]["ownerReferences"]} == {"ReplicaSet"}
    assert world.state()["problems"] == []
    counted = {row["metric"]["pod"] for row in world.query(promql.proxies(30))}
    assert {pod["metadata"]["name"] for pod in pods} <= counted


def test_a_changed_weight_moves_the_measured_share(world: World, cluster: Cluster) -> None:
    cluster.split(v1=90, v2=10)
    eventually(lambda: abs(measured(world, "v2") - 10) < 1)


def test_istiod_itself_is_scraped(world: World) -> None:
    rows = {row["metric"]["__name__"]: float(row["value"][1]) for row in world.query(promql.control_plane())}
    assert 0 < rows["istiod_uptime_seconds"] < 3600
