"""The judge itself: it finds what is wrong with an object, and is content where the page has said so."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.mesh.plans import TOKEN_ANNOTATION
from tests.cast import destination_rule, virtual_service
from tests.e2e.judge import missed, read_to_istioctl, written

REVIEWS = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"namespace": "bookinfo", "name": "reviews"},
    "spec": {"ports": [{"port": 9080, "name": "http"}], "selector": {"app": "reviews"}},
}


def pod(version: str) -> dict[str, Any]:
    labels = {"app": "reviews", "version": version}
    metadata = {"namespace": "bookinfo", "name": f"reviews-{version}", "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "app", "image": "a"}]}}


def by_the_portal(manifest: dict[str, Any]) -> dict[str, Any]:
    manifest["metadata"]["annotations"] = {TOKEN_ANNOTATION: "x"}
    return manifest


@pytest.mark.real
def test_a_route_to_a_subset_that_is_not_there_is_found_unless_the_page_said_it() -> None:
    objects = [REVIEWS, pod("v1"), by_the_portal(virtual_service(v1=90, v2=10)), destination_rule("v1")]
    found = read_to_istioctl(objects)
    [sentence] = missed(found, written(objects), ["MP0103"])
    assert sentence.startswith("IST0101 VirtualService bookinfo/reviews: ")
    assert "reviews+v2" in sentence
    assert missed(found, written(objects), ["KIA1107"]) == []


@pytest.mark.real
def test_a_second_route_for_the_same_host_is_found() -> None:
    other = virtual_service(v1=100)
    other["metadata"]["name"] = "other"
    objects = [REVIEWS, pod("v1"), by_the_portal(virtual_service(v1=100)), other, destination_rule("v1")]
    found = read_to_istioctl(objects)
    [sentence] = missed(found, written(objects), [])
    assert sentence.startswith("IST0109 VirtualService bookinfo/reviews: ")
    assert missed(found, written(objects), ["KIA1106"]) == []


@pytest.mark.real
def test_what_is_right_and_what_others_wrote_is_not_the_portals_fault() -> None:
    stranger = virtual_service(v9=100)
    stranger["metadata"]["name"] = stranger["spec"]["hosts"][0] = "ratings"
    objects = [
        REVIEWS,
        pod("v1"),
        pod("v2"),
        by_the_portal(virtual_service(v1=90, v2=10)),
        destination_rule("v1", "v2"),
        stranger,
    ]
    found = read_to_istioctl(objects)
    assert {message["origin"] for message in found} >= {"VirtualService bookinfo/ratings"}
    assert missed(found, written(objects), []) == []
