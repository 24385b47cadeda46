"""The form for weights, as a person meets it."""

from __future__ import annotations

import pytest
from django.test import Client

from meshportal.changes.models import ChangeRequest, Status
from tests.cast import Cast, Mesh, people, virtual_service

URL = "/policies/traffic/demo/bookinfo/reviews/"
GOOD = {"weight_v1": "90", "weight_v2": "10", "reason": "First traffic", "action": "submit"}

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


def test_the_form_starts_from_what_is_live(alice: Client) -> None:
    page = alice.get(URL).content.decode()
    assert 'name="weight_v1"' in page
    assert 'value="100"' in page
    assert 'name="weight_v2"' in page
    assert "3 / 3" in page


def test_submitting_makes_a_change_in_review_and_goes_to_it(alice: Client) -> None:
    answer = alice.post(URL, GOOD)
    change = ChangeRequest.objects.get()
    assert answer.status_code == 303
    assert answer["Location"] == f"/changes/{change.pk}/"
    assert change.status == Status.IN_REVIEW


def test_a_draft_is_kept_and_can_be_submitted_later(alice: Client) -> None:
    alice.post(URL, GOOD | {"action": "draft"})
    change = ChangeRequest.objects.get()
    assert change.status == Status.DRAFT
    alice.post(f"/changes/{change.pk}/submit/")
    change.refresh_from_db()
    assert change.status == Status.IN_REVIEW


def test_the_preview_says_it_in_words_fields_yaml_and_a_command(alice: Client) -> None:
    page = alice.post(URL + "preview/", GOOD).content.decode()
    assert "10 % of requests to reviews go to v2" in page
    assert "Weight of v2" in page
    assert "+      weight: 10" in page
    assert "kubectl -n bookinfo patch virtualservice reviews" in page
    assert not ChangeRequest.objects.exists()


def test_without_javascript_a_preview_button_does_the_same(alice: Client) -> None:
    answer = alice.post(URL, GOOD | {"action": "preview"})
    assert answer.status_code == 200
    assert "10 % of requests to reviews go to v2" in answer.content.decode()
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"weight_v2": "9"}, "The weights add up to 99 %"),
        ({"weight_v2": "ten"}, "is not a whole number"),
        ({"weight_v9": "10"}, "There is no subset"),
        ({"weight_v2": "1\x000"}, "is not a whole number"),
        ({"reason": ""}, "Say why"),
        ({"reason": "a\x00"}, "NUL"),
        ({"weight_v1": "100", "weight_v2": "0"}, "nothing would change"),
    ],
)
def test_bad_input_is_422_with_the_reason_and_keeps_what_was_typed(alice: Client, typed: dict[str, str], sentence: str) -> None:
    answer = alice.post(URL, GOOD | {"ticket": "BOOK-318"} | typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert "<title>Error:" in page
    assert 'value="BOOK-318"' in page
    assert 'role="alert"' in page
    assert not ChangeRequest.objects.exists()


def test_a_stale_form_is_409_with_the_fresh_difference(alice: Client, mesh: Mesh) -> None:
    base = alice.get(URL).content.decode().split('name="base" value="')[1].split('"')[0]
    mesh.api.put(virtual_service(v1=70, v2=30))
    mesh.observe()
    answer = alice.post(URL, GOOD | {"base": base})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "has changed since you opened" in page
    assert "30 %" in page
    assert "First traffic" in page
    assert not ChangeRequest.objects.exists()
    fresh = page.split('name="base" value="')[1].split('"')[0]
    assert alice.post(URL, GOOD | {"base": fresh}).status_code == 303


def test_a_megabyte_is_refused_without_a_row(alice: Client) -> None:
    answer = alice.post(URL, GOOD | {"reason": "x" * 1_000_000})
    assert 400 <= answer.status_code < 500
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize(
    ("who", "url", "status"),
    [
        ("bob", URL, 403),
        ("mallory", URL, 404),
        ("alice", "/policies/traffic/demo/elsewhere/reviews/", 404),
        ("alice", "/policies/traffic/other/bookinfo/reviews/", 404),
        ("alice", "/policies/traffic/demo/bookinfo/nothing/", 404),
    ],
)
def test_who_may_open_it(cast: Cast, mesh: Mesh, client: Client, who: str, url: str, status: int) -> None:
    client.force_login(getattr(cast, who))
    assert client.get(url).status_code == status
    assert client.post(url, GOOD).status_code == status
    assert not ChangeRequest.objects.exists()


def test_objects_that_cannot_carry_weights_say_why(alice: Client, mesh: Mesh) -> None:
    second = virtual_service(v1=100)
    second["metadata"]["name"] = "second"
    mesh.api.put(second)
    mesh.observe()
    assert "KIA1106" in alice.get(URL).content.decode()
    assert alice.post(URL, GOOD).status_code == 422


def test_sending_the_form_twice_makes_one_change_and_shows_it(alice: Client) -> None:
    first = alice.post(URL, GOOD)
    second = alice.post(URL, GOOD)
    assert second.status_code == 303
    assert second["Location"] == first["Location"]
    assert ChangeRequest.objects.count() == 1


def test_a_draft_is_edited_with_what_it_asks_and_then_submitted(alice: Client) -> None:
    alice.post(URL, GOOD | {"action": "draft", "ticket": "BOOK-1"})
    change = ChangeRequest.objects.get()
    assert f"{URL}?change={change.pk}" in alice.get(f"/changes/{change.pk}/").content.decode()
    page = alice.get(f"{URL}?change={change.pk}").content.decode()
    assert 'value="90"' in page
    assert "First traffic" in page
    assert 'value="BOOK-1"' in page
    alice.post(URL, GOOD | {"weight_v1": "80", "weight_v2": "20", "change": str(change.pk)})
    change.refresh_from_db()
    assert change.revision == 2
    assert change.status == Status.IN_REVIEW
    assert change.title == "Route 20 % of reviews to v2"
    assert ChangeRequest.objects.count() == 1


def test_a_change_that_is_stale_is_asked_for_again_from_its_page(alice: Client, mesh: Mesh) -> None:
    alice.post(URL, GOOD)
    change = ChangeRequest.objects.get()
    mesh.api.put(virtual_service(v1=70, v2=30))
    mesh.observe()
    page = alice.get(f"{URL}?change={change.pk}").content.decode()
    base = page.split('name="base" value="')[1].split('"')[0]
    assert alice.post(URL, GOOD | {"change": str(change.pk), "base": base}).status_code == 303
    change.refresh_from_db()
    assert change.revision == 2


@pytest.mark.parametrize("given", ["0", "999", "x", "1\x00", "٣", "9" * 40])
def test_editing_what_does_not_exist_is_404(alice: Client, given: str) -> None:
    assert alice.get(URL, {"change": given}).status_code == 404
    assert alice.post(URL, GOOD | {"change": given}).status_code == 404
    assert not ChangeRequest.objects.exists()


def test_a_change_of_another_service_is_not_edited_here(alice: Client) -> None:
    alice.post(URL, GOOD)
    change = ChangeRequest.objects.get()
    ChangeRequest.objects.update(service="ratings")
    assert alice.get(URL, {"change": str(change.pk)}).status_code == 404


def test_what_has_moved_on_cannot_be_edited_and_nothing_typed_is_lost(alice: Client) -> None:
    alice.post(URL, GOOD)
    change = ChangeRequest.objects.get()
    ChangeRequest.objects.update(status=Status.APPLIED)
    answer = alice.post(URL, GOOD | {"change": str(change.pk), "reason": "my long reason"})
    assert answer.status_code == 409
    assert "my long reason" in answer.content.decode()
    change.refresh_from_db()
    assert change.revision == 1


def test_what_the_rules_of_the_mesh_say_of_new_weights_must_be_confirmed(alice: Client, mesh: Mesh) -> None:
    foreign = virtual_service(v1=100)
    foreign["metadata"]["annotations"] = {
        "argocd.argoproj.io/tracking-id": "books:networking.istio.io/VirtualService:bookinfo/reviews"
    }
    mesh.api.put(foreign)
    mesh.observe()
    refused = alice.post(URL, GOOD)
    assert refused.status_code == 422
    assert "MP0266" in refused.content.decode(), "somebody else writes this object too"
    assert alice.post(URL, GOOD | {"confirm": "MP0266"}).status_code == 303
