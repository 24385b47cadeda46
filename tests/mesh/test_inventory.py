from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.inventory import (
    Inventory,
    Pod,
    Service,
    istio_release,
    pods_by_service,
    read_namespace,
    read_pod,
    read_service,
    release_of,
)
from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.mesh.survey import Survey, survey
from tests.mesh.objects import destination, namespace, pod, service, virtual_service


def surveyed(*manifests: Manifest) -> Survey:
    def of(kind: str) -> list[Manifest]:
        return [manifest for manifest in manifests if manifest["kind"] == kind]

    services = [read_service(manifest) for manifest in of("Service")]
    return survey(
        Inventory(
            namespaces={m["metadata"]["name"]: read_namespace(m) for m in of("Namespace")},
            services={s.ref: s for s in services},
            pods=tuple(read_pod(m) for m in of("Pod")),
            virtual_services=tuple(of("VirtualService")),
            destination_rules=tuple(of("DestinationRule")),
        )
    )


def test_a_service_counts_the_pods_it_selects_by_version() -> None:
    unready = pod("cart-v2-x", ready=False)
    facts = surveyed(service("cart"), pod("cart-v1-x"), pod("cart-v1-y"), unready, pod("web-v1-x"), pod("cart-v1-z", "other"))
    cart = facts.services[ServiceRef("shop", "cart")]
    assert (cart.pods_ready, cart.pods_total) == (2, 3)
    assert cart.versions == {"v1": (2, 2), "v2": (0, 1)}


def test_pods_that_end_or_have_ended_are_not_pods_of_a_service() -> None:
    done, going = pod("cart-v1-a"), pod("cart-v1-b")
    done["status"]["phase"] = "Succeeded"
    going["metadata"]["deletionTimestamp"] = "2026-11-24T08:00:00Z"
    cart = surveyed(service("cart"), done, going).services[ServiceRef("shop", "cart")]
    assert (cart.pods_ready, cart.pods_total) == (0, 0)


def test_a_service_without_a_selector_selects_nothing() -> None:
    cart = surveyed(service("cart", selector={}), pod("cart-v1-x")).services[ServiceRef("shop", "cart")]
    assert cart.pods_total == 0


def test_pods_without_a_version_label_are_of_istios_unknown_version_beside_those_that_have_one() -> None:
    old = pod("cart-v1-x", labels={"app": "cart"})
    assert surveyed(service("cart"), old).services[ServiceRef("shop", "cart")].versions == {}
    both = surveyed(service("cart"), old, pod("cart-v2-x")).services[ServiceRef("shop", "cart")]
    assert both.versions == {"unknown": (1, 1), "v2": (1, 1)}


@pytest.mark.parametrize("place", ["containers", "initContainers"])
def test_a_sidecar_is_found_as_container_and_as_native_sidecar(place: str) -> None:
    manifest = pod("cart-v1-x", proxy=False)
    manifest["spec"].setdefault(place, []).append({"name": "istio-proxy", "image": "proxyv2:1.31.0"})
    key = "containerStatuses" if place == "containers" else "initContainerStatuses"
    manifest["status"].setdefault(key, []).append({"name": "istio-proxy", "ready": True})
    found = read_pod(manifest)
    assert found.proxy and found.proxy_ready


def test_a_service_names_its_owner_itself_or_has_that_of_its_namespace() -> None:
    own = service("cart", annotations={"meshportal.io/owner": "team-cart"})
    facts = surveyed(namespace("shop", owner="team-shop"), own, service("web"))
    assert facts.services[ServiceRef("shop", "cart")].owner == "team-cart"
    assert facts.services[ServiceRef("shop", "web")].owner == "team-shop"


def test_only_what_has_a_sidecar_a_route_or_an_injected_namespace_is_in_the_mesh() -> None:
    facts = surveyed(
        namespace("shop"), namespace("injected", injected=True),
        service("proxied"), pod("proxied-v1-x"),
        service("plain"), pod("plain-v1-x", proxy=False),
        service("routed"), virtual_service("routed", [destination("routed")]),
        service("early", "injected"),
    )  # fmt: skip
    assert {ref.name for ref, known in facts.services.items() if known.in_mesh} == {"proxied", "routed", "early"}


def test_what_kubernetes_runs_for_itself_is_not_watched() -> None:
    facts = surveyed(
        service("kube-dns", "kube-system"), service("kubernetes", "default", selector={}), service("far", type="ExternalName")
    )
    assert facts.services == {}


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("docker.io/istio/proxyv2:1.31.0", "1.31.0"),
        ("registry:5000/istio/proxyv2:1.20.3-distroless", "1.20.3"),
        ("istio/proxyv2:1.31-alpha.0@sha256:aa", "1.31-alpha.0"),
        ("istio/proxyv2:latest", ""),
        ("registry:5000/istio/proxyv2", ""),
        ("istio/proxyv2@sha256:aa", ""),
        ("", ""),
    ],
)
def test_a_release_is_read_from_the_image_and_never_guessed(image: str, release: str) -> None:
    assert release_of(image) == release


def test_istiod_says_which_release_runs_and_its_proxies_only_where_it_does_not() -> None:
    istiod: Any = pod("istiod-v1-x", "istio-system", proxy=False)
    istiod["spec"]["containers"] = [{"name": "discovery", "image": "istio/pilot:1.31.0"}]
    proxies = [pod("cart-v1-x", image="proxyv2:1.30.1"), pod("cart-v1-y", image="proxyv2:1.30.2")]
    assert istio_release(read_pod(m) for m in [istiod, *proxies]) == "1.31.0"
    assert istio_release(read_pod(m) for m in proxies) == "1.30.1, 1.30.2"
    assert istio_release([]) == ""


LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), max_size=3)


@given(st.lists(LABELS, max_size=6), LABELS)
def test_a_service_selects_exactly_the_pods_with_all_its_labels(labels: list[dict[str, str]], wanted: dict[str, str]) -> None:
    pods = [Pod("shop", str(i), own, True, True, False, False) for i, own in enumerate(labels)]
    cart = Service(ServiceRef("shop", "cart"), wanted, (), "", {}, external=False)
    expected = [pod for pod in pods if wanted and all(pod.labels.get(key) == value for key, value in wanted.items())]
    assert pods_by_service([cart], pods)[cart.ref] == expected
