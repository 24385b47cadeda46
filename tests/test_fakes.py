"""The fake cluster does what its verbs say, where no real server could be made to."""

from __future__ import annotations

import pytest

from meshportal.clients.ports import ClusterUnavailable, Gone, JsonPatchOp, Reason, Rejected, WatchType
from meshportal.mesh.refs import NAMESPACE, VIRTUAL_SERVICE, Manifest, ResourceRef, version_of
from tests.fakes import Call, FakeCluster

REVIEWS = ResourceRef(VIRTUAL_SERVICE, "shop", "reviews")


def route(host: str = "reviews") -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"namespace": "shop", "name": "reviews"},
        "spec": {"hosts": [host]},
    }


def live(cluster: FakeCluster) -> Manifest:
    manifest = cluster.live(REVIEWS)
    assert manifest is not None
    return manifest


def test_a_cluster_that_went_away_answers_nothing_until_it_comes_back() -> None:
    cluster = FakeCluster(route())
    expect = version_of(live(cluster))
    cluster.goes_away()
    for ask in (
        cluster.served,
        lambda: cluster.get(REVIEWS),
        lambda: cluster.list(VIRTUAL_SERVICE),
        lambda: list(cluster.watch(VIRTUAL_SERVICE, "1")),
        lambda: cluster.create(route()),
        lambda: cluster.replace(route("b"), expect=expect),
        lambda: cluster.patch(REVIEWS, [JsonPatchOp("remove", "/spec")]),
        lambda: cluster.delete(REVIEWS, expect=expect),
    ):
        with pytest.raises(ClusterUnavailable):
            ask()
    cluster.comes_back()
    assert cluster.get(REVIEWS) == live(cluster)
    assert version_of(live(cluster)) == expect


def test_a_connection_cut_after_the_write_leaves_it_written_once() -> None:
    cluster = FakeCluster()
    cluster.fails_after_write()
    cluster.create(route(), dry_run=True)  # nothing was written yet
    with pytest.raises(ClusterUnavailable):
        cluster.create(route())
    assert live(cluster)["spec"] == route()["spec"]
    cluster.fails_after_write()
    with pytest.raises(ClusterUnavailable):
        cluster.delete(REVIEWS, expect=version_of(live(cluster)))
    assert cluster.live(REVIEWS) is None
    assert cluster.writes == [Call("create", str(REVIEWS)), Call("delete", str(REVIEWS))]
    assert cluster.calls[0] == Call("create", str(REVIEWS), dry_run=True)


def test_a_refusal_holds_until_it_is_taken_back() -> None:
    cluster = FakeCluster(route())
    cluster.refuses(REVIEWS, [Reason("spec.hosts", "not this one")])
    with pytest.raises(Rejected, match=r"spec\.hosts: not this one"):
        cluster.replace(route("b"), expect=version_of(live(cluster)), dry_run=True)
    cluster.accepts(REVIEWS)
    cluster.replace(route("b"), expect=version_of(live(cluster)))
    assert live(cluster)["spec"]["hosts"] == ["b"]


def test_what_others_do_is_seen_in_versions_owners_and_the_watch() -> None:
    cluster = FakeCluster(namespaces=())
    since = cluster.list(VIRTUAL_SERVICE).resource_version
    made = cluster.put(route())
    changed = cluster.put(route("b"), manager="argocd-controller")
    assert changed["metadata"]["uid"] == made["metadata"]["uid"]
    assert version_of(changed) != version_of(made)
    assert [owner["manager"] for owner in changed["metadata"]["managedFields"]] == ["kubectl-edit", "argocd-controller"]
    assert cluster.get(ResourceRef(NAMESPACE, "", "shop")) is not None
    cluster.remove(REVIEWS)
    types = [event.type for event in cluster.watch(VIRTUAL_SERVICE, since)]
    assert types == [WatchType.ADDED, WatchType.MODIFIED, WatchType.DELETED, WatchType.BOOKMARK]
    assert cluster.writes == []


def test_a_watch_from_before_compaction_is_gone_and_a_new_list_helps() -> None:
    cluster = FakeCluster(route())
    since = cluster.list(VIRTUAL_SERVICE).resource_version
    cluster.put(route("b"))
    cluster.forgets_history()
    with pytest.raises(Gone):
        list(cluster.watch(VIRTUAL_SERVICE, since))
    fresh = cluster.list(VIRTUAL_SERVICE).resource_version
    assert [event.type for event in cluster.watch(VIRTUAL_SERVICE, fresh)] == [WatchType.BOOKMARK]


def test_what_a_caller_gets_is_its_own_copy() -> None:
    cluster = FakeCluster(route())
    for mine in (live(cluster), cluster.get(REVIEWS), cluster.list(VIRTUAL_SERVICE).items[0]):
        assert mine is not None
        mine["spec"]["hosts"].append("changed")
    assert live(cluster)["spec"]["hosts"] == ["reviews"]
