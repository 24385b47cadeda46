"""The observer of one cluster, with everything around it failing in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection

from meshportal.catalog import queries
from meshportal.catalog.models import LiveObject, ObserverLease, Trail
from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.clusters.models import Cluster
from meshportal.mesh.refs import POD, ResourceRef
from meshportal.mesh.snapshot import State, Why
from tests.catalog.mesh import CART, CART_POD, CART_ROUTE, START, TICK, WEB, Observatory, register, seen, shop, traffic
from tests.fakes import FakeCluster, FakeMetrics
from tests.mesh.objects import destination, pod, service, virtual_service

pytestmark = pytest.mark.django_db


@pytest.fixture
def kubernetes() -> FakeCluster:
    return shop()


@pytest.fixture
def prometheus() -> FakeMetrics:
    return traffic()


@pytest.fixture
def cluster() -> Cluster:
    return register()


@pytest.fixture
def observatory(cluster: Cluster, kubernetes: FakeCluster, prometheus: FakeMetrics) -> Observatory:
    return Observatory(cluster, kubernetes, prometheus)


def test_what_is_seen_is_what_pages_read(observatory: Observatory, cluster: Cluster) -> None:
    written = observatory.pass_time()
    snapshot = queries.latest(cluster)
    assert snapshot == written
    cart = seen(snapshot)
    assert (cart.state, cart.per_second, cart.p95_ms, cart.mtls_percent, cart.owner) == (State.OK, 10, 80, 100, "team-shop")
    assert [(v.version, v.configured_percent, v.measured_percent) for v in cart.versions] == [("v1", 90, 90), ("v2", 10, 10)]
    assert snapshot is not None and [source.ok for source in snapshot.sources] == [True, True, True]
    assert [n.name for n in queries.namespaces(cluster)] == ["bookinfo", "default", "istio-system", "shop"]


def test_releases_are_detected_and_kept_with_the_cluster(observatory: Observatory, cluster: Cluster) -> None:
    observatory.pass_time()
    cluster.refresh_from_db()
    assert (cluster.istio_version, cluster.kubernetes_version) == ("1.31.0", "v1.36.3")


def test_every_tick_has_the_next_version(observatory: Observatory) -> None:
    versions = [snapshot.version for snapshot in (observatory.pass_time() for _ in range(3)) if snapshot]
    assert versions == [1, 2, 3]


# ---------------------------------------------------------------- what it costs


def test_no_tick_has_more_than_five_queries_and_three_ticks_have_them_all(
    observatory: Observatory, prometheus: FakeMetrics
) -> None:
    counts = []
    for _ in range(9):
        before = len(prometheus.calls)
        observatory.pass_time()
        counts.append(len(prometheus.calls) - before)
    assert max(counts) == 5
    every = {"traffic": 9, "versions": 9, "proxies": 9, "control_plane": 9, "latency": 3, "mesh_latency": 3}
    assert Counter(prometheus.calls) == every


def test_versions_are_only_asked_for_where_a_route_tells_them_apart(
    observatory: Observatory, kubernetes: FakeCluster, prometheus: FakeMetrics
) -> None:
    kubernetes.remove(CART_ROUTE)
    observatory.pass_time(3)
    assert "versions" not in prometheus.calls


def test_a_slow_prometheus_is_asked_less_often(observatory: Observatory) -> None:
    moments = iter([0.0, 3.0])
    observatory.asker.stopwatch = lambda: next(moments)
    snapshot = observatory.pass_time()
    assert snapshot is not None and snapshot.period_seconds == 12


def test_after_the_first_lists_there_are_none(observatory: Observatory, kubernetes: FakeCluster) -> None:
    observatory.pass_time(2)
    kubernetes.calls.clear()
    for number in range(5):
        kubernetes.put(pod(f"cart-v1-{number}"))
        observatory.pass_time()
    assert not [call for call in kubernetes.calls if call.verb == "list"]
    assert seen(queries.latest(Cluster.objects.get())).pods_total == 7


def test_a_tick_without_news_writes_no_object(observatory: Observatory, django_assert_max_num_queries: Any) -> None:
    observatory.pass_time(3)
    with django_assert_max_num_queries(4):
        observatory.pass_time()


# ---------------------------------------------------------------- objects


def test_istios_objects_are_kept_whole_and_follow_the_cluster(
    observatory: Observatory, kubernetes: FakeCluster, cluster: Cluster
) -> None:
    observatory.pass_time()
    row = queries.live_object(cluster, CART_ROUTE.kind, "shop", "cart")
    assert row is not None and row.manifest == kubernetes.live(CART_ROUTE)
    virtual_services, destination_rules = queries.live_objects_for_service(cluster, "shop", "cart")
    assert [m["metadata"]["name"] for m in (*virtual_services, *destination_rules)] == ["cart", "cart"]
    kubernetes.put(virtual_service("cart", [destination("cart", "canary", 100)]))
    observatory.pass_time(2)
    row.refresh_from_db()
    assert row.manifest == kubernetes.live(CART_ROUTE)
    assert [v.configured_percent for v in seen(queries.latest(cluster)).versions] == [0, 100]
    kubernetes.remove(CART_ROUTE)
    observatory.pass_time(2)
    assert queries.live_object(cluster, "VirtualService", "shop", "cart") is None


def test_rows_of_objects_that_went_while_nobody_observed_are_removed(
    cluster: Cluster, kubernetes: FakeCluster, prometheus: FakeMetrics
) -> None:
    Observatory(cluster, kubernetes, prometheus).pass_time()
    kubernetes.remove(CART_ROUTE)
    later = Observatory(cluster, kubernetes, prometheus, "two")
    later.now = START + 1000
    later.pass_time()
    assert list(LiveObject.objects.values_list("kind", flat=True)) == ["DestinationRule"]


def test_a_kind_that_cannot_be_listed_keeps_its_rows(cluster: Cluster, kubernetes: FakeCluster, prometheus: FakeMetrics) -> None:
    Observatory(cluster, kubernetes, prometheus).pass_time()
    kubernetes.forbids("list", CART_ROUTE.kind)
    later = Observatory(cluster, kubernetes, prometheus, "two")
    later.now = START + 1000
    snapshot = later.pass_time()
    assert queries.live_object(cluster, "VirtualService", "shop", "cart") is not None
    source = snapshot.source("kubernetes") if snapshot else None
    assert source is not None and source.ok and "virtualservices" in source.error


def test_history_that_is_compacted_costs_exactly_one_list(
    observatory: Observatory, kubernetes: FakeCluster, cluster: Cluster
) -> None:
    observatory.pass_time(2)
    kubernetes.remove(CART_POD)
    kubernetes.put(service("web"))  # something happens that the watch of pods does not see
    kubernetes.forgets_history()
    kubernetes.calls.clear()
    observatory.pass_time(4)
    assert [call.on for call in kubernetes.calls if call.verb == "list"].count("pods") == 1
    assert seen(queries.latest(cluster)).pods_total == 1


# ---------------------------------------------------------------- outages


def test_prometheus_away_makes_unknown_after_two_ticks_and_back_makes_it_real(
    observatory: Observatory, prometheus: FakeMetrics
) -> None:
    observatory.pass_time()
    prometheus.goes_away()
    assert seen(observatory.pass_time()).state is State.OK
    gone = seen(observatory.pass_time())
    assert (gone.state, gone.why, gone.per_second) == (State.UNKNOWN, Why.METRICS_GONE, None)
    prometheus.comes_back()
    assert (seen(observatory.pass_time()).state, seen(observatory.pass_time()).per_second) == (State.OK, 10)


def test_a_prometheus_that_fails_is_asked_one_question_a_tick(observatory: Observatory, prometheus: FakeMetrics) -> None:
    prometheus.goes_away()
    observatory.pass_time(4)
    assert prometheus.calls == ["traffic"] * 4


def test_kubernetes_away_makes_unknown_and_back_makes_it_real(observatory: Observatory, kubernetes: FakeCluster) -> None:
    observatory.pass_time(2)
    kubernetes.goes_away()
    gone = observatory.pass_time(3)
    assert (seen(gone).state, seen(gone).why) == (State.UNKNOWN, Why.INVENTORY_GONE)
    source = gone.source("kubernetes") if gone else None
    assert source is not None and not source.ok and "cannot be reached" in source.error
    assert source.observed_at == START + 2 * TICK
    kubernetes.comes_back()
    observatory.hear()
    assert seen(observatory.pass_time()).state is State.OK


def test_a_quiet_api_server_is_felt_by_its_pulse(observatory: Observatory, kubernetes: FakeCluster) -> None:
    observatory.pass_time(2)
    observatory.followers = []  # open watches on which nothing happens
    snapshot = observatory.pass_time(20)
    source = snapshot.source("kubernetes") if snapshot else None
    assert source is not None and source.ok and source.observed_at == observatory.now
    kubernetes.goes_away()
    assert seen(observatory.pass_time(3)).why is Why.INVENTORY_GONE


def test_without_the_right_to_read_pods_nothing_is_called_well(
    cluster: Cluster, kubernetes: FakeCluster, prometheus: FakeMetrics
) -> None:
    kubernetes.forbids("list", POD)
    snapshot = Observatory(cluster, kubernetes, prometheus).pass_time(3)
    source = snapshot.source("kubernetes") if snapshot else None
    assert source is not None and not source.ok and "list pods" in source.error


def test_an_observer_that_starts_in_an_outage_shows_what_is_known(
    cluster: Cluster, kubernetes: FakeCluster, prometheus: FakeMetrics
) -> None:
    first = Observatory(cluster, kubernetes, prometheus)
    first.pass_time(3)
    first.observer.give_up()
    kubernetes.goes_away()
    later = Observatory(cluster, kubernetes, prometheus, "two")
    later.now = START + 1000
    snapshot = later.pass_time()
    assert snapshot is not None and snapshot.version == 4
    assert (seen(snapshot).why, seen(snapshot).per_second, seen(snapshot).pods_total) == (Why.INVENTORY_GONE, 10, None)


@contextmanager
def refusing_database() -> Iterator[None]:
    def refuse(execute: Any, sql: str, params: Any, many: Any, context: Any) -> None:
        raise OperationalError("database is locked")

    with connection.execute_wrapper(refuse):
        yield


def test_a_database_that_refuses_is_survived_and_nothing_is_lost(
    observatory: Observatory, kubernetes: FakeCluster, cluster: Cluster
) -> None:
    observatory.pass_time()
    kubernetes.put(virtual_service("cart", [destination("cart", "canary", 100)]))
    with refusing_database():
        assert observatory.pass_time(2) is None
    snapshot = observatory.pass_time()
    assert snapshot is not None and snapshot.version == 2
    row = queries.live_object(cluster, "VirtualService", "shop", "cart")
    assert row is not None and row.manifest == kubernetes.live(CART_ROUTE)


def test_a_state_is_remembered_over_a_restart(cluster: Cluster, kubernetes: FakeCluster, prometheus: FakeMetrics) -> None:
    prometheus.sees(CART, "v2", 10.0, code="500")
    first = Observatory(cluster, kubernetes, prometheus)
    began = seen(first.pass_time()).since
    first.observer.give_up()
    later = Observatory(cluster, kubernetes, prometheus, "two")
    later.now = START + 300
    again = seen(later.pass_time())
    assert (again.state, again.since) == (State.FAIL, began)


def test_a_row_of_another_release_is_no_snapshot_and_no_obstacle(observatory: Observatory, cluster: Cluster) -> None:
    observatory.pass_time(2)
    SnapshotRow.objects.update(body={"something": "else"})
    assert queries.latest(cluster) is None
    observatory.observer.give_up()
    snapshot = observatory.pass_time()
    assert snapshot is not None and snapshot.version == 3


# ---------------------------------------------------------------- two observers


def test_of_two_observers_one_writes(cluster: Cluster, kubernetes: FakeCluster, prometheus: FakeMetrics) -> None:
    one, two = (Observatory(cluster, kubernetes, prometheus, name) for name in ("one", "two"))
    for _ in range(5):
        assert one.pass_time() is not None
        assert two.pass_time() is None
    assert SnapshotRow.objects.get().version == 5


def test_a_dead_observer_is_followed_by_another_and_cannot_write_any_more(
    cluster: Cluster, kubernetes: FakeCluster, prometheus: FakeMetrics
) -> None:
    one, two = (Observatory(cluster, kubernetes, prometheus, name) for name in ("one", "two"))
    one.pass_time(2)
    two.now = one.now
    assert two.pass_time(2) is None
    taken = two.pass_time(2)  # three ticks after the last sign of life
    assert taken is not None and taken.version >= 3
    assert one.pass_time() is None  # it was only asleep
    row = SnapshotRow.objects.get()
    assert (row.version, row.body["taken_at"]) == (taken.version, taken.taken_at)
    lease = ObserverLease.objects.get()
    assert (lease.holder, lease.epoch) == ("two", 2)


def test_an_observer_that_ends_in_order_leaves_the_place_free(
    cluster: Cluster, kubernetes: FakeCluster, prometheus: FakeMetrics
) -> None:
    one, two = (Observatory(cluster, kubernetes, prometheus, name) for name in ("one", "two"))
    one.pass_time()
    one.observer.give_up()
    two.now = one.now
    assert two.pass_time() is not None


def test_clusters_are_observed_apart(cluster: Cluster, prometheus: FakeMetrics) -> None:
    other = register("staging")
    Observatory(cluster, shop(), prometheus).pass_time()
    Observatory(other, FakeCluster(service("web"), pod("web-v1-a")), prometheus).pass_time()
    assert [s.key for s in (queries.latest(other) or pytest.fail("nothing")).services] == ["shop/web"]
    assert seen(queries.latest(cluster), WEB).owner == "team-shop"
    assert not LiveObject.objects.filter(cluster=other)


# ---------------------------------------------------------------- trail


def test_the_trail_gets_a_point_a_minute(observatory: Observatory, cluster: Cluster) -> None:
    observatory.pass_time(30)  # 150 s from five past
    points = queries.trail(cluster)["shop/cart"]
    assert [point[0] for point in points] == [START, START + 60, START + 120]
    assert list(points[-1][1:]) == [10.0, 0.0, 80.0]


def test_the_trail_has_a_gap_where_prometheus_was_away(
    observatory: Observatory, prometheus: FakeMetrics, cluster: Cluster
) -> None:
    observatory.pass_time()
    prometheus.goes_away()
    observatory.pass_time(12)
    assert list(queries.trail(cluster)["shop/cart"][-1]) == [START + 60, None, None, None]
    assert Trail.objects.get().observed_at.timestamp() == START + 60


def test_a_pod_that_is_deleted_is_gone(observatory: Observatory, kubernetes: FakeCluster) -> None:
    observatory.pass_time(2)
    kubernetes.remove(ResourceRef(POD, "shop", "cart-v2-a"))
    cart = seen(observatory.pass_time())
    assert [(v.version, v.pods_total, v.configured_percent) for v in cart.versions] == [("v1", 1, 90), ("v2", 0, 10)]
