"""What somebody sees when a page cannot be made."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory, override_settings

from meshportal.accounts.models import Person
from meshportal.web import errors

pytestmark = pytest.mark.urls("tests.web.urls")


@pytest.fixture
def client() -> Client:
    """A browser that is shown the page of a failure, as in production, instead of the exception."""
    return Client(raise_request_exception=False, headers={"host": "localhost"})


@pytest.fixture
def chen(client: Client) -> Person:
    person = Person.objects.create_user("chen.wei", first_name="Chen", last_name="Wei")
    client.force_login(person)
    return person


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "status", "says"),
    [
        ("/no/such/page/", 404, "There is nothing at this address"),
        ("/fail/gone/", 404, "There is no change CR-9."),
        ("/fail/forbidden/", 403, "Your roles do not include it"),
        ("/fail/bad/", 400, "The time range is not one of ours."),
    ],
)
def test_a_page_that_cannot_be_shown_says_why_in_the_frame_of_the_portal(
    client: Client, chen: Person, address: str, status: int, says: str
) -> None:
    response = client.get(address)
    page = response.content.decode()
    assert response.status_code == status
    assert says in page
    assert page.count("<h1") == 1
    assert 'class="mp-nav"' in page


@pytest.mark.django_db
def test_an_error_page_before_signing_in_has_no_navigation(client: Client) -> None:
    page = client.get("/no/such/page/").content.decode()
    assert "There is nothing at this address" in page
    assert 'class="mp-nav"' not in page


def test_a_failure_inside_shows_the_reference_that_the_log_has(caplog: pytest.LogCaptureFixture) -> None:
    # no django_db: this page must not ask the database, which may be what failed
    response = errors.server_error(RequestFactory().get("/services/"))
    page = response.content.decode()
    assert response.status_code == 500
    assert "could not make this page" in page
    assert "Nothing was changed" in page
    reference = page.split('<b class="mp-strong">')[1].split("</b>")[0]
    assert len(reference) == 8
    assert reference in caplog.text
    assert "/services/" in caplog.text


def test_a_failure_while_sending_a_form_does_not_promise_that_nothing_was_changed() -> None:
    page = errors.server_error(RequestFactory().post("/changes/")).content.decode()
    assert "Nothing was changed" not in page
    assert "Look at the list of changes" in page


@pytest.mark.django_db
def test_a_failing_view_answers_500_with_the_page(client: Client, chen: Person) -> None:
    response = client.get("/fail/broken/")
    assert response.status_code == 500
    page = response.content.decode()
    assert "could not make this page" in page
    assert "a secret of the inside" not in page


# an engine that finds no template at all
@override_settings(TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}])
def test_when_even_the_error_page_fails_there_is_an_answer() -> None:
    response = errors.server_error(RequestFactory().get("/"))
    assert response.status_code == 500
    assert "could not answer" in response.content.decode()


@pytest.mark.django_db
def test_a_body_that_is_too_large_is_refused_unread(client: Client) -> None:
    response = client.post("/read-form/", {"text": "x" * 2_200_000})
    assert response.status_code == 413
    assert "too large" in response.content.decode()


@pytest.mark.django_db
def test_a_form_from_an_old_page_is_refused_and_says_to_load_it_again() -> None:
    browser = Client(enforce_csrf_checks=True, headers={"host": "localhost"})
    response = browser.post("/account/sign-in/", {"username": "chen.wei", "password": "x"})
    assert response.status_code == 403
    assert "too old to be sent" in response.content.decode()


@pytest.mark.django_db
def test_a_request_for_another_host_gets_a_plain_refusal() -> None:
    response = Client(headers={"host": "evil.example"}).get("/account/sign-in/")
    assert response.status_code == 400
    assert "did not understand" in response.content.decode()
    assert "evil.example" not in response.content.decode()
