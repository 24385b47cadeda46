"""In which language and theme a page is shown, and who decides it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import translation

from meshportal.accounts.models import Person

SIGN_IN = "/account/sign-in/"
PREFERENCES = "/account/preferences/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor() -> Client:
    return Client(headers={"host": "localhost"})


@pytest.fixture
def chen(visitor: Client) -> Person:
    person = Person.objects.create_user("chen.wei", "", "correct horse", first_name="Chen", last_name="Wei")
    visitor.force_login(person)
    return person


def html_tag(page: bytes) -> str:
    text = page.decode()
    start = text.index("<html")
    return text[start : text.index(">", start) + 1]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("zh-CN,zh;q=0.9", "zh-Hans"), ("zh-Hans", "zh-Hans"), ("en-GB", "en"), ("de", "en"), ("", "en"), ("*;;q=x", "en")],
)
def test_before_signing_in_the_browser_decides_the_language(visitor: Client, asked: str, shown: str) -> None:
    response = visitor.get(SIGN_IN, headers={"accept-language": asked})
    assert f'lang="{shown}"' in html_tag(response.content)
    assert "Accept-Language" in response["Vary"]


def test_the_switch_of_language_is_for_everybody_and_stays_in_this_browser(visitor: Client) -> None:
    response = visitor.post("/i18n/language/", {"language": "zh-hans", "next": f"{SIGN_IN}?next=/audit/"})
    assert (response.status_code, response["Location"]) == (303, f"{SIGN_IN}?next=/audit/")
    assert 'lang="zh-Hans"' in html_tag(visitor.get(SIGN_IN, headers={"accept-language": "en"}).content)


def test_the_switch_of_language_changes_what_the_person_chose(visitor: Client, chen: Person) -> None:
    visitor.post("/i18n/language/", {"language": "zh-hans"})
    chen.refresh_from_db()
    assert chen.language == "zh-hans"


@pytest.mark.parametrize("elsewhere", ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "/\\evil.example"])
def test_the_switch_of_language_leads_nowhere_else(visitor: Client, elsewhere: str) -> None:
    response = visitor.post("/i18n/language/", {"language": "en", "next": elsewhere})
    assert response["Location"] == "/"


@pytest.mark.parametrize("code", ["", "tlh", "../../etc/passwd"])
def test_a_language_that_the_portal_does_not_speak_is_refused(visitor: Client, code: str) -> None:
    assert visitor.post("/i18n/language/", {"language": code}).status_code == 400


def test_looking_at_the_switch_of_language_changes_nothing(visitor: Client) -> None:
    assert visitor.get("/i18n/language/?language=zh-hans").status_code == 405


def test_preferences_hold_in_every_browser(visitor: Client, chen: Person) -> None:
    response = visitor.post(PREFERENCES, {"theme": "dark", "language": "zh-hans"})
    assert (response.status_code, response["Location"]) == (303, PREFERENCES)
    other = Client(headers={"host": "localhost"})
    other.force_login(chen)
    tag = html_tag(other.get(PREFERENCES, headers={"accept-language": "en"}).content)
    assert 'data-bs-theme="dark"' in tag
    assert 'lang="zh-Hans"' in tag


def test_the_language_of_the_person_stays_after_signing_out(visitor: Client, chen: Person) -> None:
    visitor.post(PREFERENCES, {"theme": "system", "language": "zh-hans"})
    visitor.get(PREFERENCES)
    visitor.post("/account/sign-out/")
    assert 'lang="zh-Hans"' in html_tag(visitor.get(SIGN_IN).content)


def test_giving_up_the_choice_lets_the_browser_decide_again(visitor: Client, chen: Person) -> None:
    visitor.post("/i18n/language/", {"language": "zh-hans"})
    visitor.post(PREFERENCES, {"theme": "system", "language": ""})
    tag = html_tag(visitor.get(PREFERENCES, headers={"accept-language": "en"}).content)
    assert 'lang="en"' in tag
    assert "data-bs-theme" not in tag, "the system decides the theme until the person does"


def test_a_theme_that_does_not_exist_is_refused_with_a_page_that_says_so(visitor: Client, chen: Person) -> None:
    response = visitor.post(PREFERENCES, {"theme": "pink", "language": ""})
    page = response.content.decode()
    assert response.status_code == 422
    assert 'role="alert"' in page
    assert "<title>Error:" in page


def test_a_request_in_chinese_leaves_the_next_one_alone(visitor: Client) -> None:
    with translation.override("en"):
        visitor.get(SIGN_IN, headers={"accept-language": "zh-CN"})
        assert translation.get_language() == "en"
