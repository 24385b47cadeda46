"""How well a cluster is known, from what its watches say and do not say."""

from __future__ import annotations

import pytest

from meshportal.catalog.mirror import CORE_KINDS, WATCHED_KINDS, Follower, Mirror, Pulse
from meshportal.clients.ports import ClusterUnavailable, WatchEvent, WatchType
from meshportal.mesh.refs import POD, SERVICE, VIRTUAL_SERVICE, ResourceRef
from tests.fakes import FakeCluster
from tests.mesh.objects import pod, service

BOOKMARK = WatchEvent(WatchType.BOOKMARK, {"metadata": {"resourceVersion": "7"}})
NEWS = WatchEvent(WatchType.DELETED, {"metadata": {"name": "gone", "namespace": "shop", "resourceVersion": "8"}})


def listed(at: float = 10.0) -> Mirror:
    """A mirror whose kinds have all been listed, and whose watches are open since."""
    mirror = Mirror()
    for kind in WATCHED_KINDS:
        mirror.listed(kind, [], at)
        mirror.begins(kind, at)
    return mirror


def test_nothing_is_known_before_everything_needed_was_listed() -> None:
    mirror = Mirror()
    for kind in CORE_KINDS[:-1]:
        mirror.listed(kind, [], 10.0)
    assert mirror.standing()[0] is None
    mirror.listed(CORE_KINDS[-1], [], 11.0)
    assert mirror.standing() == (11.0, 0, "")


def test_a_word_on_any_watch_shows_that_the_quiet_ones_are_right_too() -> None:
    mirror = listed()
    mirror.happened(VIRTUAL_SERVICE, NEWS, 70.0)
    assert mirror.standing() == (70.0, 0, "")


def test_a_bookmark_does_not_show_that_the_server_still_reaches_its_etcd() -> None:
    mirror = listed()
    mirror.silent("no answer in time")
    mirror.happened(POD, BOOKMARK, 70.0)
    assert mirror.standing() == (10.0, 1, "no answer in time")


def test_a_watch_that_fails_was_right_until_then() -> None:
    mirror = listed()
    mirror.happened(SERVICE, NEWS, 70.0)
    mirror.failed(POD, "connection reset")
    mirror.happened(SERVICE, NEWS, 75.0)
    assert mirror.standing() == (70.0, 1, "connection reset")
    mirror.failed(POD, "connection reset")
    assert mirror.standing() == (70.0, 2, "connection reset")


def test_a_watch_that_was_opened_again_is_right_when_the_server_answers_after_it() -> None:
    mirror = listed()
    mirror.failed(POD, "connection reset")
    mirror.begins(POD, 80.0)
    mirror.answered(79.5, 81.0)  # that request was sent before, and says nothing about the new watch
    assert mirror.standing()[1] == 1
    mirror.answered(82.0, 82.1)
    assert mirror.standing() == (82.1, 0, "")


def test_one_of_istios_kinds_that_fails_is_named_and_takes_nothing_else_with_it() -> None:
    mirror = listed()
    mirror.failed(VIRTUAL_SERVICE, "no right to watch virtualservices")
    assert mirror.standing() == (10.0, 0, "")
    assert mirror.missing() == "no right to watch virtualservices"


@pytest.mark.parametrize(("heard", "asked"), [(96.0, 1), (98.0, 0)])
def test_only_a_silent_server_is_asked_whether_it_is_there(heard: float, asked: int) -> None:
    cluster, mirror = FakeCluster(), listed()
    pulse = Pulse(lambda: cluster, mirror, lambda: 100.0, silence=3.0)
    mirror.answered(heard, heard, cluster.served())
    cluster.calls.clear()
    pulse.step()
    assert len(cluster.calls) == asked


def test_a_refusal_is_a_sign_of_life_and_silence_is_not() -> None:
    cluster, mirror = FakeCluster(), listed()
    pulse = Pulse(lambda: cluster, mirror, lambda: 100.0, silence=3.0)
    pulse.step()
    cluster.forbids("get", ResourceRef(CORE_KINDS[0], "", "default").kind)
    mirror.answered(50.0, 50.0)
    pulse.step()
    assert mirror.standing() == (100.0, 0, "")
    assert "no right to get namespaces" in mirror.missing()
    cluster.goes_away()
    pulse.clock = lambda: 110.0
    pulse.step()
    assert mirror.standing()[:2] == (100.0, 1)


def test_a_cluster_that_cannot_be_connected_yet_is_tried_again() -> None:
    cluster, mirror = FakeCluster(service("cart")), Mirror()
    answers = [ClusterUnavailable("the kubeconfig is missing"), None]

    def connect() -> FakeCluster:
        if error := answers.pop(0):
            raise error
        return cluster

    follower = Follower(SERVICE, connect, mirror, lambda: 10.0)
    assert 0 < follower.step() <= 5
    assert mirror.standing()[2] == "the kubeconfig is missing"
    follower.step()
    assert len(mirror.inventory()[1].services) == 1


def test_what_will_not_change_by_itself_is_tried_seldom() -> None:
    cluster = FakeCluster()
    cluster.forbids("list", POD)
    follower = Follower(POD, lambda: cluster, Mirror(), lambda: 10.0)
    assert max(follower.step() for _ in range(12)) > 20
    cluster.goes_away()
    assert follower.step() <= 5


def test_events_change_the_copy_and_its_revision_and_bookmarks_do_not() -> None:
    cluster, mirror = FakeCluster(pod("cart-v1-a")), Mirror()
    follower = Follower(POD, lambda: cluster, mirror, lambda: 10.0)
    follower.step()
    before = mirror.revision
    follower.step()
    assert mirror.revision == before
    cluster.put(pod("cart-v1-b"))
    cluster.put(pod("cart-v1-b", ready=False))
    cluster.remove(ResourceRef(POD, "shop", "cart-v1-a"))
    follower.step()
    assert [(p.name, p.ready) for p in mirror.inventory()[1].pods] == [("cart-v1-b", False)]
