"""The runbook for traffic that goes wrong: each fault is found at its check, with evidence and a fix that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from meshportal.mesh.facts import Facts, PodGroup, Port, ServiceFacts
from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.mesh.rules import analyse
from meshportal.mesh.runbooks.checks import Check
from meshportal.mesh.runbooks.traffic import Seen, traffic_goes_wrong
from meshportal.mesh.snapshot import State, VersionNow
from tests.cast import destination_rule, reviews, virtual_service

REVIEWS = ServiceRef("bookinfo", "reviews")
SERVICE = ServiceFacts(REVIEWS, (Port("http", 9080, "http"),), {"app": "reviews"})
PODS = tuple(PodGroup("bookinfo", {"app": "reviews", "version": version}, 2, 2) for version in ("v1", "v2"))
MEASURED = (VersionNow("v1", 2, 2, 90.0, 89.0, 18.0), VersionNow("v2", 2, 2, 10.0, 11.0, 2.0))


def seen(*objects: Manifest, raws: Mapping[str, Mapping[str, Any]] | None = None, **changes: Any) -> Seen:
    facts = Facts(objects=objects, services=(SERVICE,), pods=changes.pop("pods", PODS), namespaces=frozenset({"bookinfo"}))
    now = reviews(**({"versions": MEASURED, "in_sync": 5, "out_of_sync": 0} | changes))
    return Seen(facts, now, analyse(facts), raws or {}, window_seconds=60)


def run(world: Seen) -> dict[str, Check]:
    return {check.code: check for check in traffic_goes_wrong(world)}


def codes(check: Check) -> list[str]:
    return [line.code for line in check.evidence]


def test_a_service_that_is_well_is_well_at_every_check() -> None:
    checks = run(seen(virtual_service(v1=90, v2=10), destination_rule("v1", "v2")))
    assert {code: check.state for code, check in checks.items()} == dict.fromkeys(checks, State.OK)


def test_a_subset_that_nobody_has_is_found_and_the_fix_adds_it() -> None:
    raws = {"destination": {"subsets": [{"origin": "0:x", "name": "v1", "labels": "version=v1"}]}}
    check = run(seen(virtual_service(v1=90, v2=10), destination_rule("v1"), raws=raws))["subsets"]
    assert check.state is State.FAIL
    assert "subset-missing" in codes(check)
    [fix] = check.fixes
    assert (fix.code, fix.kind) == ("add-subset", "destination")
    assert fix.raw["subsets"][-1] == {"name": "v2", "labels": "version=v2"}
    assert len(raws["destination"]["subsets"]) == 1, "what the form starts from is not touched"


def test_without_pods_of_that_version_no_subset_is_offered() -> None:
    world = seen(virtual_service(v1=90, v9=10), destination_rule("v1"), raws={"destination": {"subsets": []}})
    assert run(world)["subsets"].fixes == ()


def test_a_subset_without_ready_pods_is_drained_by_the_fix() -> None:
    pods = (PODS[0], replace(PODS[1], ready=0))
    raws = {"traffic": {"weights": {"v1": 90, "v2": 10}}}
    check = run(seen(virtual_service(v1=90, v2=10), destination_rule("v1", "v2"), raws=raws, pods=pods))["subsets"]
    assert check.state is State.FAIL
    [fix] = check.fixes
    assert (fix.kind, fix.raw) == ("traffic", {"weights": {"v1": 100}})


def test_a_route_behind_the_last_resort_never_takes_a_request_and_the_fix_moves_the_last_resort() -> None:
    manifest = virtual_service(v1=100)
    manifest["spec"]["http"].append({"match": [{"uri": {"prefix": "/beta"}}], "route": manifest["spec"]["http"][0]["route"]})
    routes = [{"origin": "0:x", "match": []}, {"origin": "1:y", "match": [{"path": "/beta"}]}]
    check = run(seen(manifest, destination_rule("v1", "v2"), raws={"routes": {"routes": routes}}))["routes"]
    assert codes(check) == ["route-takes", "route-never"]
    assert check.state is State.WARN
    [fix] = check.fixes
    assert [route["origin"] for route in fix.raw["routes"]] == ["1:y", "0:x"]


def routed(*routes: Mapping[str, Any]) -> Manifest:
    manifest = virtual_service(v1=100)
    to_v1 = manifest["spec"]["http"][0]["route"]
    manifest["spec"]["http"] = [{"route": to_v1, **route} for route in routes]
    return manifest


def test_routes_that_a_wider_one_leaves_nothing_to_are_taken_away_by_the_fix() -> None:
    every_path = {"match": [{"uri": {"prefix": "/"}}]}
    testers = {"match": [{"headers": {"x-user": {"exact": "beta"}}}]}
    rows = [{"origin": f"{place}:x", "match": [{"path": "/"}]} for place in range(3)]
    world = seen(routed(every_path, testers, {}), destination_rule("v1", "v2"), raws={"routes": {"routes": rows}})
    check = run(world)["routes"]
    assert codes(check) == ["route-takes", "route-never", "route-never"]
    [fix] = check.fixes
    assert (fix.code, fix.values, fix.raw) == ("never-removed", {"numbers": "2, 3"}, {"routes": rows[:1]})


def test_where_some_requests_have_no_route_the_fix_adds_a_last_one() -> None:
    rows = [{"origin": "0:x", "match": [{"path": "/v1"}], "destinations": [{"origin": "0:y", "subset": "v1", "weight": "100"}]}]
    world = seen(routed({"match": [{"uri": {"prefix": "/v1"}}]}), destination_rule("v1", "v2"), raws={"routes": {"routes": rows}})
    check = run(world)["routes"]
    assert check.state is State.WARN
    [fix] = check.fixes
    assert fix.raw["routes"] == [*rows, {"destinations": [{"subset": "v1", "weight": "100"}]}]


def test_requests_for_a_subset_that_nobody_can_have_go_to_the_others_by_the_fix() -> None:
    rows = [{"destinations": [{"subset": name, "weight": weight} for name, weight in (("v1", "60"), ("v2", "20"), ("v9", "20"))]}]
    world = seen(virtual_service(v1=60, v2=20, v9=20), destination_rule("v1", "v2"), raws={"routes": {"routes": rows}})
    [fix] = run(world)["subsets"].fixes
    assert fix.values == {"subset": "v9"}
    assert fix.raw["routes"] == [{"destinations": [{"subset": "v1", "weight": "75"}, {"subset": "v2", "weight": "25"}]}]


def test_where_nothing_else_is_left_to_go_to_no_such_fix_is_offered() -> None:
    rows = [{"destinations": [{"subset": "v9", "weight": "100"}]}]
    world = seen(virtual_service(v9=100), destination_rule("v1", "v2"), raws={"routes": {"routes": rows}})
    assert run(world)["subsets"].fixes == ()


@pytest.mark.parametrize(("percent", "state"), [(30, State.WARN), (0.5, State.WARN), (0, State.OK)])
def test_a_fault_on_purpose_is_the_first_thing_to_know(percent: float, state: State) -> None:
    fault = {"abort": {"httpStatus": 503, "percentage": {"value": percent}}}
    check = run(seen(routed({"fault": fault}), destination_rule("v1", "v2")))["routes"]
    assert [line.state for line in check.evidence] == [state]


def test_a_host_that_nobody_has_is_found() -> None:
    manifest = virtual_service(v1=100)
    manifest["spec"]["http"][0]["route"] = [{"destination": {"host": "revews"}}]
    check = run(seen(manifest))["hosts"]
    assert check.state is State.FAIL
    assert [finding.code for finding in check.findings] == ["KIA1101"]


def test_two_virtual_services_for_one_host_are_found() -> None:
    second = virtual_service(v2=100)
    second["metadata"]["name"] = "second"
    assert run(seen(virtual_service(v1=100), second, destination_rule("v1", "v2")))["objects"].state is not State.OK


@pytest.mark.parametrize(
    ("measured", "per_second", "code", "state"),
    [
        (11.0, 20.0, "weight", State.OK),
        (60.0, 20.0, "weight-off", State.WARN),
        (60.0, 1.0, "weight-too-few", State.UNKNOWN),
        (None, 20.0, "weight-too-few", State.UNKNOWN),
        (11.0, None, "weight-unknown", State.UNKNOWN),
    ],
)
def test_measured_weights_stand_beside_configured_ones(
    measured: float | None, per_second: float | None, code: str, state: State
) -> None:
    versions = (VersionNow("v2", 2, 2, 10.0, measured, 2.0),)
    world = seen(virtual_service(v1=90, v2=10), destination_rule("v1", "v2"), versions=versions, per_second=per_second)
    check = run(world)["weights"]
    assert (codes(check), check.state) == ([code], state)


@pytest.mark.parametrize(
    ("changes", "code", "state"),
    [
        ({"out_of_sync": 2, "in_sync": 3, "sync_reason": "bad duration"}, "out-of-sync", State.WARN),
        ({"out_of_sync": None, "in_sync": None}, "sync-unknown", State.UNKNOWN),
        ({"out_of_sync": 0, "in_sync": 3}, "sync-partly", State.UNKNOWN),
        ({"envoys_total": 0}, "no-proxies", State.WARN),
    ],
)
def test_proxies_that_have_not_taken_the_configuration_are_found(changes: dict[str, Any], code: str, state: State) -> None:
    check = run(seen(virtual_service(v1=90, v2=10), destination_rule("v1", "v2"), **changes))["proxies"]
    assert (codes(check), check.state) == ([code], state)


def test_where_nobody_knows_the_pods_nothing_is_called_well() -> None:
    world = seen(virtual_service(v1=90, v2=10), destination_rule("v1", "v2"), pods_ready=None, pods_total=None)
    blind = replace(world, facts=replace(world.facts, whole=False, services=(), pods=()))
    checks = run(replace(blind, findings=analyse(blind.facts)))
    assert checks["pods"].state is State.UNKNOWN
    assert checks["subsets"].state is State.UNKNOWN
    assert checks["hosts"].state is State.UNKNOWN
