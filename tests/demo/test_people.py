"""The demo's cast."""

from __future__ import annotations

import pytest
from django.utils import timezone

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Scope, Verb, can
from meshportal.audit.models import AuditEvent
from meshportal.demo.people import admit, cast

pytestmark = pytest.mark.django_db
BOOKINFO, SHOP = Scope("sandbox", "bookinfo"), Scope("sandbox", "shop")


def test_everybody_may_what_their_part_needs_and_no_more() -> None:
    password = admit(cast("sandbox"), now=timezone.now())
    people = {person.username: person for person in Person.objects.all()}
    assert sorted(people) == ["alice", "bob", "carol", "dave", "erin"]
    assert all(person.check_password(password) for person in people.values())
    assert can(people["alice"], Verb.OPERATE, BOOKINFO)
    assert not can(people["alice"], Verb.VIEW, SHOP)
    assert [name for name, person in sorted(people.items()) if can(person, Verb.APPROVE, BOOKINFO)] == ["bob", "erin"]
    assert [name for name, person in sorted(people.items()) if can(person, Verb.RESPOND, SHOP)] == ["carol"]
    assert [name for name, person in sorted(people.items()) if can(person, Verb.ADMINISTER, SHOP)] == ["dave"]


def test_a_second_start_keeps_the_people_and_changes_the_password() -> None:
    first = admit(cast("sandbox"), now=timezone.now())
    before = set(Person.objects.values_list("pk", "username"))
    second = admit(cast("sandbox"), now=timezone.now())
    assert set(Person.objects.values_list("pk", "username")) == before
    alice = Person.objects.get(username="alice")
    assert alice.check_password(second)
    assert not alice.check_password(first)
    assert AuditEvent.objects.count() == 5


def test_the_password_is_nowhere_in_the_record() -> None:
    password = admit(cast("sandbox"), now=timezone.now())
    assert password not in str(list(AuditEvent.objects.values())) + str(list(Person.objects.values()))
