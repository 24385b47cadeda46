"""The request of somebody who is signed in."""

from __future__ import annotations

from meshportal.accounts.models import Person
from meshportal.web.htmx import Request


class PersonRequest(Request):
    """What a view gets behind SignInRequiredMiddleware: `user` is always a person."""

    user: Person
