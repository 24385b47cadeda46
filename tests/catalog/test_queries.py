"""What pages read, and that nobody reads more than they may see."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from meshportal.accounts.permissions import Namespaces
from meshportal.catalog import queries
from meshportal.catalog.models import Heartbeat
from meshportal.clusters.models import Cluster
from meshportal.mesh.refs import ServiceRef
from tests.catalog.mesh import Observatory, register, shop, traffic
from tests.mesh.objects import destination, destination_rule, namespace, pod, service, virtual_service

pytestmark = pytest.mark.django_db

SHOP = Namespaces(False, frozenset({"shop"}))
NOTHING = Namespaces(False, frozenset())
EVERYTHING = Namespaces(True, frozenset())


@pytest.fixture
def cluster() -> Cluster:
    """The shop, and beside it a `bank` whose only service fails in plaintext."""
    kubernetes, prometheus, cluster = shop(), traffic(), register()
    for manifest in (namespace("bank", injected=True), service("vault", "bank"), pod("vault-v1-a", "bank")):
        kubernetes.put(manifest)
    kubernetes.put(virtual_service("front", [destination("cart.shop", "stable")], "bank", hosts=["cart.shop.svc.cluster.local"]))
    kubernetes.put(destination_rule("vault", {"v1": {"version": "v1"}}, "bank"))
    prometheus.sees(ServiceRef("bank", "vault"), "v1", 500.0, code="500", policy="none")
    prometheus.scrapes("bank", "vault-v1-a")
    Observatory(cluster, kubernetes, prometheus).pass_time(3)
    return cluster


def test_somebody_who_sees_everything_sees_the_whole_mesh(cluster: Cluster) -> None:
    for visible in (None, EVERYTHING):
        snapshot = queries.latest(cluster, visible)
        assert snapshot is not None
        assert (snapshot.mesh.per_second, snapshot.mesh.envoys_total, snapshot.mesh.proxies_connected) == (530, 4, 3)


def test_somebody_who_sees_the_shop_sees_nothing_of_the_bank(cluster: Cluster) -> None:
    snapshot = queries.latest(cluster, SHOP)
    assert snapshot is not None
    assert (snapshot.mesh.per_second, snapshot.mesh.success_percent, snapshot.mesh.mtls_percent) == (30, 100, 100)
    assert (snapshot.mesh.envoys_ready, snapshot.mesh.envoys_total) == (3, 3)
    assert "bank" not in str(snapshot.to_json())
    assert set(queries.trail(cluster, SHOP)) == {"", "shop/cart", "shop/web"}
    assert list(queries.trail(cluster, SHOP)[""][-1][1:]) == [30.0, 0.0, None]
    assert [n.name for n in queries.namespaces(cluster, SHOP)] == ["shop"]


def test_somebody_who_sees_nothing_has_no_numbers(cluster: Cluster) -> None:
    snapshot = queries.latest(cluster, NOTHING)
    assert snapshot is not None
    assert snapshot.services == ()
    assert snapshot.namespaces == ()
    assert snapshot.mesh.per_second is snapshot.mesh.envoys_total is snapshot.mesh.success_percent is None


def test_objects_for_a_service_come_from_every_namespace_that_names_it(cluster: Cluster) -> None:
    virtual_services, destination_rules = queries.live_objects_for_service(cluster, "shop", "cart")
    assert [m["metadata"]["namespace"] for m in virtual_services] == ["bank", "shop"]
    assert [m["metadata"]["name"] for m in destination_rules] == ["cart"]
    assert queries.live_objects_for_service(cluster, "shop", "web") == ([], [])


def test_each_question_is_one_query(cluster: Cluster, django_assert_num_queries: Any) -> None:
    questions = (
        lambda: queries.latest(cluster, SHOP),
        lambda: queries.trail(cluster, SHOP),
        lambda: queries.live_object(cluster, "VirtualService", "shop", "cart"),
        lambda: queries.live_objects_for_service(cluster, "shop", "cart"),
        lambda: queries.namespaces(cluster),
        queries.worker_heartbeat,
    )
    for question in questions:
        with django_assert_num_queries(1):
            question()


def test_before_the_first_look_there_is_nothing() -> None:
    new = register("new")
    assert queries.latest(new) is None and queries.trail(new) == {} and queries.namespaces(new) == ()
    assert queries.live_object(new, "VirtualService", "shop", "cart") is None
    assert queries.worker_heartbeat() is None
    at = datetime(2026, 11, 24, tzinfo=UTC)
    Heartbeat.objects.create(name=queries.WORKER, at=at)
    assert queries.worker_heartbeat() == at
