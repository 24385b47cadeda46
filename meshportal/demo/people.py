"""The people of the demo and the row of its mesh. Made once; every start only gives them a fresh password."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import transaction

from meshportal.accounts.models import Person, Role, RoleBinding
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import Actor, record

DEMO = Actor(None, "demo", AuditEvent.Via.COMMAND)


@dataclass(frozen=True)
class Member:
    """Somebody of the demo's cast: what they may do, and where ("" is everywhere)."""

    username: str
    name: str
    role: Role
    cluster: str
    namespace: str
    does: str


def cast(cluster: str) -> list[Member]:
    """Who signs in to the demo of the mesh named `cluster`."""
    return [
        Member("alice", "Alice", Role.OPERATOR, cluster, "bookinfo", "operator in bookinfo: asks for changes there"),
        Member("bob", "Bob", Role.APPROVER, cluster, "", "approver: decides on what others ask for"),
        Member("erin", "Erin", Role.APPROVER, cluster, "", "approver: the second one, where two are needed"),
        Member(
            "carol",
            "Carol",
            Role.RESPONDER,
            cluster,
            "",
            "responder, on call: stops changes, settles what needs a hand",
        ),
        Member("dave", "Dave", Role.ADMIN, "", "", "admin: settings; does not approve"),
    ]


@transaction.atomic
def admit(members: list[Member], *, now: datetime) -> str:
    """Create who is missing, with their role, and give all of them one new password: the return value, kept nowhere else."""
    password = "-".join(secrets.token_hex(2) for _ in range(4))  # 64 bits
    hashed = make_password(password)  # once for all: hashing is slow on purpose
    for member in members:
        person, made = Person.objects.get_or_create(username=member.username, defaults={"first_name": member.name})
        RoleBinding.objects.get_or_create(person=person, role=member.role, cluster=member.cluster, namespace=member.namespace)
        Person.objects.filter(pk=person.pk).update(password=hashed)
        if made:
            where = f"{member.cluster or '*'}/{member.namespace or '*'}"
            sentence = f"Created {member.username}, {member.role} in {where}"
            record(DEMO, "create person", f"person {member.username}", sentence, now=now)
    return password
