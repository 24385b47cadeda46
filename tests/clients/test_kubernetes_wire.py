"""What goes over the wire to an API server: paths, content types, parameters, credentials, and no second attempt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshportal.clients.kubernetes import PAGE_SIZE, KubernetesCluster
from meshportal.clients.ports import (
    ClusterUnavailable,
    Conflict,
    Gone,
    JsonPatchOp,
    Rejected,
    Served,
    WatchEvent,
    WatchType,
)
from meshportal.mesh.refs import CONFIG_MAP, NAMESPACE, POD, VIRTUAL_SERVICE, Manifest, ResourceRef, Version
from tests.clients.conftest import TOKEN
from tests.recorder import Recorder

REVIEWS = ResourceRef(VIRTUAL_SERVICE, "shop", "reviews")
EXPECTED = Version("uid-1", "17")
COLLECTION = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices"


def route(**metadata: Any) -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"namespace": "shop", "name": "reviews", **metadata},
        "spec": {"hosts": ["reviews"]},
    }


def event(kind: str, resource_version: str, **spec: Any) -> bytes:
    manifest = {**route(resourceVersion=resource_version), "spec": spec}
    return json.dumps({"type": kind, "object": manifest}).encode() + b"\n"


def watched(cluster: KubernetesCluster) -> list[WatchEvent]:
    return list(cluster.watch(VIRTUAL_SERVICE, "17", timeout_seconds=1))


# ---------------------------------------------------------------- writes


@pytest.mark.parametrize("dry_run", [False, True])
def test_create_posts_strictly_and_in_our_name(server: Recorder, cluster: KubernetesCluster, dry_run: bool) -> None:
    server.answers(201, route(uid="uid-1", resourceVersion="17"))
    written = cluster.create(route(), dry_run=dry_run)
    assert (server.last.method, server.last.path) == ("POST", COLLECTION)
    assert server.last.query == {"fieldManager": "meshportal", "fieldValidation": "Strict"} | (
        {"dryRun": "All"} if dry_run else {}
    )
    assert server.last.headers["content-type"] == "application/json"
    assert server.last.headers["authorization"] == f"Bearer {TOKEN}"
    assert server.last.json == route()
    assert written.manifest["metadata"]["resourceVersion"] == "17"


def test_core_kinds_have_their_own_root_and_are_checked_as_strictly(server: Recorder, cluster: KubernetesCluster) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "istio-system", "name": "istio"}, "data": {}}
    server.answers(201, manifest)
    cluster.create(manifest)
    assert server.last.path == "/api/v1/namespaces/istio-system/configmaps"
    assert server.last.query["fieldValidation"] == "Strict"
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    assert server.last.path == "/api/v1/namespaces"


@pytest.mark.parametrize("dry_run", [False, True])
def test_replace_puts_with_uid_and_version(server: Recorder, cluster: KubernetesCluster, dry_run: bool) -> None:
    server.answers(200, route(uid="uid-1", resourceVersion="18"))
    mine = route(resourceVersion="3", labels={"team": "a"})
    cluster.replace(mine, expect=EXPECTED, dry_run=dry_run)
    assert (server.last.method, server.last.path) == ("PUT", f"{COLLECTION}/reviews")
    assert server.last.query == {"fieldManager": "meshportal", "fieldValidation": "Strict"} | (
        {"dryRun": "All"} if dry_run else {}
    )
    assert server.last.json["metadata"] == mine["metadata"] | {"uid": "uid-1", "resourceVersion": "17"}
    assert mine["metadata"]["resourceVersion"] == "3"


@pytest.mark.parametrize("dry_run", [False, True])
def test_patch_sends_json_patch(server: Recorder, cluster: KubernetesCluster, dry_run: bool) -> None:
    server.answers(200, route(uid="uid-1", resourceVersion="18"))
    ops = [
        JsonPatchOp("test", "/spec/http/0/route/0/weight", 90),
        JsonPatchOp("replace", "/spec/http/0/route/0/weight", 0),
        JsonPatchOp("remove", "/metadata/annotations/note"),
    ]
    cluster.patch(REVIEWS, ops, dry_run=dry_run)
    assert (server.last.method, server.last.path) == ("PATCH", f"{COLLECTION}/reviews")
    assert server.last.headers["content-type"] == "application/json-patch+json"
    assert server.last.query == {"fieldManager": "meshportal"} | ({"dryRun": "All"} if dry_run else {})
    assert server.last.json == [
        {"op": "test", "path": "/spec/http/0/route/0/weight", "value": 90},
        {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 0},
        {"op": "remove", "path": "/metadata/annotations/note"},
    ]


def test_delete_names_the_object_it_means(server: Recorder, cluster: KubernetesCluster) -> None:
    cluster.delete(REVIEWS, expect=EXPECTED)
    assert (server.last.method, server.last.path) == ("DELETE", f"{COLLECTION}/reviews")
    assert server.last.json["preconditions"] == {"uid": "uid-1", "resourceVersion": "17"}


@pytest.mark.parametrize(
    ("namespace", "name"), [("shop", ""), ("", "reviews"), ("shop", ".."), ("..", "reviews"), ("shop", "a/b")]
)
def test_a_name_that_would_lead_elsewhere_is_never_sent(
    server: Recorder, cluster: KubernetesCluster, namespace: str, name: str
) -> None:
    ref = ResourceRef(VIRTUAL_SERVICE, namespace, name)
    with pytest.raises(Rejected):
        cluster.delete(ref, expect=EXPECTED)
    with pytest.raises(Rejected):
        cluster.create(route(namespace=namespace, name=name))
    assert server.requests == []


@pytest.mark.parametrize("trouble", ["hangs", "drops"])
def test_a_write_without_an_answer_is_sent_once(server: Recorder, cluster: KubernetesCluster, trouble: str) -> None:
    getattr(server, trouble)()
    for write in (
        lambda: cluster.create(route()),
        lambda: cluster.replace(route(), expect=EXPECTED),
        lambda: cluster.patch(REVIEWS, [JsonPatchOp("test", "/spec", {})]),
        lambda: cluster.delete(REVIEWS, expect=EXPECTED),
    ):
        server.requests.clear()
        with pytest.raises(ClusterUnavailable):
            write()
        assert len(server.requests) == 1


def test_a_server_that_asks_to_retry_is_not_asked_again_by_itself(server: Recorder, cluster: KubernetesCluster) -> None:
    server.answers(503, {"kind": "Status", "reason": "ServiceUnavailable"}, [("Retry-After", "0")])
    with pytest.raises(ClusterUnavailable, match="503"):
        cluster.create(route())
    assert len(server.requests) == 1


def test_a_redirect_is_not_followed(server: Recorder, cluster: KubernetesCluster) -> None:
    server.answers(307, {}, [("Location", f"{server.url}/elsewhere")])
    with pytest.raises(ClusterUnavailable):
        cluster.create(route())
    assert len(server.requests) == 1


def test_every_warning_is_handed_on_unescaped(server: Recorder, cluster: KubernetesCluster) -> None:
    headers = [
        ("Warning", r'299 - "unknown field \"spec.bogus\""'),
        ("Warning", '299 - "multiple tracing is not currently supported", 299 - "a, b"'),
        ("Warning", '110 - "Response is Stale"'),
    ]
    server.answers(200, route(), headers)
    expected = ('unknown field "spec.bogus"', "multiple tracing is not currently supported", "a, b")
    assert cluster.create(route(), dry_run=True).warnings == expected
    assert cluster.replace(route(), expect=EXPECTED).warnings == expected
    assert cluster.patch(REVIEWS, []).warnings == expected


# ---------------------------------------------------------------- reads


def test_get_reads_an_object_and_its_absence(server: Recorder, cluster: KubernetesCluster) -> None:
    server.answers(200, route())
    assert cluster.get(REVIEWS) == route()
    assert (server.last.method, server.last.path, server.last.body) == ("GET", f"{COLLECTION}/reviews", b"")
    server.answers(404, {"kind": "Status", "reason": "NotFound"})
    assert cluster.get(REVIEWS) is None


def test_list_reads_page_after_page_and_names_every_kind(server: Recorder, cluster: KubernetesCluster) -> None:
    def page(names: list[str], **metadata: str) -> Manifest:
        return {"kind": "PodList", "metadata": metadata, "items": [{"metadata": {"name": name}} for name in names]}

    server.answers(200, page(["a", "b"], resourceVersion="41", **{"continue": "next/1="}))
    server.answers(200, page(["c"], resourceVersion="41"))
    listing = cluster.list(POD)
    assert [request.query for request in server.requests] == [
        {"limit": str(PAGE_SIZE)},
        {"limit": str(PAGE_SIZE), "continue": "next/1="},
    ]
    assert server.last.path == "/api/v1/pods"
    assert [item["metadata"]["name"] for item in listing.items] == ["a", "b", "c"]
    assert {(item["apiVersion"], item["kind"]) for item in listing.items} == {("v1", "Pod")}
    assert listing.resource_version == "41"
    cluster.list(CONFIG_MAP, "istio-system")
    assert server.last.path == "/api/v1/namespaces/istio-system/configmaps"


def test_pages_that_expired_under_way_are_gone(server: Recorder, cluster: KubernetesCluster) -> None:
    server.answers(200, {"metadata": {"resourceVersion": "41", "continue": "x"}, "items": []})
    server.answers(410, {"kind": "Status", "reason": "Expired", "code": 410})
    with pytest.raises(Gone):
        cluster.list(NAMESPACE)


def test_served_tells_the_version_and_every_group(server: Recorder, cluster: KubernetesCluster) -> None:
    server.answers(200, {"gitVersion": "v1.36.3"})
    server.answers(200, {"versions": ["v1"]})
    server.answers(200, {"groups": [{"name": "security.istio.io", "versions": [{"version": "v1"}, {"version": "v1beta1"}]}]})
    assert cluster.served() == Served("v1.36.3", {"": ("v1",), "security.istio.io": ("v1", "v1beta1")})
    assert [request.path for request in server.requests] == ["/version", "/api", "/apis"]


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[]", b"", b'{"metadata": []}'])
def test_a_page_that_is_no_api_answer_is_unavailability(server: Recorder, cluster: KubernetesCluster, body: bytes) -> None:
    server.answers(200, body)
    with pytest.raises(ClusterUnavailable, match="not one of an API server"):
        cluster.list(POD)
    with pytest.raises(ClusterUnavailable, match="not one of an API server"):
        cluster.served()


# ---------------------------------------------------------------- watch


def test_a_watch_goes_on_from_a_list_and_asks_for_bookmarks(server: Recorder, cluster: KubernetesCluster) -> None:
    server.streams(event("ADDED", "18", hosts=["a"]), event("MODIFIED", "19"), event("DELETED", "20"), event("BOOKMARK", "30"))
    events = watched(cluster)
    assert server.last.path == "/apis/networking.istio.io/v1/virtualservices"
    assert server.last.query == {
        "watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "17", "timeoutSeconds": "1",
    }  # fmt: skip
    assert [(e.type, e.manifest["metadata"]["resourceVersion"]) for e in events] == [
        (WatchType.ADDED, "18"), (WatchType.MODIFIED, "19"), (WatchType.DELETED, "20"), (WatchType.BOOKMARK, "30"),
    ]  # fmt: skip


def test_a_watch_puts_events_together_however_they_arrive(server: Recorder, cluster: KubernetesCluster) -> None:
    big = event("ADDED", "18", hosts=["x" * 200_000])
    stream = big + event("MODIFIED", "19") + b"\n" + event("DELETED", "20")
    server.streams(*(stream[i : i + 7001] for i in range(0, len(stream), 7001)))
    assert [e.manifest["metadata"]["resourceVersion"] for e in watched(cluster)] == ["18", "19", "20"]


def test_a_watch_that_is_cut_keeps_its_whole_events(server: Recorder, cluster: KubernetesCluster) -> None:
    server.streams(event("ADDED", "18"), event("ADDED", "19")[:40], cut=True)
    assert [e.manifest["metadata"]["resourceVersion"] for e in watched(cluster)] == ["18"]


def test_a_watch_too_old_is_gone_however_the_server_says_it(server: Recorder, cluster: KubernetesCluster) -> None:
    status = {"kind": "Status", "message": "too old resource version: 1 (333)", "reason": "Expired", "code": 410}
    server.streams(event("ADDED", "18"), json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
    with pytest.raises(Gone):
        watched(cluster)
    server.answers(410, status)
    with pytest.raises(Gone):
        watched(cluster)


def test_a_watch_whose_server_fails_is_unavailability(server: Recorder, cluster: KubernetesCluster) -> None:
    status = {"kind": "Status", "message": "etcd event received with PrevKv=nil", "reason": "InternalError", "code": 500}
    server.streams(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
    with pytest.raises(ClusterUnavailable):
        watched(cluster)


# ---------------------------------------------------------------- limits


def test_every_request_has_limits_to_connect_and_to_read(server: Recorder, cluster: KubernetesCluster) -> None:
    server.hangs()
    for ask in (lambda: cluster.get(REVIEWS), lambda: cluster.list(POD), cluster.served):
        with pytest.raises(ClusterUnavailable, match="in time"):
            ask()


def test_a_conflict_is_not_unavailability(server: Recorder, cluster: KubernetesCluster) -> None:
    server.answers(409, {"kind": "Status", "reason": "AlreadyExists"})
    with pytest.raises(Conflict, match="exists already"):
        cluster.create(route())


def test_requests_say_who_asks(server: Recorder, cluster: KubernetesCluster) -> None:
    cluster.get(REVIEWS)
    assert server.last.headers["user-agent"] == "meshportal"
