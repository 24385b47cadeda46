"""What istiod says of real Envoys, in the shape that the sandbox plays."""

from __future__ import annotations

import pytest

from meshportal.clients.istiod import IstiodDebug
from meshportal.mesh.syncz import SyncState
from tests.contracts.istiod import numbers, page, unlike_syncz
from tests.dataplane.plane import Plane, eventually

pytestmark = [pytest.mark.dataplane, pytest.mark.xdist_group("dataplane")]


def test_every_envoy_is_listed_once_and_has_taken_what_it_was_sent(plane: Plane) -> None:
    debug, pods = plane.mesh["istiod_http"], {(plane.namespace, pod) for pod in plane.info["pods"].values()}
    assert unlike_syncz(page(f"{debug}/debug/syncz")) == []
    istiod = IstiodDebug(debug)

    def all_synced() -> bool:
        states = istiod.sync_states()
        assert sorted(proxy.name for proxy in states) == sorted(pods)
        return all(proxy.state is SyncState.SYNCED for proxy in states)

    eventually("all have taken it", all_synced)
    assert numbers(f"{plane.mesh['istiod_monitoring']}/metrics")["pilot_xds"] == len(pods)
    istiod.close()
