"""A plan that removes an object: what reviewers bind to, and what is sent to make it again."""

from __future__ import annotations

from meshportal.mesh.facts import Facts
from meshportal.mesh.plans import Plan, PlanItem, afresh, json_patch
from meshportal.mesh.refs import Manifest, ref_of
from tests.cast import destination_rule, virtual_service

SPEC = (("spec",),)


def removal(manifest: Manifest) -> PlanItem:
    return PlanItem(ref_of(manifest), manifest, None, SPEC)


def test_a_removal_is_an_operation_of_its_own_and_changes_something() -> None:
    item = removal(virtual_service(v1=100))
    assert item.operation == "delete"
    assert item.changes_anything
    assert json_patch(item) == [], "no patch removes an object"


def test_removing_what_is_not_there_changes_nothing() -> None:
    assert not PlanItem(ref_of(virtual_service(v1=100)), None, None, SPEC).changes_anything


def test_a_review_binds_to_all_that_goes_and_to_its_going() -> None:
    one, other = virtual_service(v1=100), virtual_service(v1=99, v2=1)
    kept = PlanItem(ref_of(one), one, one, SPEC)
    digests = {Plan((item,)).digest for item in (removal(one), removal(other), kept)}
    assert len(digests) == 3


def test_a_label_is_outside_what_a_review_binds_to() -> None:
    labelled = virtual_service(v1=100)
    labelled["metadata"]["labels"] = {"other": "label"}
    assert Plan((removal(labelled),)).digest == Plan((removal(virtual_service(v1=100)),)).digest


def test_a_mesh_after_a_removal_lacks_the_object() -> None:
    gone, stays = virtual_service(v1=100), destination_rule("v1")
    assert Facts(objects=(gone, stays)).after(Plan((removal(gone),))).objects == (stays,)


def test_what_is_made_again_has_nothing_that_only_a_server_writes() -> None:
    live = virtual_service(v1=100) | {"status": {"observedGeneration": 1}}
    live["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 3, "managedFields": [], "creationTimestamp": "then"}
    live["metadata"] |= {"deletionTimestamp": "now", "deletionGracePeriodSeconds": 0, "annotations": {"note": "mine"}}
    wanted = virtual_service(v1=100)
    wanted["metadata"]["annotations"] = {"note": "mine"}
    assert afresh(live) == wanted
    assert live["metadata"]["uid"] == "u", "the live object is left alone"
