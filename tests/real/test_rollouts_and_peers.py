"""What makes other canary controllers promote blindly, jump to 100 % or lift a brake, done to ours on a real API server.

docs/rollouts.md has the same rows as a table: what Flagger and Argo Rollouts did, and the test that holds us to ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from pytest_django import Settings

from meshportal.changes.models import HostClaim, Status
from meshportal.mesh.refs import DESTINATION_RULE, Manifest, ResourceRef
from meshportal.rollouts import failpoints, services
from meshportal.rollouts.models import Phase, Rollout
from tests.cast import destination_rule, virtual_service
from tests.real.canary import INTERVAL, PAGE, STEPS, Portal
from tests.real.rights import NAMESPACE, Right, Server, real_server
from tests.recorder import recorder
from tests.rollouts.cast import ROUTE, fresh, held_by, story

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real"), pytest.mark.django_db]

RULE = ResourceRef(DESTINATION_RULE, NAMESPACE, "reviews")
EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}
BLIND, ROLLED_BACK_AFTER = 120, 600
"""Seconds, as in the plan of tests/real/canary.py."""


@pytest.fixture(scope="module")
def real() -> Iterator[Server]:
    with real_server() as server:
        yield server


@pytest.fixture
def portal(real: Server) -> Iterator[Portal]:
    route = virtual_service(v1=100)
    route["spec"]["http"][0]["name"] = "primary"
    real.put(route, destination_rule("v1", "v2"))
    with recorder() as prometheus:
        portal = Portal(real, prometheus)
        yield portal
        portal.close()
    real.remove(ROUTE, RULE)


@pytest.fixture
def at_20(portal: Portal) -> Rollout:
    """A canary that is being observed at 20 %: where the faults began for the others too."""
    rollout = portal.begin()
    portal.reaches(rollout, Phase.OBSERVING, 20)
    return rollout


def holds(rollout: Rollout, name: str) -> dict[str, object]:
    return next(row["values"] for row in fresh(rollout).holds if row["hold"] == name)


def resumed(portal: Portal, rollout: Rollout) -> None:
    services.resume(fresh(rollout), by=portal.cast.alice, via=PAGE, now=portal.clock(), reason="Talked to them")


def begun(rollout: Rollout) -> list[float]:
    """When each weight was verified, in seconds since the first."""
    at = [event.at.timestamp() for event in rollout.events.filter(code="shifted").order_by("id")]
    return [moment - at[0] for moment in at]


# ---------------------------------------------------------------- the metric fails


def test_a_value_under_the_limit_goes_back_and_never_rises(portal: Portal, at_20: Rollout) -> None:
    portal.errors = {"v2": 0.05}
    done = portal.ends(at_20, 3 * INTERVAL)
    assert (done.phase, done.failure) == (Phase.ROLLED_BACK, "error-rate")
    assert portal.written(done) == [10, 20, 0]
    assert portal.weight == 0
    assert done.change.status == Status.REVERTED
    assert not HostClaim.objects.exists()


def not_a_number(portal: Portal) -> None:
    portal.metrics.says("v2", float("nan"))


def empty_vector(portal: Portal) -> None:
    portal.http.answers(200, EMPTY)
    portal.answering = portal.broken


def server_error(portal: Portal) -> None:
    portal.http.answers(500, b"boom")
    portal.answering = portal.broken


def no_answer(portal: Portal) -> None:
    portal.http.hangs()
    portal.answering = portal.broken


FAULTS = [(not_a_number, "nan"), (empty_vector, "no-data"), (server_error, "prometheus-down"), (no_answer, "prometheus-down")]


@pytest.mark.parametrize(("fault", "reason"), FAULTS, ids=["nan", "empty-vector", "http-500", "hang"])
def test_without_an_answer_it_holds_and_goes_back_at_the_deadline(
    portal: Portal, at_20: Rollout, fault: Callable[[Portal], None], reason: str
) -> None:
    fault(portal)
    portal.passes(BLIND + INTERVAL)
    assert portal.weight == 20
    assert held_by(at_20) == {"blind"}
    assert holds(at_20, "blind")["reason"] == reason
    done = portal.ends(at_20, ROLLED_BACK_AFTER)
    assert (done.phase, done.failure, portal.weight) == (Phase.ROLLED_BACK, "blind", 0)
    assert portal.written(done) == [10, 20, 0]


@pytest.mark.parametrize("fault", [server_error, empty_vector], ids=["http-500", "empty-vector"])
def test_an_outage_of_some_minutes_costs_time_and_not_the_canary(
    portal: Portal, at_20: Rollout, fault: Callable[[Portal], None]
) -> None:
    fault(portal)
    portal.passes(5 * INTERVAL)
    assert portal.weight == 20
    portal.answering = portal.metrics
    done = portal.ends(at_20)
    assert done.phase == Phase.SUCCEEDED
    assert portal.written(done) == list(STEPS)
    assert {"held", "cleared"} <= set(story(done))


@pytest.mark.parametrize("blip", ["no-answer", "errors"])
def test_three_blips_with_good_looks_between_are_not_added_up(portal: Portal, blip: str) -> None:
    rollout = portal.begin(rule="sequential", success_criteria={"max_error_rate": 0.01, "min_request_count": 100})
    portal.errors = {"v1": 0.002, "v2": 0.002}
    for weight in (20, 30, 40):
        portal.reaches(rollout, Phase.OBSERVING, weight)
        portal.passes(2)
        if blip == "no-answer":
            server_error(portal)
        else:
            portal.errors["v2"] = 0.02
        portal.passes(5)
        portal.answering, portal.errors["v2"] = portal.metrics, 0.002
    done = portal.ends(rollout, 3000)
    assert done.phase == Phase.SUCCEEDED
    assert portal.written(done) == list(STEPS)


def test_the_first_step_is_not_judged_by_silence_either(portal: Portal) -> None:
    """The others' inline analysis holds as well: here without being asked for it."""
    rollout = portal.begin()
    portal.reaches(rollout, Phase.SETTLING, 10)
    server_error(portal)
    portal.passes(BLIND + 2 * INTERVAL)
    assert portal.weight == 10
    assert held_by(rollout) == {"blind"}


# ---------------------------------------------------------------- the engine dies


class Killed(BaseException):
    """In the place of SIGKILL: nothing that the engine catches."""


def killed() -> None:
    raise Killed


def test_killed_after_a_step_nothing_is_doubled_or_skipped(portal: Portal) -> None:
    rollout = portal.begin()
    portal.reaches(rollout, Phase.SETTLING, 20)
    portal.passes(2)
    portal.running = False
    portal.passes(13)
    portal.running = True
    done = portal.ends(rollout)
    assert portal.written(done) == list(STEPS)
    assert portal.writes == len(STEPS)
    assert [round(moment) for moment in begun(done)] == [INTERVAL * number for number in range(len(STEPS))]


def test_away_for_several_steps_it_catches_nothing_up(portal: Portal) -> None:
    rollout = portal.begin()
    portal.reaches(rollout, Phase.SETTLING, 20)
    portal.running = False
    portal.passes(4 * INTERVAL)
    portal.running = True
    done = portal.ends(rollout)
    moments = begun(done)
    assert portal.written(done) == list(STEPS)
    assert all(later - earlier >= INTERVAL for earlier, later in pairwise(moments)), moments


def test_restarted_again_and_again_no_step_comes_early(portal: Portal) -> None:
    """Every 13 seconds: an engine that acts when it starts reaches 50 % in less than half the time."""
    rollout = portal.begin()
    while not fresh(rollout).is_over:
        assert portal.clock().timestamp() - rollout.created_at.timestamp() < 1500
        portal.running = True
        portal.passes(11)
        portal.running = False
        portal.passes(2)
    moments = begun(rollout)
    assert portal.written(rollout) == list(STEPS)
    assert all(later - earlier >= INTERVAL - 2 for earlier, later in pairwise(moments)), moments
    assert moments[-1] >= INTERVAL * (len(STEPS) - 1)


def test_in_a_crash_loop_it_is_still_watched(portal: Portal) -> None:
    """Four seconds of life at a time: another needs ten and lets the canary be."""
    rollout = portal.begin()
    portal.reaches(rollout, Phase.OBSERVING, 20)
    portal.errors = {"v2": 0.2}
    for _life in range(20):
        portal.running = True
        portal.passes(4)
        portal.running = False
        portal.passes(2)
    assert (fresh(rollout).failure, portal.weight) == ("error-rate", 0)


@pytest.mark.parametrize("where", [failpoints.AFTER_INTENT, failpoints.AFTER_PATCH, failpoints.AFTER_READ_BACK])
def test_killed_in_the_middle_of_a_write_the_weight_is_written_once(portal: Portal, settings: Settings, where: str) -> None:
    rollout = portal.begin()
    portal.reaches(rollout, Phase.OBSERVING, 20)
    generation = portal.route()["metadata"]["generation"]
    settings.FAILPOINT = f"{where}:2"
    with failpoints.dying(killed), pytest.raises(Killed):
        portal.passes(2 * INTERVAL)
    settings.FAILPOINT = ""
    portal.reaches(rollout, Phase.SETTLING, 30)
    assert portal.route()["metadata"]["generation"] == generation + 1, "one write"
    assert portal.written(portal.ends(rollout)) == list(STEPS)


# ---------------------------------------------------------------- somebody edits the route by hand


def test_20_to_35_is_set_back_at_once_and_held(portal: Portal, at_20: Rollout) -> None:
    portal.sets(v1=65, v2=35)
    portal.sweep()
    assert portal.weight == 20
    assert holds(at_20, "drift") == {"what": "raised", "manager": "kubectl-edit", "weight": 20, "found": 35}
    portal.passes(3 * INTERVAL)
    assert portal.weight == 20, "nothing rises before somebody resumes it"
    resumed(portal, at_20)
    done = portal.ends(at_20)
    assert (done.phase, portal.written(done)[-4:]) == (Phase.SUCCEEDED, [30, 40, 50, 100])


def test_20_to_0_is_a_brake_and_stays(portal: Portal, at_20: Rollout) -> None:
    writes = portal.writes
    portal.sets(v1=100, v2=0)
    portal.passes(10 * INTERVAL)
    assert portal.weight == 0
    assert portal.writes == writes
    assert holds(at_20, "drift") == {"what": "lowered", "manager": "kubectl-edit", "weight": 20, "found": 0}
    resumed(portal, at_20)
    portal.reaches(at_20, Phase.OBSERVING, 20)


def test_25_among_explicit_steps_is_20_again_and_never_100(portal: Portal) -> None:
    steps = [{"weight": weight, "seconds": INTERVAL} for weight in (10, 20, 40, 60, 100)]
    rollout = portal.begin(steps=steps)
    portal.reaches(rollout, Phase.OBSERVING, 20)
    portal.sets(v1=75, v2=25)
    portal.sweep()
    assert portal.weight == 20
    portal.passes(5 * INTERVAL)
    assert portal.weight == 20
    assert held_by(rollout) == {"drift"}


def timeout_added(live: Manifest) -> None:
    live["spec"]["http"][0]["timeout"] = "7s"


def host_added(live: Manifest) -> None:
    live["spec"]["hosts"].append("reviews.example.com")


def route_renamed(live: Manifest) -> None:
    live["spec"]["http"][0]["name"] = "renamed"


@pytest.mark.parametrize("edit", [timeout_added, host_added, route_renamed])
def test_what_is_not_ours_is_kept_and_noted(portal: Portal, at_20: Rollout, edit: Callable[[Manifest], None]) -> None:
    portal.edits(edit, "helm")
    edited = portal.route()
    portal.passes(5)
    assert portal.weight == 20
    noted = at_20.events.get(code="drift-noted").values
    # whoever leaves the list of routes alone is not its last writer
    assert noted == {"what": "fields", "manager": "" if edit is host_added else "helm"}
    done = portal.ends(at_20)
    assert (done.phase, portal.written(done)) == (Phase.SUCCEEDED, list(STEPS))
    after = portal.route()
    for live in (edited, after):
        for entry in live["spec"]["http"][0]["route"]:
            del entry["weight"]
    assert after["spec"] == edited["spec"]


def test_a_third_destination_holds_and_is_never_deleted(portal: Portal, at_20: Rollout) -> None:
    def third(live: Manifest) -> None:
        route = live["spec"]["http"][0]["route"]
        route[0]["weight"] = 75
        route.append({"destination": {"host": "ratings"}, "weight": 5})

    writes = portal.writes
    portal.edits(third)
    portal.passes(5 * INTERVAL)
    route = portal.route()["spec"]["http"][0]["route"]
    assert [entry["weight"] for entry in route] == [75, 20, 5]
    assert portal.writes == writes
    assert holds(at_20, "drift") == {"what": "foreign", "manager": "kubectl-edit", "destinations": ["ratings"]}
    services.abort(fresh(at_20), by=portal.cast.carol, via=PAGE, now=portal.clock(), reason="Too odd")
    done = portal.ends(at_20, 30)
    route = portal.route()["spec"]["http"][0]["route"]
    assert (done.phase, [entry["weight"] for entry in route]) == (Phase.ROLLED_BACK, [95, 0, 5])


def test_a_route_that_is_gone_holds_and_is_not_made_again(portal: Portal, at_20: Rollout) -> None:
    portal.server.remove(ROUTE)
    portal.observe()
    portal.passes(3 * INTERVAL)
    assert portal.admin.get(ROUTE) is None
    assert holds(at_20, "gone") == {"what": "route"}
    assert fresh(at_20).phase == Phase.OBSERVING


def test_a_step_costs_two_requests_and_waiting_none(portal: Portal) -> None:
    done = portal.ends(portal.begin())
    assert portal.written(done) == list(STEPS)
    assert portal.worker.asked == ["get", "patch"] * len(STEPS)


def test_a_right_that_the_worker_lacks_is_named_and_waited_for(portal: Portal, real: Server) -> None:
    rollout = portal.begin()
    lacking = Right("portal", "patch", "networking.istio.io", "virtualservices")
    with real.without(lacking):
        portal.passes(30)
        assert f"no right to {lacking} in the namespace {NAMESPACE}" in fresh(rollout).error
        assert portal.weight == 0
    portal.reaches(rollout, Phase.SETTLING, 10)
    assert fresh(rollout).error == ""
