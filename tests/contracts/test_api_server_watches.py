"""Watches: every change once and in order, bookmarks, and 410."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contracts.kube import MERGE_PATCH, Kube, stored

pytestmark = pytest.mark.contract


def seen(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


def change(kube: Kube) -> None:
    """Make, label, unlabel and delete `w`."""
    path = kube.path("virtualservices", "w")
    stored(kube, 100, name="w")
    for value in ("yes", None):
        kube.ask("PATCH", path, {"metadata": {"labels": {"watched": value}}}, content_type=MERGE_PATCH)
    kube.ask("DELETE", path)


def test_a_watch_tells_every_change_after_its_version(kube: Kube) -> None:
    path = kube.path("virtualservices")
    start = kube.get(path).version
    change(kube)
    events = kube.watch(path, start)
    assert seen(events) == [("ADDED", "w"), ("MODIFIED", "w"), ("MODIFIED", "w"), ("DELETED", "w")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))
    assert versions[0] > int(start)
    assert kube.watch(path, str(versions[1])) == events[2:]


def test_a_watch_with_a_selector_sees_objects_enter_and_leave(kube: Kube) -> None:
    path = kube.path("virtualservices")
    start = kube.get(path).version
    change(kube)
    assert seen(kube.watch(path, start, labelSelector="watched=yes")) == [("ADDED", "w"), ("DELETED", "w")]
    assert seen(kube.watch(path, start, fieldSelector="metadata.name=other")) == []


def test_a_watch_without_a_version_begins_with_what_is_there(three: Kube) -> None:
    events = three.watch(three.path("virtualservices"), "")
    assert seen(events) == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]


def test_a_watch_tells_changes_as_they_happen(kube: Kube) -> None:
    path = kube.path("virtualservices")
    with kube.open("GET", path, watch="true", resourceVersion=kube.get(path).version, timeoutSeconds=20) as response:
        stored(kube)
        event = json.loads(response.readline())
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "reviews")


def test_a_watch_gets_a_bookmark_before_its_time_is_over(kube: Kube) -> None:
    path = kube.path("virtualservices")
    start = kube.get(path).version
    change(kube)
    with kube.open("GET", path, watch="1", resourceVersion=start, timeoutSeconds=4, allowWatchBookmarks="true") as response:
        events = [json.loads(line) for line in response]
    bookmark = next(event for event in events if event["type"] == "BOOKMARK")
    assert bookmark["object"]["kind"] == "VirtualService"
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) >= int(start) + 4
    assert bookmark["object"]["metadata"].keys() == {"resourceVersion"}


def test_a_list_by_watch_ends_with_a_bookmark(three: Kube) -> None:
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    events = three.watch(three.path("virtualservices"), "", **query)
    assert [event["type"] for event in events[:4]] == ["ADDED", "ADDED", "ADDED", "BOOKMARK"]
    assert events[3]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert {event["type"] for event in events[4:]} <= {"BOOKMARK"}


def test_a_watch_from_a_forgotten_version_is_told_to_list_again(forgotten: Kube) -> None:
    (event,) = forgotten.watch(forgotten.path("virtualservices"), "1")
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert event["object"]["message"].startswith("too old resource version: 1 (")
