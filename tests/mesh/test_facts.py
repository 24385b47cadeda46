"""What a mesh would be like with a plan carried out, and which pods stand behind a subset."""

from __future__ import annotations

from meshportal.mesh.facts import Facts, PodGroup, ServiceFacts
from meshportal.mesh.plans import Plan, PlanItem
from meshportal.mesh.refs import VIRTUAL_SERVICE, Manifest, ServiceRef, ref_of
from tests.cast import destination_rule, virtual_service


def test_a_plan_replaces_and_adds_objects() -> None:
    before, after, rule = virtual_service(v1=100), virtual_service(v2=100), destination_rule("v1")
    facts = Facts(objects=(before,))
    items = (PlanItem(ref_of(rule), None, rule, (("spec",),)), PlanItem(ref_of(before), before, after, (("spec",),)))
    changed = facts.after(Plan(items))
    assert changed.get(ref_of(before)) == after
    assert changed.get(ref_of(rule)) == rule
    assert facts.of(VIRTUAL_SERVICE) == [before], "the mesh before is as it was"


def test_pods_behind_a_subset_are_those_of_the_selector_with_its_labels() -> None:
    v1 = PodGroup("bookinfo", {"app": "reviews", "version": "v1"}, 2, 2)
    v2 = PodGroup("bookinfo", {"app": "reviews", "version": "v2"}, 0, 1)
    other = PodGroup("shop", {"app": "reviews", "version": "v1"}, 1, 1)
    service = ServiceFacts(ServiceRef("bookinfo", "reviews"), selector={"app": "reviews"})
    facts = Facts(pods=(v1, v2, other), services=(service,))
    assert facts.pods_behind(service) == [v1, v2]
    assert facts.pods_behind(service, {"version": "v2"}) == [v2]
    assert facts.pods_behind(ServiceFacts(ServiceRef("bookinfo", "bare"))) == [], "a Service without selector picks no pods"


def test_an_object_of_a_kind_nobody_asked_for_stays_out() -> None:
    manifest: Manifest = virtual_service(v1=100)
    assert Facts(objects=(manifest, destination_rule("v1"))).of(VIRTUAL_SERVICE) == [manifest]
