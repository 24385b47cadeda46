"""Taking a person in, with what they may do where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from meshportal.accounts.models import Person, Role, RoleBinding
from meshportal.audit.services import Actor, record


class PersonExists(ValueError):
    """Somebody of that name is there already."""


@dataclass(frozen=True)
class Grant:
    """A role in a scope; "" stands for every cluster, every namespace."""

    role: Role
    cluster: str = ""
    namespace: str = ""

    @classmethod
    def parse(cls, text: str) -> Grant:
        """From `ROLE`, `ROLE:CLUSTER` or `ROLE:CLUSTER/NAMESPACE`. Raises ValueError with a sentence for anything else."""
        found = re.fullmatch(r"([a-z]+)(?::([-a-z0-9]+)(?:/([-a-z0-9]+))?)?", text)
        if found is None or found[1] not in Role.values:
            raise ValueError(f"{text!r} is not ROLE[:CLUSTER[/NAMESPACE]] with a role of {', '.join(Role.values)}")
        return cls(Role(found[1]), found[2] or "", found[3] or "")

    def __str__(self) -> str:
        return f"{self.role} in {self.cluster or 'every cluster'}/{self.namespace or 'every namespace'}"


@transaction.atomic
def create_person(username: str, password: str, grants: list[Grant], *, by: Actor, now: datetime) -> Person:
    """A new person. Raises PersonExists, and django's ValidationError for a bad name or a password that is easy to guess."""
    if Person.objects.filter(username=username).exists():
        raise PersonExists(f"There is a person named {username} already")
    person = Person(username=username)
    validate_password(password, person)
    person.set_password(password)
    person.full_clean()
    person.save()
    what = _bind(person, grants)
    record(by, "create person", f"person {username}", f"Created {username}: {what}", now=now)
    return person


@transaction.atomic
def replace_roles(person: Person, grants: list[Grant], *, by: Actor, now: datetime) -> None:
    """From now on `person` has exactly these roles."""
    RoleBinding.objects.filter(person=person).delete()
    what = _bind(person, grants)
    record(by, "change roles", f"person {person.username}", f"Roles of {person.username} are now: {what}", now=now)


@transaction.atomic
def deactivate(person: Person, *, by: Actor, now: datetime) -> None:
    """End everything `person` can do: signing in, open sessions, tokens. What they did stays in the record."""
    Person.objects.filter(pk=person.pk).update(is_active=False)
    record(by, "deactivate", f"person {person.username}", f"Deactivated {person.username}", now=now)


def _bind(person: Person, grants: list[Grant]) -> str:
    for grant in dict.fromkeys(grants):
        RoleBinding.objects.create(person=person, role=grant.role, cluster=grant.cluster, namespace=grant.namespace)
    return "; ".join(str(grant) for grant in grants) or "no role"
