"""When somebody else changes the route under a canary: down is set right at once, up never, and nothing foreign is touched."""

from __future__ import annotations

import pytest

from meshportal.audit.models import AuditEvent
from meshportal.mesh.refs import Manifest
from meshportal.rollouts import services
from meshportal.rollouts.models import Phase, Rollout, Shift
from tests.cast import destination_rule, virtual_service
from tests.rollouts.cast import ROUTE, RULE, Stage, begin, fresh, held_by, reach, story, weights

PAGE = AuditEvent.Via.PAGE


@pytest.fixture
def rollout(stage: Stage) -> Rollout:
    """At 10 %, being observed."""
    rollout = begin(stage)
    reach(stage, rollout, Phase.OBSERVING)
    return rollout


def hold(rollout: Rollout, name: str) -> dict[str, object]:
    values: dict[str, object] = next(row["values"] for row in fresh(rollout).holds if row["hold"] == name)
    return values


def resume(stage: Stage, rollout: Rollout) -> None:
    services.resume(fresh(rollout), by=stage.cast.alice, via=PAGE, now=stage.clock(), reason="Talked to them")


def test_a_raised_weight_is_set_back_at_once_and_held(stage: Stage, rollout: Rollout) -> None:
    stage.sets(v1=65, v2=35, manager="kubectl-edit")
    stage.sweep()
    assert stage.weight == 10
    assert hold(rollout, "drift") == {"what": "raised", "manager": "kubectl-edit", "weight": 10, "found": 35}
    set_back = rollout.events.get(code="set-back")
    assert set_back.values == {"weight": 10, "found": 35, "manager": "kubectl-edit"}
    stage.passes(120)
    assert stage.weight == 10, "it does not rise before somebody resumes it"


def test_it_is_set_back_within_one_tick_of_the_catalog_although_no_look_is_due(stage: Stage, rollout: Rollout) -> None:
    stage.passes(5)
    stage.sets(v1=0, v2=100)
    before = fresh(rollout).next_due_at
    assert before is not None
    assert before > stage.clock()
    stage.sweep()
    assert stage.weight == 10


def test_after_a_drift_was_lifted_it_walks_on(stage: Stage, rollout: Rollout) -> None:
    stage.sets(v1=65, v2=35)
    stage.passes(5)
    resume(stage, rollout)
    reach(stage, rollout, Phase.OBSERVING, 1)
    assert stage.weight == 50


def test_a_lowered_weight_is_a_brake_and_never_pushed_up(stage: Stage, rollout: Rollout) -> None:
    patches = stage.patches()
    stage.sets(v1=97, v2=3)
    stage.passes(200)
    assert stage.weight == 3
    assert stage.patches() == patches
    assert hold(rollout, "drift")["what"] == "lowered"
    assert fresh(rollout).weight == 3


def test_a_brake_that_was_lifted_goes_back_to_the_weight_of_its_step(stage: Stage, rollout: Rollout) -> None:
    stage.sets(v1=100, v2=0)
    stage.passes(30)
    resume(stage, rollout)
    stage.passes(3)
    assert stage.weight == 10
    assert fresh(rollout).step == 0


def test_a_braked_canary_that_fails_goes_back_all_the_same(stage: Stage, rollout: Rollout) -> None:
    stage.sets(v1=95, v2=5)
    stage.passes(5)
    stage.errors = {"v2": 0.2}
    assert stage.passes(300, until=lambda: fresh(rollout).is_over)
    assert stage.weight == 0


def test_a_foreign_destination_is_held_and_never_deleted(stage: Stage, rollout: Rollout) -> None:
    live = virtual_service(v1=85, v2=10)
    live["spec"]["http"][0]["route"].append({"destination": {"host": "elsewhere"}, "weight": 5})
    patches = stage.patches()
    stage.edits(live)
    stage.passes(120)
    held = hold(rollout, "drift")
    assert (held["what"], held["destinations"]) == ("foreign", ["elsewhere"])
    assert stage.patches() == patches
    assert len(stage.route()["spec"]["http"][0]["route"]) == 3


def test_a_rollback_leaves_a_foreign_destination_its_share(stage: Stage, rollout: Rollout) -> None:
    live = virtual_service(v1=85, v2=10)
    live["spec"]["http"][0]["route"].append({"destination": {"host": "elsewhere"}, "weight": 5})
    stage.edits(live)
    stage.passes(5)
    services.abort(fresh(rollout), by=stage.cast.carol, via=PAGE, now=stage.clock(), reason="Too odd")
    stage.sweep()
    route = stage.route()["spec"]["http"][0]["route"]
    assert [entry["weight"] for entry in route] == [95, 0, 5]
    assert fresh(rollout).phase == Phase.ROLLED_BACK


def test_other_fields_are_accepted_and_noted(stage: Stage, rollout: Rollout) -> None:
    live = stage.route()
    live["spec"]["http"][0]["timeout"] = "7s"
    stage.edits(live, "helm")
    assert stage.passes(300, until=lambda: fresh(rollout).is_over)
    assert fresh(rollout).phase == Phase.SUCCEEDED
    assert stage.route()["spec"]["http"][0]["timeout"] == "7s"
    noted = rollout.events.get(code="drift-noted")
    assert noted.values == {"what": "fields", "manager": noted.values["manager"]}


def test_the_second_time_within_ten_minutes_is_a_fight_and_not_fought(stage: Stage, rollout: Rollout) -> None:
    for _time in range(2):
        stage.sets(v1=65, v2=35, manager="argocd-controller")
        stage.passes(5)
        assert stage.weight == 10
    assert held_by(rollout) == {"drift", "fight"}
    patches = stage.patches()
    stage.sets(v1=65, v2=35, manager="argocd-controller")
    stage.passes(60)
    assert stage.patches() == patches, "whoever fights is left alone, and named"
    assert "fight" in story(rollout)


def test_somebody_who_lowers_it_again_after_it_was_lifted_fights_too(stage: Stage, rollout: Rollout) -> None:
    for _time in range(2):
        stage.sets(v1=100, v2=0, manager="kustomize-controller")
        stage.passes(5)
        assert stage.weight == 0
        resume(stage, rollout) if _time == 0 else None
        stage.passes(5)
    assert held_by(rollout) == {"drift", "fight"}
    assert hold(rollout, "fight") == {"manager": "kustomize-controller"}
    assert stage.weight == 0


def test_in_a_fight_the_way_back_is_still_open(stage: Stage, rollout: Rollout) -> None:
    for _time in range(3):
        stage.sets(v1=65, v2=35)
        stage.passes(5)
    services.abort(fresh(rollout), by=stage.cast.carol, via=PAGE, now=stage.clock(), reason="Enough")
    stage.sweep()
    assert stage.weight == 0
    assert fresh(rollout).phase == Phase.ROLLED_BACK


def gone_route(stage: Stage) -> None:
    stage.mesh.api.remove(ROUTE)


def gone_destinations(stage: Stage) -> None:
    stage.mesh.api.put(virtual_service(v1=100))


def gone_subset(stage: Stage) -> None:
    stage.mesh.api.put(destination_rule("v1"))


@pytest.mark.parametrize(
    ("happens", "what"), [(gone_route, "route"), (gone_destinations, "destinations"), (gone_subset, "subset")]
)
def test_what_is_gone_holds_and_is_not_made_again(stage: Stage, rollout: Rollout, happens: object, what: str) -> None:
    assert callable(happens)
    happens(stage)
    stage.observe()
    patches = stage.patches()
    stage.passes(90)
    assert hold(rollout, "gone") == {"what": what}
    assert stage.patches() == patches
    assert not [call for call in stage.mesh.api.writes if call.verb == "create"]


def test_what_comes_back_lets_it_go_on(stage: Stage, rollout: Rollout) -> None:
    live = stage.route()
    gone_route(stage)
    stage.observe()
    stage.passes(20)
    live["metadata"].pop("uid")
    stage.edits(live)
    assert stage.passes(600, until=lambda: fresh(rollout).is_over)
    assert fresh(rollout).phase == Phase.SUCCEEDED


def test_a_rollback_of_a_route_that_is_gone_goes_on_trying_and_is_never_called_done(stage: Stage, rollout: Rollout) -> None:
    live = stage.route()
    gone_route(stage)
    stage.observe()
    services.abort(fresh(rollout), by=stage.cast.carol, via=PAGE, now=stage.clock(), reason="Gone")
    stage.passes(60)
    assert fresh(rollout).phase == Phase.ROLLING_BACK
    assert held_by(rollout) == {"gone"}
    stage.edits(live)
    stage.passes(5)
    assert fresh(rollout).phase == Phase.ROLLED_BACK
    assert stage.weight == 0


def test_between_reading_and_writing_somebody_else_is_faster(stage: Stage, rollout: Rollout) -> None:
    def brake() -> None:
        live: Manifest = stage.route()
        for entry, weight in zip(live["spec"]["http"][0]["route"], (99, 1), strict=True):
            entry["weight"] = weight
        stage.mesh.api.put(live)

    stage.mesh.api.when_read(ROUTE, brake)
    reach(stage, rollout, Phase.SHIFTING, 1, 120)
    stage.passes(60)
    assert weights(stage.route())["v2"] == 1, "a brake in the last moment counts"
    assert hold(rollout, "drift")["what"] == "lowered"
    assert Shift.objects.last().state == Shift.State.FAILED  # type: ignore[union-attr]  # there is one


def test_a_stale_catalog_is_no_drift(stage: Stage, rollout: Rollout) -> None:
    stage.observed = False
    stage.passes(15)
    reach(stage, rollout, Phase.SETTLING, 1, 120) if stage.passes(0) else None
    assert "drift" not in held_by(rollout)


def test_what_happened_to_the_rule_is_seen_although_the_route_is_fine(stage: Stage, rollout: Rollout) -> None:
    assert stage.mesh.api.live(RULE) is not None
    stage.mesh.api.remove(RULE)
    stage.observe()
    stage.passes(60)
    assert hold(rollout, "gone") == {"what": "subset"}
