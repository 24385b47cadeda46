"""What rules and forms know of a mesh, and what it costs to keep."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from meshportal.catalog import queries
from meshportal.catalog.models import Inventory
from meshportal.clusters.models import Cluster
from meshportal.mesh.facts import PodGroup, Port
from meshportal.mesh.refs import GATEWAY, POD, SERVICE, SERVICE_ENTRY, TELEMETRY, ResourceRef, ServiceRef
from tests.catalog.mesh import CART, Observatory, register, shop, traffic
from tests.fakes import FakeCluster
from tests.mesh.objects import pod, service

pytestmark = pytest.mark.django_db

DOOR: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "door", "namespace": "shop"},
    "spec": {
        "selector": {"istio": "ingressgateway"},
        "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
    },
}


@pytest.fixture
def kubernetes() -> FakeCluster:
    return shop()


@pytest.fixture
def cluster() -> Cluster:
    return register()


@pytest.fixture
def observatory(cluster: Cluster, kubernetes: FakeCluster) -> Observatory:
    return Observatory(cluster, kubernetes, traffic())


def written_at(cluster: Cluster) -> datetime:
    return Inventory.objects.get(cluster=cluster).observed_at


def test_before_the_first_look_nothing_is_taken_for_absent(cluster: Cluster) -> None:
    facts = queries.facts(cluster)
    assert (facts.whole, facts.istio_version, facts.root_namespace) == (False, "", "istio-system")
    assert (facts.services, facts.pods, facts.objects) == ((), (), ())


def test_rules_see_services_pods_objects_and_versions(
    observatory: Observatory, cluster: Cluster, kubernetes: FakeCluster
) -> None:
    kubernetes.put(DOOR)
    kubernetes.put(pod("cart-v1-b", ready=False))
    observatory.pass_time()
    cluster.refresh_from_db()
    facts = queries.facts(cluster)
    cart = facts.service(CART)
    assert facts.whole and cart is not None
    assert cart.ports == (Port("http", 8080, "http"),)
    assert facts.pods_behind(cart, {"version": "v1"}) == [PodGroup("shop", {"app": "cart", "version": "v1"}, 1, 2)]
    assert [manifest["metadata"]["name"] for manifest in facts.of(GATEWAY)] == ["door"]
    assert facts.namespaces == {"default", "istio-system", "shop", "bookinfo"}
    assert facts.istio_version == "1.31.0"


def test_while_istio_is_upgraded_the_mesh_knows_what_its_oldest_release_knows(cluster: Cluster) -> None:
    cluster.istio_version = "1.31.0, 1.30.3"
    assert queries.facts(cluster).istio_version == "1.30.3"


def test_the_inventory_is_written_when_it_has_changed_and_only_then(
    observatory: Observatory, cluster: Cluster, kubernetes: FakeCluster
) -> None:
    observatory.pass_time()
    first = written_at(cluster)
    changed = pod("cart-v1-a")
    changed["metadata"]["annotations"] = {"seen": "again"}
    kubernetes.put(changed)
    observatory.pass_time(2)
    assert written_at(cluster) == first
    kubernetes.put(pod("cart-v1-a", ready=False))
    observatory.pass_time()
    assert written_at(cluster) > first
    assert queries.facts(cluster).pods_with("shop", {"app": "cart", "version": "v1"})[0].ready == 0


def test_another_observer_does_not_write_what_is_there_already(
    observatory: Observatory, cluster: Cluster, kubernetes: FakeCluster
) -> None:
    observatory.pass_time()
    first = written_at(cluster)
    observatory.observer.give_up()
    after = Observatory(cluster, kubernetes, traffic(), "two")
    after.now = observatory.now
    assert after.pass_time(2) is not None
    assert written_at(cluster) == first


def test_a_row_of_another_release_is_no_inventory_and_no_obstacle(observatory: Observatory, cluster: Cluster) -> None:
    observatory.pass_time()
    Inventory.objects.update(body={"services": [{"ref": "cart"}]})
    assert queries.facts(cluster).whole is False
    observatory.observer.give_up()
    observatory.pass_time()
    assert queries.facts(cluster).service(CART) is not None


def test_without_the_right_to_list_pods_nothing_is_taken_for_absent(cluster: Cluster, kubernetes: FakeCluster) -> None:
    kubernetes.forbids("list", POD)
    Observatory(cluster, kubernetes, traffic()).pass_time(2)
    assert queries.facts(cluster).whole is False


def test_of_a_kind_that_routes_and_is_not_seen_nothing_is_taken_for_absent(cluster: Cluster, kubernetes: FakeCluster) -> None:
    kubernetes.forbids("list", SERVICE_ENTRY)
    snapshot = Observatory(cluster, kubernetes, traffic()).pass_time(2)
    source = snapshot.source("kubernetes") if snapshot else None
    assert source is not None and source.ok
    assert "no right to list serviceentries.networking.istio.io" in source.error
    facts = queries.facts(cluster)
    assert (facts.whole, facts.service(CART) is not None) == (False, True)


def test_a_kind_that_does_not_route_keeps_no_rule_of_routes_silent(cluster: Cluster, kubernetes: FakeCluster) -> None:
    kubernetes.forbids("list", TELEMETRY)
    Observatory(cluster, kubernetes, traffic()).pass_time(2)
    assert queries.facts(cluster).whole is True


def test_what_is_gone_is_gone_from_the_facts(observatory: Observatory, cluster: Cluster, kubernetes: FakeCluster) -> None:
    kubernetes.put(service("old"))
    kubernetes.put(DOOR)
    observatory.pass_time()
    assert queries.facts(cluster).service(ServiceRef("shop", "old")) is not None
    kubernetes.remove(ResourceRef(SERVICE, "shop", "old"))
    kubernetes.remove(ResourceRef(GATEWAY, "shop", "door"))
    observatory.pass_time()
    facts = queries.facts(cluster)
    assert (facts.of(GATEWAY), facts.service(ServiceRef("shop", "old"))) == ([], None)


def test_facts_are_two_queries(observatory: Observatory, cluster: Cluster, django_assert_num_queries: Any) -> None:
    observatory.pass_time()
    with django_assert_num_queries(2):
        queries.facts(cluster)
