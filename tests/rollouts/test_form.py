"""The form that starts a canary, as a person meets it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from meshportal.changes.models import ChangeRequest, Status
from meshportal.mesh.snapshot import VersionNow
from tests.cast import Cast, Mesh, people, virtual_service

URL = "/rollouts/start/demo/bookinfo/reviews/"
GOOD = {
    "baseline": "v1",
    "canary": "v2",
    "how": "even",
    "initial_weight": "5",
    "increment": "5",
    "interval": "5m",
    "steps": "",
    "success_criteria.max_error_percent": "1",
    "success_criteria.min_request_count": "100",
    "reason": "New layout",
    "action": "submit",
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    return Mesh()


@pytest.fixture
def alice(cast: Cast, mesh: Mesh, client: Client) -> Client:
    client.force_login(cast.alice)
    return client


def route_of(change: ChangeRequest) -> dict[str, Any]:
    after = change.revisions.get().items.get(kind="VirtualService").after
    assert after is not None
    return dict(after["spec"]["http"][0])


def spec_of(change: ChangeRequest) -> dict[str, Any]:
    return dict(change.revisions.get(number=change.revision).intent["spec"])


def test_it_starts_with_the_version_that_answers_and_the_one_that_waits(alice: Client) -> None:
    page = alice.get(URL).content.decode()
    assert '<option value="v1" selected>v1, 3 of 3 pods ready</option>' in page
    assert '<option value="v2" selected>v2, 2 of 2 pods ready</option>' in page
    assert 'name="success_criteria.max_error_percent"' in page
    assert "Live now:" not in page


def test_submitting_makes_a_change_in_review_with_both_destinations_in_the_route(alice: Client) -> None:
    answer = alice.post(URL, GOOD)
    change = ChangeRequest.objects.get()
    assert answer.status_code == 303, answer.content.decode()
    assert change.status == Status.IN_REVIEW
    assert change.title == "Canary of reviews: v1 → v2"
    spec = spec_of(change)
    assert [step["weight"] for step in spec["steps"]] == [*range(5, 101, 5)]
    assert spec["criteria"]["max_error_rate"] == 0.01
    route = route_of(change)
    assert [(entry["destination"]["subset"], entry["weight"]) for entry in route["route"]] == [("v1", 100), ("v2", 0)]
    assert route["timeout"] == "3s"


def test_the_preview_says_how_long_it_takes_and_what_it_can_detect(alice: Client) -> None:
    page = alice.post(URL + "preview/", GOOD).content.decode()
    assert "v2 starts at 5\N{NO-BREAK SPACE}% of the requests to reviews, then 10" in page
    # nineteen steps of five minutes, and ten minutes at 100 %
    assert "at least 1 h 45 min at the present traffic" in page
    assert "100 requests cannot show 1\N{NO-BREAK SPACE}%: 299 clean ones can." in page
    assert "At 5 % the canary gets about 300 requests in its least time" in page
    assert "What each step can decide" in page
    assert not ChangeRequest.objects.exists()


def test_the_words_stand_on_the_change_too(alice: Client) -> None:
    alice.post(URL, GOOD)
    page = alice.get(f"/changes/{ChangeRequest.objects.get().pk}/").content.decode()
    assert "299 clean ones can." in page
    assert "requests move by themselves, step by step, and back if it goes wrong" in page


def test_steps_can_be_listed_with_times_and_approvals_of_their_own(alice: Client) -> None:
    listed = GOOD | {
        "how": "listed",
        "steps[0].weight": "10",
        "steps[0].pause": "90s",
        "steps[0].approval": "",
        "steps[1].weight": "100",
        "steps[1].pause": "",
        "steps[1].approval": "true",
    }
    assert alice.post(URL, listed).status_code == 303
    steps = spec_of(ChangeRequest.objects.get())["steps"]
    assert steps == [
        {"weight": 10, "seconds": 90.0, "approval": False},
        {"weight": 100, "seconds": 300.0, "approval": True},
    ]
    page = alice.get(f"{URL}?change={ChangeRequest.objects.get().pk}").content.decode()
    assert 'name="steps[1].weight" inputmode="numeric" autocomplete="off" value="100"' in page


def test_a_step_is_added_without_a_script_and_nothing_typed_is_lost(alice: Client) -> None:
    page = alice.post(URL, GOOD | {"action": "add:steps", "ticket": "BOOK-7"}).content.decode()
    assert 'name="steps[0].weight"' in page
    assert 'value="BOOK-7"' in page


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"canary": "v1"}, "cannot be its own canary"),
        ({"canary": "v9"}, "There is no subset “v9”"),
        ({"initial_weight": "0"}, "does not lie between 1 and 100"),
        ({"initial_weight": "5.5"}, "is not a whole number"),
        ({"interval": "soon"}, "is not a duration"),
        ({"interval": "0"}, "does not lie between 1s and"),
        ({"success_criteria.max_error_percent": "60"}, "is not a percentage above 0 and up to 50"),
        ({"success_criteria.min_request_count": "\u0661"}, "is not a number"),
        ({"slow_ms": "700"}, "Prometheus has no count of requests over 700 ms"),
        ({"how": "listed"}, "List at least one step"),
        ({"how": "listed", "steps[0].weight": "50", "steps[1].weight": "40"}, "does not rise above"),
        ({"how": "listed", "steps[0].weight": "50"}, "The last step ends at 50 %"),
        ({"step_timeout": "1m"}, "The longest step takes 5m"),
        ({"max_blind": "20m"}, "has to be held before that"),
        ({"reason": ""}, "Say why"),
    ],
)
def test_bad_input_is_422_with_the_reason_and_keeps_what_was_typed(alice: Client, typed: dict[str, str], sentence: str) -> None:
    answer = alice.post(URL, GOOD | {"ticket": "BOOK-318"} | typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert "<title>Error:" in page
    assert 'value="BOOK-318"' in page
    assert not ChangeRequest.objects.exists()


def test_a_canary_needs_pods_that_are_ready(alice: Client, mesh: Mesh) -> None:
    mesh.observe(versions=(VersionNow("v1", 3, 3, 100.0, 100.0, 20.0), VersionNow("v2", 0, 2, None, None, None)))
    answer = alice.post(URL, GOOD)
    assert answer.status_code == 422
    assert "No pod of v2 is ready (0 of 2)." in answer.content.decode()


def test_with_one_version_the_form_says_what_is_missing(alice: Client, mesh: Mesh) -> None:
    mesh.observe(versions=(VersionNow("v1", 3, 3, 100.0, 100.0, 20.0),))
    assert "Only v1 has pods. Start pods of the new version first" in alice.get(URL).content.decode()


def test_without_traffic_it_must_be_confirmed_that_it_will_be_held(alice: Client, mesh: Mesh) -> None:
    mesh.observe(per_second=None)
    page = alice.post(URL, GOOD).content.decode()
    assert "Nobody knows how many requests this service gets." in page
    assert alice.post(URL, GOOD | {"confirm": "MP0905"}).status_code == 303


def test_a_third_version_that_gets_requests_is_in_the_way(alice: Client, mesh: Mesh) -> None:
    mesh.api.put(virtual_service(v1=70, v2=0, v3=30))
    mesh.observe()
    answer = alice.post(URL, GOOD)
    assert answer.status_code == 422
    assert "Other versions get requests too (v3 30" in answer.content.decode()


def test_a_third_version_that_gets_nothing_leaves_the_route(alice: Client, mesh: Mesh) -> None:
    mesh.api.put(virtual_service(v1=100, v3=0))
    mesh.observe()
    assert alice.post(URL, GOOD).status_code == 303
    route = route_of(ChangeRequest.objects.get())["route"]
    assert [entry["destination"]["subset"] for entry in route] == ["v1", "v2"]


def test_a_version_without_a_subset_gets_one_first(cast: Cast, client: Client) -> None:
    Mesh("v1")
    client.force_login(cast.alice)
    assert client.post(URL, GOOD).status_code == 303
    first, second = ChangeRequest.objects.get().revisions.get().items.all()
    assert first.after is not None
    assert [subset["name"] for subset in first.after["spec"]["subsets"]] == ["v1", "v2"]
    assert second.kind == "VirtualService"


@pytest.mark.parametrize(("who", "status"), [("mallory", 404), ("carol", 403), ("bob", 403)])
def test_it_takes_an_operator(cast: Cast, mesh: Mesh, client: Client, who: str, status: int) -> None:
    client.force_login(getattr(cast, who))
    assert client.get(URL).status_code == status
    assert client.post(URL, GOOD).status_code == status


def test_the_threshold_rule_says_how_often_it_is_wrong(alice: Client) -> None:
    page = alice.post(URL + "preview/", GOOD | {"rule": "threshold"}).content.decode()
    assert "of healthy canaries with a true error rate of 0.8" in page


def test_what_the_rules_of_the_mesh_say_is_said_here_too(alice: Client, mesh: Mesh) -> None:
    live = virtual_service(v1=100)
    live["spec"]["http"][0] |= {"timeout": "1s", "retries": {"attempts": 5, "perTryTimeout": "2s"}}
    mesh.api.put(live)
    mesh.observe()
    answer = alice.post(URL + "preview/", GOOD)
    assert answer.status_code == 200
    assert "2s" in answer.content.decode()


def test_what_is_suggested_is_previewed_at_once(alice: Client) -> None:
    assert "299 clean ones can." in alice.get(URL).content.decode()


def test_a_large_first_step_is_a_high_risk(alice: Client) -> None:
    alice.post(URL, GOOD | {"initial_weight": "60", "increment": "40"})
    assert ChangeRequest.objects.get().risk["level"] == "high"


def test_what_the_rules_of_the_mesh_say_of_the_route_stands_beside_what_is_said_of_the_canary(alice: Client, mesh: Mesh) -> None:
    route = virtual_service(v1=100)
    route["spec"]["http"][0]["retries"] |= {"perTryTimeout": "2s"}
    mesh.api.put(route)
    mesh.observe()
    page = alice.post(URL + "preview/", GOOD).content.decode()
    assert "3 tries of 2s each do not fit into the timeout of 3s" in page


def test_a_percent_sign_of_a_label_stands_there_once(alice: Client) -> None:
    page = alice.get(URL).content.decode()
    assert "%" in page
    assert "%%" not in page
