"""What applies to a service, from where, and who set it."""

from __future__ import annotations

from typing import Any

from meshportal.mesh.authors import author_of
from meshportal.mesh.effective import Setting, effective, rules_for, subsets_of
from meshportal.mesh.facts import Facts, PodGroup, ServiceFacts
from meshportal.mesh.plans import CHANGE_ANNOTATION
from meshportal.mesh.refs import Manifest, ServiceRef
from tests.cast import destination_rule, virtual_service

REVIEWS = ServiceRef("bookinfo", "reviews")


def managed(manifest: Manifest, manager: str, time: str, fields: Any) -> Manifest:
    metadata = manifest["metadata"]
    metadata.setdefault("managedFields", []).append({"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields})
    return manifest


def rule(namespace: str, host: str = "reviews", **policy: Any) -> Manifest:
    manifest = destination_rule("v1", "v2")
    manifest["metadata"]["namespace"] = namespace
    manifest["spec"] |= {"host": host, "trafficPolicy": policy} if policy else {"host": host}
    return manifest


def found(settings: list[Setting], topic: str, **where: Any) -> Setting:
    [one] = [s for s in settings if s.topic == topic and all(getattr(s, key) == value for key, value in where.items())]
    return one


def test_without_any_object_istios_defaults_hold() -> None:
    settings = effective(Facts(), REVIEWS)
    assert found(settings, "retries").value["attempts"] == 2
    assert found(settings, "loadBalancer").value == {"simple": "LEAST_REQUEST"}
    assert found(settings, "timeout").value is None
    assert {setting.ref for setting in settings} == {None}


def test_a_route_says_what_it_sets_and_what_it_leaves_to_istio() -> None:
    manifest = virtual_service(v1=90, v2=10)
    del manifest["spec"]["http"][0]["retries"]
    settings = effective(Facts(objects=(manifest,)), REVIEWS)
    timeout = found(settings, "timeout", route=0)
    assert (timeout.value, timeout.path, str(timeout.ref)) == (
        "3s", "spec.http[0].timeout", "VirtualService bookinfo/reviews",
    )  # fmt: skip
    assert found(settings, "retries", route=0).ref is None


def test_callers_of_a_namespace_with_its_own_rule_do_not_see_the_services_rule() -> None:
    host = "reviews.bookinfo.svc.cluster.local"
    ours = rule("bookinfo", loadBalancer={"simple": "RANDOM"})
    theirs = rule("shop", host, outlierDetection={"consecutive5xxErrors": 3})
    facts = Facts(objects=(ours, theirs))
    settings = effective(facts, REVIEWS)
    assert found(settings, "loadBalancer", clients="").value == {"simple": "RANDOM"}
    assert found(settings, "loadBalancer", clients="shop").value == {"simple": "LEAST_REQUEST"}, "hidden, not merged"
    assert found(settings, "outlierDetection", clients="shop").value == {"consecutive5xxErrors": 3}
    assert rules_for(facts, REVIEWS, "shop") == [theirs]
    assert rules_for(facts, REVIEWS, "other") == [ours]


def test_a_port_replaces_the_policy_of_the_host_whole() -> None:
    port = {"port": {"number": 9080}, "loadBalancer": {"simple": "RANDOM"}}
    manifest = rule("bookinfo", outlierDetection={"consecutive5xxErrors": 3}, portLevelSettings=[port])
    settings = effective(Facts(objects=(manifest,)), REVIEWS)
    assert found(settings, "outlierDetection", port=None).value == {"consecutive5xxErrors": 3}
    assert found(settings, "outlierDetection", port=9080).value is None, "the port says nothing, so nothing holds there"
    assert found(settings, "loadBalancer", port=9080).value == {"simple": "RANDOM"}


def test_a_subset_replaces_section_by_section() -> None:
    manifest = rule("bookinfo", loadBalancer={"simple": "RANDOM"})
    manifest["spec"]["subsets"][1]["trafficPolicy"] = {"loadBalancer": {"simple": "ROUND_ROBIN"}}
    settings = effective(Facts(objects=(manifest,)), REVIEWS)
    assert found(settings, "loadBalancer", subset="v2").value == {"simple": "ROUND_ROBIN"}


def test_subsets_come_with_their_pods() -> None:
    service = ServiceFacts(REVIEWS, selector={"app": "reviews"})
    pods = (
        PodGroup("bookinfo", {"app": "reviews", "version": "v1"}, 2, 3),
        PodGroup("bookinfo", {"app": "other", "version": "v1"}, 5, 5),
    )
    facts = Facts(objects=(destination_rule("v1", "v2"),), services=(service,), pods=pods)
    assert [(subset.name, subset.ready, subset.total) for subset in subsets_of(facts, REVIEWS)] == [("v1", 2, 3), ("v2", 0, 0)]


def test_the_last_to_write_a_field_is_its_author_and_our_annotation_alone_proves_nothing() -> None:
    manifest = virtual_service(v1=100)
    manifest["metadata"]["annotations"] = {CHANGE_ANNOTATION: "CR-7"}
    managed(manifest, "meshportal", "2026-11-24T10:00:00Z", {"f:spec": {"f:http": {}}})
    author = author_of(manifest, ("spec", "http"))
    assert author is not None
    assert (author.manager, author.change) == ("meshportal", 7)
    managed(manifest, "kubectl-edit", "2026-11-24T11:00:00Z", {"f:spec": {"f:http": {}}})
    later = author_of(manifest, ("spec", "http"))
    assert later is not None
    assert (later.manager, later.change) == ("kubectl-edit", None)
    assert author_of(manifest, ("spec", "gateways")) is None
