"""Getting in, staying out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from meshportal.accounts import throttle
from meshportal.accounts.models import Person, SignInFailure

SIGN_IN = "/account/sign-in/"
PASSWORD = "correct horse battery"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def mei() -> Person:
    return Person.objects.create_user("mei.tan", "", PASSWORD, first_name="Mei", last_name="Tan")


@pytest.fixture
def visitor() -> Client:
    return Client(headers={"host": "localhost"})


def signed_in(visitor: Client) -> bool:
    return "_auth_user_id" in visitor.session


def post(visitor: Client, password: str = PASSWORD, **more: str) -> int:
    return visitor.post(SIGN_IN, {"username": "mei.tan", "password": password, **more}).status_code


def test_the_right_password_opens_the_board(visitor: Client, mei: Person) -> None:
    response = visitor.post(SIGN_IN, {"username": "mei.tan", "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/")
    assert signed_in(visitor)


def test_a_page_asked_for_before_is_shown_after(visitor: Client, mei: Person) -> None:
    asked = visitor.get("/account/preferences/")
    assert asked.status_code == 302
    page = visitor.get(asked["Location"]).content.decode()
    assert 'name="next" value="/account/preferences/"' in page
    assert visitor.post(asked["Location"], {"username": "mei.tan", "password": PASSWORD})["Location"] == "/account/preferences/"


@pytest.mark.parametrize("elsewhere", ["//evil.example/", "https://evil.example/", "http:evil.example", "/\\evil.example"])
def test_signing_in_leads_nowhere_else(visitor: Client, mei: Person, elsewhere: str) -> None:
    response = visitor.post(SIGN_IN, {"username": "mei.tan", "password": PASSWORD, "next": elsewhere})
    assert response["Location"] == "/"


def test_a_wrong_password_says_so_without_saying_which_part_was_wrong(visitor: Client, mei: Person) -> None:
    wrong = visitor.post(SIGN_IN, {"username": "mei.tan", "password": "guess"})
    unknown = visitor.post(SIGN_IN, {"username": "nobody", "password": "guess"})
    assert (wrong.status_code, unknown.status_code) == (422, 422)
    sentence = "This name and password do not belong together."
    assert sentence in wrong.content.decode()
    assert sentence in unknown.content.decode()
    assert "guess" not in wrong.content.decode(), "a password must not come back in the page"
    assert not signed_in(visitor)


def test_somebody_who_left_cannot_sign_in_and_hears_the_same_sentence(visitor: Client, mei: Person) -> None:
    Person.objects.update(is_active=False)
    response = visitor.post(SIGN_IN, {"username": "mei.tan", "password": PASSWORD})
    assert response.status_code == 422
    assert "This name and password do not belong together." in response.content.decode()


def test_somebody_who_leaves_while_signed_in_is_out_at_the_next_page(visitor: Client, mei: Person) -> None:
    visitor.force_login(mei)
    assert visitor.get("/account/preferences/").status_code == 200
    Person.objects.update(is_active=False)
    assert visitor.get("/account/preferences/").status_code == 302


def test_a_page_whose_session_ended_goes_to_the_sign_in_page_as_a_whole_and_comes_back(visitor: Client) -> None:
    asking = {"HX-Request": "true", "HX-Current-URL": "http://localhost/account/preferences/"}
    response = visitor.get("/account/preferences/", headers=asking)
    assert response["HX-Redirect"] == f"{SIGN_IN}?next=%2Faccount%2Fpreferences%2F"
    elsewhere = visitor.get("/account/preferences/", headers={**asking, "HX-Current-URL": "https://evil.example/x"})
    assert elsewhere["HX-Redirect"] == f"{SIGN_IN}?next=%2F"


def test_signing_out_takes_a_post_and_ends_the_session(visitor: Client, mei: Person) -> None:
    visitor.force_login(mei)
    assert visitor.get("/account/sign-out/").status_code == 405
    assert visitor.post("/account/sign-out/")["Location"] == SIGN_IN
    assert not signed_in(visitor)


def test_signing_in_changes_the_session_so_that_one_planted_before_is_worth_nothing(visitor: Client, mei: Person) -> None:
    visitor.post("/i18n/language/", {"language": "en"})
    session = visitor.session
    session["planted"] = True
    session.save()
    before = session.session_key
    post(visitor)
    assert signed_in(visitor)
    assert visitor.session.session_key != before


def test_guessing_is_stopped_after_ten_tries_and_the_page_says_when_to_come_back(visitor: Client, mei: Person) -> None:
    assert [post(visitor, f"guess {n}") for n in range(throttle.LIMIT)] == [422] * throttle.LIMIT
    refused = visitor.post(SIGN_IN, {"username": "mei.tan", "password": PASSWORD})
    assert refused.status_code == 429, "even the right password has to wait"
    first = SignInFailure.objects.order_by("pk")[0].at
    assert f"Try again at {timezone.localtime(first + throttle.WINDOW):%H:%M:%S}" in refused.content.decode()
    assert not signed_in(visitor)


def test_writing_the_name_in_capitals_gives_no_more_tries(visitor: Client, mei: Person) -> None:
    for n in range(throttle.LIMIT):
        visitor.post(SIGN_IN, {"username": "Mei.Tan" if n % 2 else "MEI.TAN", "password": "guess"})
    assert post(visitor) == 429


def test_somebody_at_another_address_is_not_locked_out_by_a_guesser(visitor: Client, mei: Person) -> None:
    for _try in range(throttle.LIMIT):
        post(visitor, "guess")
    elsewhere = Client(headers={"host": "localhost"}, REMOTE_ADDR="192.0.2.7")
    assert post(elsewhere) == 302


def test_another_name_at_the_same_address_is_not_locked_out(visitor: Client, mei: Person) -> None:
    for _try in range(throttle.LIMIT):
        visitor.post(SIGN_IN, {"username": "sam.ortiz", "password": "guess"})
    assert post(visitor) == 302


def test_signing_in_forgets_the_failures_before_it(visitor: Client, mei: Person) -> None:
    for _try in range(throttle.LIMIT - 1):
        post(visitor, "guess")
    assert post(visitor) == 302
    assert not SignInFailure.objects.exists()


def test_an_empty_form_is_not_a_failed_try(visitor: Client, mei: Person) -> None:
    assert post(visitor, "") == 422
    assert not SignInFailure.objects.exists()


def test_who_waits_is_let_in_even_after_trying_meanwhile() -> None:
    for n in range(throttle.LIMIT):
        throttle.begin("mei.tan", "192.0.2.1", NOON + timedelta(seconds=n))
    for n in range(5):
        with pytest.raises(throttle.TooManyFailures) as refusal:
            throttle.begin("mei.tan", "192.0.2.1", NOON + timedelta(seconds=60 + n))
        assert refusal.value.until == NOON + throttle.WINDOW
    throttle.begin("mei.tan", "192.0.2.1", NOON + throttle.WINDOW)


def test_failures_that_no_longer_count_are_not_kept() -> None:
    throttle.begin("mei.tan", "192.0.2.1", NOON)
    throttle.begin("sam.ortiz", "192.0.2.2", NOON + throttle.WINDOW)
    assert [failure.username for failure in SignInFailure.objects.all()] == ["sam.ortiz"]
