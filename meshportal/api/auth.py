"""Who calls: the person of a bearer token, with that person's roles."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from meshportal.accounts.models import Person
from meshportal.accounts.services import person_of_token


class BearerToken(HttpBearer):
    """Authorization: Bearer TOKEN."""

    def authenticate(self, request: HttpRequest, token: str) -> Person | None:
        person = person_of_token(token, now=timezone.now())
        if person is not None:
            request.user = person
        return person


def caller(request: HttpRequest) -> Person:
    """The person behind an authenticated request."""
    person = request.user
    if not isinstance(person, Person):
        raise TypeError("This endpoint was reached without a token")
    return person
