"""istiod's own pages: a real one's, and those of the istiod that the sandbox's world plays.

What its webhook refuses and warns of is in test_api_server_judges.py; what it says of real Envoys in tests/dataplane.
"""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from meshportal.clients.istiod import IstiodDebug
from meshportal.mesh.syncz import SyncState
from tests.contracts.istiod import numbers, page, unlike_syncz
from tests.contracts.kube import Kube, split
from tests.world_process import sandbox_world

pytestmark = pytest.mark.contract
REAL = [pytest.mark.real, pytest.mark.xdist_group("real")]


@dataclass(frozen=True)
class Istiod:
    """Where its debug pages and its metrics are, and how many proxies are connected to it at least."""

    debug: str
    metrics: str
    proxies: int


@pytest.fixture(scope="module")
def played(sandbox_api: dict[str, Any]) -> Iterator[Istiod]:
    with sandbox_world(sandbox_api["kubeconfig"]["admin"], "--interval", "0.5") as world:
        yield Istiod(world.istiod, f"{world.prometheus}/metrics", 20)


@pytest.fixture(scope="module")
def real(real_mesh: dict[str, Any]) -> Istiod:
    return Istiod(real_mesh["istiod_http"], f"{real_mesh['istiod_monitoring']}/metrics", 0)


@pytest.fixture(params=["played", pytest.param("real", marks=REAL)])
def istiod(request: pytest.FixtureRequest) -> Istiod:
    stage: Istiod = request.getfixturevalue(request.param)
    return stage


def test_syncz_lists_the_connected_proxies_in_the_shape_that_the_portal_reads(istiod: Istiod) -> None:
    rows = page(f"{istiod.debug}/debug/syncz")
    assert unlike_syncz(rows) == []
    assert len(rows) >= istiod.proxies
    states = IstiodDebug(istiod.debug).sync_states()
    assert len(states) == len(rows)
    assert {state.state for state in states} <= {SyncState.SYNCED}


def test_metrics_tell_how_long_it_has_been_up_and_how_many_are_connected(istiod: Istiod) -> None:
    found = numbers(istiod.metrics)
    assert found["istiod_uptime_seconds"] > 0
    # before the first proxy connects, a real one has no such series
    assert found.get("pilot_xds", 0.0) >= istiod.proxies


def test_a_page_it_does_not_have_is_404(istiod: Istiod) -> None:
    with pytest.raises(urllib.error.HTTPError) as answer:
        page(f"{istiod.debug}/debug/no-such-page")
    assert answer.value.code == 404
    answer.value.close()


@pytest.mark.real
@pytest.mark.xdist_group("real")
def test_the_mesh_page_of_a_real_one_holds_the_mesh_config(real: Istiod) -> None:
    mesh = page(f"{real.debug}/debug/mesh")
    assert (mesh["rootNamespace"], mesh["trustDomain"]) == ("istio-system", "cluster.local")
    assert mesh["enableAutoMtls"] is True
    assert mesh["outboundTrafficPolicy"] == {"mode": "ALLOW_ANY"}
    assert {"discoveryAddress", "proxyAdminPort", "statusPort"} <= mesh["defaultConfig"].keys()


@pytest.mark.real
@pytest.mark.xdist_group("real")
@pytest.mark.parametrize("api_server", [pytest.param("real", marks=REAL)], indirect=True)
def test_a_real_one_counts_what_its_webhook_lets_pass_and_what_it_denies(real: Istiod, kube: Kube) -> None:
    before = numbers(real.metrics)
    assert kube.create(split(100, name="good")).status == 201
    assert kube.create(split(-4, name="bad")).status == 400
    after = numbers(real.metrics)
    for name in ("galley_validation_passed", "galley_validation_failed"):
        assert after[name] == before.get(name, 0.0) + 1, name
