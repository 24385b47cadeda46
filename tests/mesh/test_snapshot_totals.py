from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh import totals, trail
from meshportal.mesh.snapshot import MeshNow, NamespaceNow, ServiceNow, Snapshot, Source, State, Why


def service(namespace: str, rate: float | None, errors: float = 0, mtls: float | None = 100.0) -> ServiceNow:
    share = errors if rate else None
    return ServiceNow(
        namespace, f"s{rate}", State.OK, Why.WITHIN_LIMITS, 0.0,
        per_second=rate, error_percent=share, success_percent=None if share is None else 100 - share,
        mtls_percent=mtls, served_per_second=rate, p95_ms=50.0,
    )  # fmt: skip


def snapshot(*services: ServiceNow, at: float = 600.0, ok: bool = True) -> Snapshot:
    spaces = tuple(NamespaceNow(name, "", True, 2, 3) for name in sorted({s.namespace for s in services}))
    mesh = replace(totals.mesh_of(services, spaces), p95_ms=84.0, proxies_connected=9)
    return Snapshot("prod", 1, at, 5, 60, (Source("prometheus", ok, at),), mesh, services, spaces)


def test_the_mesh_is_the_sum_of_its_services_each_weighing_as_much_as_its_requests() -> None:
    mesh = snapshot(service("shop", 90, errors=0, mtls=100), service("pay", 10, errors=50, mtls=0)).mesh
    assert (mesh.per_second, mesh.success_percent, mesh.mtls_percent) == (100, 95, 90)
    assert (mesh.envoys_ready, mesh.envoys_total) == (4, 6)


def test_without_numbers_there_is_no_data() -> None:
    nothing = totals.mesh_of([service("shop", None, mtls=None)], [])
    assert nothing == MeshNow()
    quiet = totals.mesh_of([service("shop", 0.0, mtls=None)], [])
    assert (quiet.per_second, quiet.success_percent, quiet.mtls_percent) == (0, None, None)


def test_one_namespace_nobody_can_count_makes_the_sum_unknown() -> None:
    counted = [NamespaceNow("a", envoys_ready=1, envoys_total=1), NamespaceNow("b", envoys_ready=None, envoys_total=1)]
    assert (totals.mesh_of([], counted).envoys_ready, totals.mesh_of([], counted).envoys_total) == (None, 2)


RATES = st.lists(st.floats(0.001, 1e5), min_size=1, max_size=20)


@given(RATES)
def test_shares_that_are_all_whole_stay_whole(rates: list[float]) -> None:
    mesh = snapshot(*(service("shop", rate) for rate in rates)).mesh
    assert (mesh.success_percent, mesh.mtls_percent) == (100, 100)


@given(RATES, RATES)
def test_what_somebody_sees_of_the_mesh_does_not_depend_on_what_they_may_not_see(mine: list[float], theirs: list[float]) -> None:
    own = [service("shop", rate, errors=rate % 7) for rate in mine]
    alone = totals.visible(snapshot(*own), {"shop"})
    among = totals.visible(snapshot(*own, *(service("pay", rate, errors=100, mtls=0) for rate in theirs)), {"shop"})
    assert among == alone
    assert among.mesh.p95_ms is None and among.mesh.proxies_connected is None


def test_the_trail_gets_one_point_a_minute_and_keeps_an_hour() -> None:
    body = trail.extended({}, snapshot(service("shop", 1.0), at=0.0))
    for minute in range(70):
        body = trail.extended(body, snapshot(service("shop", 10.0, errors=2), at=minute * 60 + 7.0))
    points = body["shop/s10.0"]
    assert len(points) == 60
    assert points[-1] == (4140.0, 10.0, 2.0, 50.0)
    assert body[""][-1] == (4140.0, 10.0, 2.0, 84.0)
    assert trail.last_minute(body) == 69 * 60


def test_numbers_that_are_merely_kept_are_not_drawn() -> None:
    body = trail.extended({}, snapshot(service("shop", 10.0), ok=False))
    assert body["shop/s10.0"] == body[""] == [(600.0, None, None, None)]


def test_a_service_that_is_gone_leaves_the_trail() -> None:
    body = trail.extended({}, snapshot(service("shop", 10.0)))
    assert set(trail.extended(body, snapshot(service("shop", 5.0), at=700))) == {"", "shop/s5.0"}


def test_the_trail_of_some_namespaces_sums_only_those() -> None:
    body = trail.extended({}, snapshot(service("shop", 10.0, errors=10), service("pay", 30.0, errors=50)))
    seen = trail.visible(body, {"shop"})
    assert set(seen) == {"", "shop/s10.0"}
    assert seen[""] == [(600, 10.0, 10.0, None)]
    assert trail.visible(body, set[str]()) == {"": [(600, None, None, None)]}
