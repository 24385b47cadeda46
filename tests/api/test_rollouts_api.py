"""Canaries, freezes and stops over REST: the same rules as on the pages, by token."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.changes.models import ChangeRequest, Status
from meshportal.clusters.models import FreezeWindow
from meshportal.rollouts.models import Rollout
from tests.api.test_changes_api import Caller
from tests.cast import Cast, Clock, people
from tests.rollouts.cast import SPEC, Stage, begin, reach

ASKED: dict[str, Any] = {
    "kind": "rollout",
    "cluster": "demo",
    "namespace": "bookinfo",
    "service": "reviews",
    "reason": "New layout",
    "spec": {
        "baseline_version": "v1",
        "canary_version": "v2",
        "initial_weight": 5,
        "increment": 5,
        "interval": 300,
        "success_criteria": {"max_error_rate": 0.01, "min_request_count": 100},
    },
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return people()


@pytest.fixture
def stage(cast: Cast) -> Stage:
    return Stage(cast, Clock())


@pytest.fixture
def alice(cast: Cast, stage: Stage) -> Caller:
    return Caller(cast.alice)


def test_the_seeds_own_fields_ask_for_a_canary(alice: Caller) -> None:
    made = alice.post("changes", ASKED | {"submit": True})
    assert made.status_code == 201, made.json()
    assert made.json()["status"] == "in-review"
    assert made.json()["title"] == "Canary of reviews: v1 → v2"
    spec = ChangeRequest.objects.get().revisions.get().intent["spec"]
    assert len(spec["steps"]) == 20
    assert spec["criteria"]["max_error_rate"] == 0.01


def test_a_preview_tells_what_it_can_detect(alice: Caller) -> None:
    wanted = {key: value for key, value in ASKED.items() if key != "reason"}
    body = alice.post("changes/preview", wanted).json()
    assert any("299 clean ones can" in finding["sentence"] for finding in body["findings"])
    assert any("an error rate under 0.99" in sentence for sentence in body["words"])
    assert body["risk"] == "medium"


def test_what_is_suggested_can_be_sent_as_it_is(alice: Caller) -> None:
    current = alice.get("services/demo/bookinfo/reviews/policies/rollout").json()
    assert current["spec"]["success_criteria"] == {"max_error_rate": 0.01, "min_request_count": 100}
    assert alice.post("changes", ASKED | {"spec": current["spec"], "base": current["base"]}).status_code == 201


@pytest.mark.parametrize(
    ("spec", "field", "sentence"),
    [
        ({"success_criteria": {"max_error_rate": 1}}, "success_criteria.max_error_rate", "is not a ratio"),
        (
            {"success_criteria": {"max_error_rate": 0.01, "max_error_percent": 1}},
            "success_criteria.max_error_percent",
            "not both",
        ),
        ({"success_criteria": [1]}, "success_criteria", "takes an object"),
        ({"steps": [{"weight": 100}]}, "steps", "would do nothing"),
        ({"initial_weight": True}, "initial_weight", "is not a number"),
        ({"initial_weight": float("1e300")}, "initial_weight", "is not a number"),
        ({"interval": {"seconds": 5}}, "interval", "is not a duration"),
        ({"speed": 3}, "", "There is no field “speed”"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(alice: Caller, spec: dict[str, Any], field: str, sentence: str) -> None:
    answer = alice.post("changes", ASKED | {"spec": ASKED["spec"] | spec})
    assert answer.status_code == 422
    problems = {problem["field"]: problem["message"] for problem in answer.json()["problems"]}
    assert sentence in problems[field]
    assert not ChangeRequest.objects.exists()


def test_following_a_canary(stage: Stage, alice: Caller) -> None:
    rollout = begin(stage)
    before = alice.get(f"rollouts/{rollout.pk}").json()
    assert before["current_weight"] == 0
    assert before["request_count"] is None, "nothing counted yet is not 0 requests"
    assert before["error_rate"] is None
    stage.errors = {"v2": 0.004}
    reach(stage, rollout, "observing", 1)
    stage.passes(20)
    body = alice.get(f"rollouts/{rollout.pk}").json()
    assert body["current_weight"] == 50
    assert body["request_count"] > 100
    assert 0.002 < body["error_rate"] < 0.006
    assert (body["is_complete"], body["has_failed"]) == (False, False)
    looks = alice.get(f"rollouts/{rollout.pk}/looks").json()
    assert looks[0]["end"] >= looks[-1]["end"]
    assert looks[0]["counts"]["canary"]["requests"] > 0
    assert "PASS" in {look["answer"] for look in looks}
    events = alice.get(f"rollouts/{rollout.pk}/events").json()
    assert events[-1]["code"] == "started"
    assert [found["id"] for found in alice.get("rollouts?active=true&service=reviews").json()] == [rollout.pk]
    assert alice.get("rollouts?active=false").json() == []


def test_a_promoted_and_a_failed_one_say_so(stage: Stage, alice: Caller) -> None:
    good = reach(stage, begin(stage), "succeeded", len(SPEC.steps) - 1, seconds=1500)
    assert alice.get(f"rollouts/{good.pk}").json()["is_complete"] is True
    Rollout.objects.filter(pk=good.pk).update(phase="rolled-back", failure="absolute")
    body = alice.get(f"rollouts/{good.pk}").json()
    assert (body["is_complete"], body["has_failed"], body["failure"]) == (False, True, "absolute")


def test_verbs_follow_the_role_behind_the_token(stage: Stage, alice: Caller, cast: Cast) -> None:
    rollout = reach(stage, begin(stage), "observing", 1)
    carol = Caller(cast.carol)
    address = f"rollouts/{rollout.pk}"
    assert carol.post(f"{address}/promote", {"reason": "Hurry"}).status_code == 403
    assert carol.post(f"{address}/pause", {"reason": ""}).status_code == 422
    assert carol.post(f"{address}/pause", {}).status_code == 422
    assert carol.post(f"{address}/pause", {"reason": "Odd"}).status_code == 200
    assert carol.post(f"{address}/pause", {"reason": "Odd"}).status_code == 409
    assert carol.post(f"{address}/resume").status_code == 403
    assert alice.post(f"{address}/resume").status_code == 200
    assert alice.post(f"{address}/lower", {"reason": "Less", "weight": 60}).status_code == 422
    assert alice.post(f"{address}/lower", {"reason": "Less", "weight": 5}).status_code == 200
    assert alice.post(f"{address}/abort", {"reason": "Enough"}).json()["has_failed"] is True
    assert alice.post(f"{address}/skip", {"reason": "x"}).status_code == 409


def test_a_token_never_lets_a_step_begin(stage: Stage, cast: Cast, alice: Caller) -> None:
    rollout = begin(stage)
    answer = Caller(cast.bob).post(f"rollouts/{rollout.pk}/steps/1/approve")
    assert answer.status_code == 403
    assert "signed-in session" in answer.json()["message"]


def test_a_stranger_finds_nothing(stage: Stage, cast: Cast) -> None:
    rollout = begin(stage)
    mallory = Caller(cast.mallory)
    for path in ("", "/looks", "/events"):
        assert mallory.get(f"rollouts/{rollout.pk}{path}").status_code == 404
    for verb in ("pause", "abort"):
        assert mallory.post(f"rollouts/{rollout.pk}/{verb}", {"reason": "x"}).status_code == 404
    assert mallory.post(f"rollouts/{rollout.pk}/steps/0/approve").status_code == 404
    assert mallory.get("rollouts").json() == []
    assert mallory.get(f"rollouts/{2**70}").status_code == 404


def test_freezes_are_set_seen_and_removed(stage: Stage, cast: Cast, alice: Caller) -> None:
    window = {"name": "Friday", "cron": "0 15 * * 5", "minutes": 600, "namespaces": ["bookinfo"]}
    assert alice.post("clusters/demo/freezes", window).status_code == 403
    dave = Caller(cast.dave)
    wrong = dave.post("clusters/demo/freezes", window | {"cron": "@daily", "minutes": 0})
    assert {problem["field"] for problem in wrong.json()["problems"]} == {"cron", "minutes"}
    made = dave.post("clusters/demo/freezes", window)
    assert made.status_code == 201
    assert made.json()["next_at"] is not None
    assert [found["name"] for found in alice.get("clusters/demo/freezes").json()] == ["Friday"]
    assert Caller(cast.mallory).get("clusters/demo/freezes").json() == [], "a window of another namespace is not hers to see"
    assert alice.client.delete(f"/api/v1/clusters/demo/freezes/{made.json()['id']}").status_code == 403
    assert dave.client.delete(f"/api/v1/clusters/demo/freezes/{made.json()['id']}").status_code == 204
    assert not FreezeWindow.objects.exists()


def test_everything_is_stopped_and_goes_on(stage: Stage, cast: Cast, alice: Caller) -> None:
    carol = Caller(cast.carol)
    assert alice.post("clusters/demo/stop", {"reason": "x"}).status_code == 403
    assert carol.post("clusters/demo/stop", {"reason": " "}).status_code == 422
    assert carol.post("clusters/demo/stop", {"reason": "Fire"}).json()["by"] == "carol"
    assert carol.post("clusters/demo/stop", {"reason": "Fire"}).status_code == 409
    assert alice.get("clusters/demo/stop").json()["reason"] == "Fire"
    assert carol.post("clusters/demo/stop/lift").json()["stopped"] is False
    assert carol.post("clusters/demo/stop/lift").status_code == 409
    assert alice.get("clusters/nowhere/stop").status_code == 404


def test_a_canary_is_followed_to_the_change_that_asked_for_it(stage: Stage, alice: Caller) -> None:
    rollout = begin(stage)
    ChangeRequest.objects.update(risk={"level": "medium", "reasons": []})
    body = alice.get(f"rollouts/{rollout.pk}").json()
    assert alice.get(f"changes/{body['change']}").json()["status"] == Status.WATCHING
