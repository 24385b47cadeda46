"""An API server whose Istio is older than v1 of its kinds, and one without Istio."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clients.ports import Conflict, JsonPatchOp, Rejected
from meshportal.mesh.refs import POD, VIRTUAL_SERVICE, Manifest, ResourceRef, Version
from tests.recorder import Recorder

REVIEWS = ResourceRef(VIRTUAL_SERVICE, "shop", "reviews")
EXPECTED = Version("uid-1", "17")
NO_SUCH_PATH = b"404 page not found\n"
ABSENT = {"kind": "Status", "reason": "NotFound", "message": 'virtualservices.networking.istio.io "reviews" not found'}
GROUP = {
    "kind": "APIGroup",
    "apiVersion": "v1",
    "name": "networking.istio.io",
    "versions": [
        {"groupVersion": "networking.istio.io/v1", "version": "v1"},
        {"groupVersion": "networking.istio.io/v1beta1", "version": "v1beta1"},
        {"groupVersion": "networking.istio.io/v1alpha3", "version": "v1alpha3"},
    ],
    "preferredVersion": {"groupVersion": "networking.istio.io/v1", "version": "v1"},
}
"""The group has v1 of something else: that says nothing of VirtualService."""
ELSEWHERE = "/apis/networking.istio.io/v1beta1/namespaces/shop/virtualservices"


def resources(version: str, *plurals: str) -> dict[str, Any]:
    rows = [{"name": plural, "namespaced": True, "verbs": ["get"]} for plural in plurals]
    return {"kind": "APIResourceList", "groupVersion": f"networking.istio.io/{version}", "resources": rows}


def route(version: str = "v1", **metadata: Any) -> Manifest:
    return {
        "apiVersion": f"networking.istio.io/{version}",
        "kind": "VirtualService",
        "metadata": {"namespace": "shop", "name": "reviews", **metadata},
        "spec": {"hosts": ["reviews"]},
    }


def has_v1beta1(server: Recorder) -> None:
    """It refuses v1, and says what it has when it is asked."""
    server.answers(404, NO_SUCH_PATH)
    server.answers(200, GROUP)
    server.answers(200, resources("v1", "gateways", "virtualservices/status"))
    server.answers(200, resources("v1beta1", "virtualservices", "virtualservices/status"))


def paths(server: Recorder) -> list[str]:
    return [request.path for request in server.requests]


def test_an_object_is_read_at_the_version_that_is_served_and_kept_as_it_is(server: Recorder, cluster: KubernetesCluster) -> None:
    has_v1beta1(server)
    server.answers(200, route("v1beta1", uid="uid-1"))
    assert cluster.get(REVIEWS) == route("v1beta1", uid="uid-1")
    assert paths(server) == [
        "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/reviews",
        "/apis/networking.istio.io",
        "/apis/networking.istio.io/v1",
        "/apis/networking.istio.io/v1beta1",
        f"{ELSEWHERE}/reviews",
    ]


def test_what_was_found_out_is_not_asked_again(server: Recorder, cluster: KubernetesCluster) -> None:
    has_v1beta1(server)
    server.answers(200, {"metadata": {"resourceVersion": "9"}, "items": []})
    cluster.list(VIRTUAL_SERVICE)
    before = len(server.requests)
    server.answers(404, ABSENT)
    assert cluster.get(REVIEWS) is None
    assert paths(server)[before:] == [f"{ELSEWHERE}/reviews"]


@pytest.mark.parametrize("read_at", ["v1", "v1beta1", "v1alpha3"])
def test_an_object_is_written_at_the_version_that_is_served_whatever_it_was_read_at(
    server: Recorder, cluster: KubernetesCluster, read_at: str
) -> None:
    has_v1beta1(server)
    server.answers(201, route("v1beta1", uid="uid-1", resourceVersion="17"))
    assert cluster.create(route(read_at)).manifest["apiVersion"] == "networking.istio.io/v1beta1"
    assert (server.last.method, server.last.path, server.last.json) == ("POST", ELSEWHERE, route("v1beta1"))
    cluster.replace(route(read_at), expect=EXPECTED)
    sent = route("v1beta1", uid="uid-1", resourceVersion="17")
    assert (server.last.method, server.last.path, server.last.json) == ("PUT", f"{ELSEWHERE}/reviews", sent)
    cluster.patch(REVIEWS, [JsonPatchOp("remove", "/spec/http")])
    assert (server.last.method, server.last.path) == ("PATCH", f"{ELSEWHERE}/reviews")
    server.answers(200, {"kind": "Status", "status": "Success"})
    cluster.delete(REVIEWS, expect=EXPECTED)
    assert (server.last.method, server.last.path) == ("DELETE", f"{ELSEWHERE}/reviews")


def test_a_delete_is_not_taken_for_done_because_the_path_is_not_there(server: Recorder, cluster: KubernetesCluster) -> None:
    has_v1beta1(server)
    server.answers(409, {"kind": "Status", "reason": "Conflict"})
    with pytest.raises(Conflict):
        cluster.delete(REVIEWS, expect=EXPECTED)


def test_a_watch_goes_to_the_version_that_is_served(server: Recorder, cluster: KubernetesCluster) -> None:
    has_v1beta1(server)
    server.streams()
    assert list(cluster.watch(VIRTUAL_SERVICE, "17", timeout_seconds=1)) == []
    assert server.last.path == "/apis/networking.istio.io/v1beta1/virtualservices"


def test_a_mesh_of_today_is_asked_nothing_more(server: Recorder, cluster: KubernetesCluster) -> None:
    server.answers(404, ABSENT)
    assert cluster.get(REVIEWS) is None
    server.answers(200, route())
    cluster.get(REVIEWS)
    assert len(server.requests) == 2


def test_an_istio_that_was_upgraded_past_a_version_is_followed(server: Recorder, cluster: KubernetesCluster) -> None:
    has_v1beta1(server)
    server.answers(200, route("v1beta1"))
    cluster.get(REVIEWS)
    server.answers(404, NO_SUCH_PATH)
    server.answers(200, GROUP)
    server.answers(200, resources("v1", "virtualservices"))
    server.answers(200, route())
    assert cluster.get(REVIEWS) == route()


def test_a_cluster_without_istio_has_no_objects_and_takes_none(server: Recorder, cluster: KubernetesCluster) -> None:
    server.answers(404, NO_SUCH_PATH)
    assert cluster.get(REVIEWS) is None
    cluster.delete(REVIEWS, expect=EXPECTED)
    for act in (
        lambda: cluster.list(VIRTUAL_SERVICE),
        lambda: list(cluster.watch(VIRTUAL_SERVICE, "1", timeout_seconds=1)),
        lambda: cluster.create(route()),
        lambda: cluster.replace(route(), expect=EXPECTED),
    ):
        with pytest.raises(Rejected, match="its CRD is not installed"):
            act()


def test_of_kubernetes_own_kinds_no_other_version_is_looked_for(server: Recorder, cluster: KubernetesCluster) -> None:
    server.answers(404, NO_SUCH_PATH)
    with pytest.raises(Rejected):
        cluster.list(POD)
    assert paths(server) == ["/api/v1/pods"]
