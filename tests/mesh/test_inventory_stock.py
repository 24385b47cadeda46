"""What of a cluster's inventory rules and forms get to see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshportal.mesh.facts import PodGroup, Port
from meshportal.mesh.inventory import Inventory, read_namespace, read_pod, read_service
from meshportal.mesh.protocols import protocol_of
from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.mesh.stock import Stock, stock_of
from tests.mesh.objects import namespace, pod, service


def stocked(*manifests: Manifest, unseen: tuple[str, ...] = ()) -> Stock:
    def of(kind: str) -> list[Manifest]:
        return [manifest for manifest in manifests if manifest["kind"] == kind]

    services = [read_service(manifest) for manifest in of("Service")]
    namespaces = {m["metadata"]["name"]: read_namespace(m) for m in of("Namespace")}
    pods = tuple(read_pod(m) for m in of("Pod"))
    return stock_of(Inventory(namespaces, {s.ref: s for s in services}, pods), unseen)


def istiod(where: str = "istio-system", name: str = "istiod-a") -> Manifest:
    manifest = pod(name, where, labels={"app": "istiod"}, proxy=False)
    manifest["spec"]["containers"][0]["name"] = "discovery"
    return manifest


def test_pods_of_one_version_are_one_group_whatever_controllers_called_them() -> None:
    first = pod("cart-v1-a", labels={"app": "cart", "pod-template-hash": "5d4", "statefulset.kubernetes.io/pod-name": "cart-0"})
    second = pod("cart-v1-b", labels={"app": "cart", "pod-template-hash": "77c"}, ready=False)
    assert stocked(first, second).pods == (PodGroup("shop", {"app": "cart"}, 1, 2),)


def test_pods_with_and_without_a_sidecar_are_two_groups() -> None:
    found = stocked(pod("cart-v1-a"), pod("cart-v1-b", proxy=False)).pods
    assert [(group.sidecar, group.ready, group.total) for group in found] == [(False, 1, 1), (True, 1, 1)]


def test_a_pod_that_ends_is_in_no_group() -> None:
    going = pod("cart-v1-a")
    going["metadata"]["deletionTimestamp"] = "2026-11-24T08:00:00Z"
    assert stocked(going).pods == ()


def test_a_service_keeps_what_its_ports_are_taken_for() -> None:
    ports = [{"name": "http-web", "port": 80}, {"name": "db", "port": 5432}, {"port": 53, "protocol": "UDP"}]
    cart = stocked(service("cart", ports=ports)).services[0]
    assert cart.ref == ServiceRef("shop", "cart")
    assert cart.selector == {"app": "cart"}
    assert cart.ports == (Port("http-web", 80, "http"), Port("db", 5432, ""), Port("", 53, "udp"))


def test_headless_and_external_services_say_so() -> None:
    headless = service("db", clusterIP="None")
    external = service("api", type="ExternalName", externalName="api.example.com", ports=None, selector=None)
    api, db = stocked(headless, external).services
    assert (db.headless, db.external_name) == (True, "")
    assert (api.headless, api.external_name, api.ports) == (False, "api.example.com", ())


@pytest.mark.parametrize(
    ("name", "number", "app_protocol", "protocol"),
    [
        ("http", 80, None, "http"),
        ("HTTP2-web", 80, None, "http2"),
        ("grpc-web-x", 80, None, "grpc-web"),
        ("grpc-x", 80, None, "grpc"),
        ("metrics", 80, None, ""),
        ("metrics", 80, "https", "https"),
        ("http", 80, "kubernetes.io/h2c", "http2"),
        ("http", 80, "example.com/mine", ""),
        ("data", 3306, None, "tcp"),
    ],
)
def test_a_protocol_is_what_istio_takes_a_port_for(name: str, number: int, app_protocol: str | None, protocol: str) -> None:
    assert protocol_of(name, number, app_protocol=app_protocol) == protocol


def test_the_root_namespace_is_where_istiod_runs() -> None:
    assert stocked(istiod("mesh-system")).root_namespace == "mesh-system"
    assert stocked(istiod(), istiod("elsewhere", "istiod-b")).root_namespace == ""
    assert stocked().root_namespace == ""


def test_a_stock_survives_being_stored() -> None:
    everything = stocked(
        namespace("shop"), service("cart"), service("db", clusterIP="None"), pod("cart-v1-a"), istiod(), unseen=("Sidecar",)
    )
    stored: dict[str, Any] = json.loads(json.dumps(everything.to_json()))
    assert Stock.from_json(stored) == everything


def test_the_order_of_what_was_heard_does_not_matter() -> None:
    manifests = [service("b"), service("a"), pod("b-v1-a"), pod("a-v1-a"), namespace("shop"), namespace("other")]
    assert stocked(*manifests) == stocked(*reversed(manifests))
