"""What a plan brings about, told apart from what was there before."""

from __future__ import annotations

from meshportal.mesh.findings import Severity
from meshportal.mesh.plans import Plan, PlanItem
from meshportal.mesh.refs import Manifest, ref_of
from meshportal.mesh.rules import analyse_plan
from tests.mesh.rules.mesh import destination_rule, facts, http, to, virtual_service


def plan(before: Manifest | None, after: Manifest | None) -> Plan:
    ref = ref_of(before or after or {})
    return Plan((PlanItem(ref, before, after, (("spec",),)),))


ONLY_V1 = destination_rule(subsets=[{"name": "v1", "labels": {"version": "v1"}}])


def test_removing_a_subset_that_a_route_uses_is_an_error_of_that_route() -> None:
    live = http(route=[to("v1", 50), to("v2", 50)])

    found = analyse_plan(facts(live, destination_rule()), plan(destination_rule(), ONLY_V1))

    assert [(f.code, f.severity, str(f.ref), f.path) for f in found] == [
        ("KIA1107", Severity.ERROR, "VirtualService bookinfo/reviews", "spec.http[0].route[1].destination.subset")
    ]


def test_removing_a_whole_rule_counts_too() -> None:
    found = analyse_plan(facts(http(), destination_rule()), plan(destination_rule(), None))

    assert [(f.code, f.severity) for f in found] == [("KIA1107", Severity.ERROR)]


def test_a_route_to_an_unknown_subset_or_host_is_an_error_in_a_plan() -> None:
    live, after = http(), http(route=[to("v9", 50), to(host="nobody", weight=50)])

    found = analyse_plan(facts(live), plan(live, after))

    assert [(f.code, f.severity) for f in found] == [("KIA1107", Severity.ERROR), ("KIA1101", Severity.ERROR)]


def test_what_was_broken_before_may_be_mended_one_step_at_a_time() -> None:
    broken = http(route=[to("v9", 50), to("v8", 50)], timeout="0")
    better = http(route=[to("v9", 50), to("v8", 50)])

    found = analyse_plan(facts(broken), plan(broken, better))

    assert [(f.code, f.severity) for f in found] == [("KIA1107", Severity.WARNING)] * 2


def test_an_old_error_that_a_plan_only_moves_stays_old() -> None:
    broken = http(route=[to("v9")])
    moved = virtual_service(http=[{"match": [{"uri": {"prefix": "/a"}}], "route": [to("v1")]}, {"route": [to("v9")]}])

    found = analyse_plan(facts(broken), plan(broken, moved))

    assert [(f.code, f.severity, f.path) for f in found] == [
        ("KIA1107", Severity.WARNING, "spec.http[1].route[0].destination.subset")
    ]


def test_the_same_error_once_more_is_a_new_one() -> None:
    broken = http(route=[to("v9")])
    worse = virtual_service(http=[{"match": [{"uri": {"prefix": "/a"}}], "route": [to("v9")]}, {"route": [to("v9")]}])

    found = analyse_plan(facts(broken), plan(broken, worse))

    assert sorted(f.severity for f in found) == [Severity.ERROR, Severity.WARNING]


def test_an_old_warning_need_not_be_confirmed_again() -> None:
    slow = http(route=[to("v1")], timeout="5s", retries={"attempts": 2, "perTryTimeout": "2s"})
    renamed = http(route=[to("v1")], timeout="5s", retries={"attempts": 2, "perTryTimeout": "2s"}, name="primary")

    assert [(f.code, f.severity) for f in analyse_plan(facts(slow), plan(slow, renamed))] == [("MP0207", Severity.INFO)]
    assert [(f.code, f.severity) for f in analyse_plan(facts(http()), plan(http(), slow))] == [("MP0207", Severity.WARNING)]


def test_old_remarks_on_objects_that_a_plan_leaves_alone_are_left_out() -> None:
    elsewhere = virtual_service("ratings", hosts=["ratings"], http=[{"route": [to(host="nobody")]}])
    live, after = http(), http(timeout="3s")

    assert analyse_plan(facts(live, elsewhere), plan(live, after)) == []


def test_a_second_route_for_a_host_is_an_error_on_both_objects() -> None:
    second = virtual_service("second")

    found = analyse_plan(facts(http()), plan(None, second))

    assert {(f.code, str(f.ref)) for f in found if f.severity is Severity.ERROR} == {
        ("IST0109", "VirtualService bookinfo/reviews"),
        ("IST0109", "VirtualService bookinfo/second"),
    }
