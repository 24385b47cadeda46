"""Verbs on people and tokens."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction

from meshportal.accounts.models import ApiToken, Person
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import Actor, record

TOKEN_PREFIX = "mp_"  # noqa: S105  makes leaked tokens easy to find


class TokenNameTaken(ValueError):
    """The person has a token of that name already."""


def actor(person: Person, via: AuditEvent.Via = AuditEvent.Via.PAGE) -> Actor:
    """`person` as the audit record keeps them."""
    return Actor(person.pk, person.username, via)


def hash_token(plain: str) -> str:
    # Tokens carry 256 random bits, so one round of SHA-256 is enough: there is nothing to guess.
    return hashlib.sha256(plain.encode()).hexdigest()


@transaction.atomic
def issue_token(person: Person, name: str, *, by: Actor, now: datetime, days: int | None = 90) -> str:
    """A new token of `person`; the return value is the only time it is readable. Raises TokenNameTaken."""
    if ApiToken.objects.filter(person=person, name=name).exists():
        raise TokenNameTaken(f"{person.username} has a token named {name!r} already: choose another name or revoke it first")
    plain = TOKEN_PREFIX + secrets.token_urlsafe(32)
    ApiToken.objects.create(
        person=person, name=name, prefix=plain[:9], hash=hash_token(plain), created_at=now,
        expires_at=now + timedelta(days=days) if days else None,
    )  # fmt: skip
    record(by, "issue token", f"person {person.username}", f"Issued API token {name!r} for {person.username}", now=now)
    return plain


@transaction.atomic
def revoke_token(person: Person, name: str, *, by: Actor, now: datetime) -> bool:
    """End a token of `person` at once. False where there is none of that name that still works."""
    ended = ApiToken.objects.filter(person=person, name=name, revoked_at=None).update(revoked_at=now)
    if ended:
        record(by, "revoke token", f"person {person.username}", f"Revoked API token {name!r} of {person.username}", now=now)
    return bool(ended)


def person_of_token(plain: str, *, now: datetime) -> Person | None:
    """Whose token this is, or None if it is unknown, expired, revoked, or its person is inactive."""
    token = ApiToken.objects.select_related("person").filter(hash=hash_token(plain)).first()
    if token is None or token.revoked_at or (token.expires_at and token.expires_at <= now) or not token.person.is_active:
        return None
    if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token.person
