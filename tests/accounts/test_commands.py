"""`manage.py person` and `manage.py token`."""

from __future__ import annotations

import io
import sys

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Scope, Verb, can
from meshportal.accounts.services import person_of_token
from meshportal.audit.models import AuditEvent

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


def create(monkeypatch: pytest.MonkeyPatch, *arguments: str, password: str = PASSWORD) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(password + "\n"))
    call_command("person", *arguments, "--password-stdin", stdout=io.StringIO())


def test_a_new_person_may_what_their_roles_say_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    create(monkeypatch, "zoe", "--role", "operator:east/shop", "--role", "viewer:west")
    zoe = Person.objects.get(username="zoe")
    assert zoe.check_password(PASSWORD)
    assert can(zoe, Verb.OPERATE, Scope("east", "shop"))
    assert can(zoe, Verb.VIEW, Scope("west", "anything"))
    assert not can(zoe, Verb.OPERATE, Scope("east", "legacy"))
    assert not can(zoe, Verb.OPERATE, Scope("west", "shop"))
    event = AuditEvent.objects.get()
    assert event.sentence == "Created zoe: operator in east/shop; viewer in west/every namespace"
    assert PASSWORD not in str(event.data) + event.sentence


@pytest.mark.parametrize("password", ["", "short", "password1234", "123456789012", "zoezoezoe"])
def test_a_password_that_is_easy_to_guess_is_refused(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    with pytest.raises(CommandError, match="password"):
        create(monkeypatch, "zoezoezoe", password=password)
    assert not Person.objects.exists()


def test_a_name_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    create(monkeypatch, "zoe")
    with pytest.raises(CommandError, match="zoe already"):
        create(monkeypatch, "zoe")


def test_without_a_terminal_it_does_not_invent_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(CommandError, match="--password-stdin"):
        call_command("person", "zoe")
    assert not Person.objects.exists()


@pytest.mark.parametrize("role", ["king", "viewer:", "viewer:a/", "viewer:a/b/c", "viewer a"])
def test_a_role_that_is_none_is_explained(monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    with pytest.raises(CommandError, match=r"ROLE\[:CLUSTER\[/NAMESPACE\]\]"):
        create(monkeypatch, "zoe", "--role", role)


def test_a_token_is_printed_once_and_opens_for_its_person() -> None:
    Person.objects.create_user("zoe")
    out = io.StringIO()
    call_command("token", "zoe", "--name", "pipeline", stdout=out)
    plain = out.getvalue().strip()
    owner = person_of_token(plain, now=timezone.now())
    assert owner is not None
    assert owner.username == "zoe"
    assert plain not in str(list(AuditEvent.objects.values()))
    with pytest.raises(CommandError, match="pipeline"):
        call_command("token", "zoe", "--name", "pipeline")


def test_nobody_has_no_token() -> None:
    Person.objects.create_user("gone", is_active=False)
    for name in ("nobody", "gone"):
        with pytest.raises(CommandError, match=name):
            call_command("token", name, "--name", "x")


def test_a_revoked_token_ends_at_once_and_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    create(monkeypatch, "zoe")
    out = io.StringIO()
    call_command("token", "zoe", "--name", "ci", stdout=out)
    plain = out.getvalue().strip()
    assert person_of_token(plain, now=timezone.now()) is not None
    call_command("token", "zoe", "--name", "ci", "--revoke", stdout=io.StringIO())
    assert person_of_token(plain, now=timezone.now()) is None
    assert AuditEvent.objects.filter(verb="revoke token").count() == 1
    with pytest.raises(CommandError, match="no working token"):
        call_command("token", "zoe", "--name", "ci", "--revoke")


def test_roles_are_replaced_and_a_person_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    create(monkeypatch, "zoe", "--role", "operator:east/shop")
    out = io.StringIO()
    call_command("token", "zoe", "--name", "ci", stdout=out)
    call_command("person", "zoe", "--replace-roles", "--role", "viewer:east", stdout=io.StringIO())
    zoe = Person.objects.get(username="zoe")
    assert can(zoe, Verb.VIEW, Scope("east", "shop"))
    assert not can(zoe, Verb.OPERATE, Scope("east", "shop"))
    call_command("person", "zoe", "--deactivate", stdout=io.StringIO())
    assert not can(Person.objects.get(username="zoe"), Verb.VIEW, Scope("east", "shop"))
    assert person_of_token(out.getvalue().strip(), now=timezone.now()) is None
    assert list(AuditEvent.objects.order_by("sequence").values_list("verb", flat=True))[-2:] == ["change roles", "deactivate"]
    with pytest.raises(CommandError, match="no person"):
        call_command("person", "nobody", "--deactivate")
