"""What the observer makes of istiod's own word on which proxies have taken their configuration."""

from __future__ import annotations

import pytest

from meshportal.mesh.snapshot import MeshNow, Snapshot, State, Why
from tests.catalog.mesh import CART, WEB, Observatory, register, seen, shop, traffic
from tests.fake_istiod import FakeIstiod

pytestmark = pytest.mark.django_db

REASON = "Error adding/updating listener(s) virtualInbound: no such filter"


@pytest.fixture
def istiod() -> FakeIstiod:
    """All three proxies of the shop are connected and in sync."""
    istiod = FakeIstiod()
    istiod.connects("shop", "cart-v1-a", "cart-v2-a", "web-v1-a")
    return istiod


@pytest.fixture
def observatory(istiod: FakeIstiod) -> Observatory:
    return Observatory(register(), shop(), traffic(), istiod=istiod)


def mesh(snapshot: Snapshot | None) -> MeshNow:
    assert snapshot is not None
    return snapshot.mesh


def source(snapshot: Snapshot | None) -> tuple[bool, str] | None:
    assert snapshot is not None
    found = snapshot.source("syncz")
    return (found.ok, found.error) if found else None


def test_istiod_is_asked_once_a_tick_and_all_is_well(observatory: Observatory, istiod: FakeIstiod) -> None:
    snapshot = observatory.pass_time(4)
    assert istiod.asked == 4
    assert (mesh(snapshot).proxies_in_sync, mesh(snapshot).proxies_out_of_sync) == (3, 0)
    assert (seen(snapshot).state, seen(snapshot).in_sync, seen(snapshot).out_of_sync) == (State.OK, 2, 0)
    assert source(snapshot) == (True, "")


def test_a_proxy_that_refuses_warns_at_once_with_its_reason_and_heals(observatory: Observatory, istiod: FakeIstiod) -> None:
    observatory.pass_time(2)
    istiod.is_refused("shop", "cart-v2-a", REASON)
    snapshot = observatory.pass_time()
    cart = seen(snapshot)
    assert (cart.state, cart.why, cart.value, cart.limit) == (State.WARN, Why.OUT_OF_SYNC, 1, 2)
    assert (cart.in_sync, cart.out_of_sync, cart.sync_reason) == (1, 1, REASON)
    assert (mesh(snapshot).proxies_in_sync, mesh(snapshot).proxies_out_of_sync) == (2, 1)
    assert seen(snapshot, WEB).state is State.OK
    istiod.connects("shop", "cart-v2-a")
    snapshot = observatory.pass_time(3)
    assert (seen(snapshot).state, seen(snapshot).sync_reason, mesh(snapshot).proxies_out_of_sync) == (State.OK, "", 0)


def test_a_normal_push_is_no_problem_and_one_that_is_never_answered_is(observatory: Observatory, istiod: FakeIstiod) -> None:
    istiod.pushes("shop", "web-v1-a")
    assert seen(observatory.pass_time(6), WEB).state is State.OK  # 25 s after the first that saw it
    web = seen(observatory.pass_time(), WEB)
    assert (web.state, web.why, web.sync_reason) == (State.WARN, Why.OUT_OF_SYNC, "")


def test_an_istiod_that_is_away_makes_sync_unknown_and_nothing_else(observatory: Observatory, istiod: FakeIstiod) -> None:
    observatory.pass_time()
    istiod.goes_away()
    snapshot = observatory.pass_time(2)
    assert (mesh(snapshot).proxies_in_sync, mesh(snapshot).proxies_out_of_sync) == (None, None)
    assert (seen(snapshot).in_sync, seen(snapshot).out_of_sync) == (None, None)
    assert (seen(snapshot).state, seen(snapshot).per_second, mesh(snapshot).envoys_ready) == (State.OK, 10, 3)
    assert source(snapshot) == (False, "istiod cannot be reached.")
    assert snapshot is not None and all(one.ok for one in snapshot.sources if one.name != "syncz")
    istiod.comes_back()
    assert mesh(observatory.pass_time()).proxies_in_sync == 3


def test_without_an_address_sync_is_unknown_and_no_source_is_missing() -> None:
    snapshot = Observatory(register(), shop(), traffic()).pass_time()
    assert (mesh(snapshot).proxies_out_of_sync, source(snapshot)) == (None, None)
    assert seen(snapshot).state is State.OK


def test_a_proxy_that_istiod_does_not_list_is_not_called_in_sync(observatory: Observatory, istiod: FakeIstiod) -> None:
    istiod.loses("shop", "cart-v2-a")
    snapshot = observatory.pass_time()
    assert (mesh(snapshot).proxies_in_sync, mesh(snapshot).proxies_out_of_sync) == (2, 0)
    assert (seen(snapshot, CART).in_sync, seen(snapshot, CART).envoys_total) == (1, 2)


def test_errors_of_more_weight_stand_above_it(observatory: Observatory, istiod: FakeIstiod) -> None:
    observatory.asker.port.sees(CART, "v2", 5.0, code="503")  # type: ignore[attr-defined]
    istiod.is_refused("shop", "cart-v2-a", REASON)
    cart = seen(observatory.pass_time(3))
    assert (cart.state, cart.why, cart.out_of_sync) == (State.FAIL, Why.ERRORS, 1)


def test_a_snapshot_from_before_sync_was_known_is_still_read(observatory: Observatory) -> None:
    snapshot = observatory.pass_time()
    assert snapshot is not None
    body = snapshot.to_json()
    for row in (body["mesh"], *body["services"], *body["namespaces"]):
        for name in ("in_sync", "out_of_sync", "sync_reason", "proxies_in_sync", "proxies_out_of_sync"):
            row.pop(name, None)
    old = Snapshot.from_json(body)
    assert (old.mesh.proxies_out_of_sync, seen(old).out_of_sync, seen(old).sync_reason) == (None, None, "")
