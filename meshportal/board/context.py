"""What the frame of every page shows: the meshes to choose from, and how many changes wait for the person."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from meshportal.accounts.models import Person
from meshportal.board.scope import mesh_of, meshes_of
from meshportal.changes.queries import waiting_for
from meshportal.clusters.models import Cluster


class Chrome:
    """Asked only for what a template uses: a fragment without the frame costs no query."""

    def __init__(self, request: HttpRequest, person: Person) -> None:
        self._request, self._person = request, person

    @cached_property
    def clusters(self) -> list[Cluster]:
        return meshes_of(self._person)

    @property
    def cluster(self) -> Cluster | None:
        return mesh_of(self._request, self.clusters)

    @cached_property
    def waiting(self) -> int:
        return waiting_for(self._person).count()

    @cached_property
    def now(self) -> datetime:
        return timezone.now()


def chrome_of(request: HttpRequest) -> Chrome:
    """The one Chrome of a request, so that a view and its template share their queries. The person must be signed in."""
    chrome: Chrome | None = getattr(request, "chrome", None)
    if chrome is None:
        person = request.user
        if not isinstance(person, Person):
            raise TypeError("The frame of a page is for people who signed in")
        chrome = request.chrome = Chrome(request, person)  # type: ignore[attr-defined]  # a cache that lives as long as the request
    return chrome


def chrome(request: HttpRequest) -> dict[str, Any]:
    """Context processor: {"chrome": Chrome}, or nothing for somebody who is not signed in."""
    person = getattr(request, "user", None)
    return {"chrome": chrome_of(request)} if isinstance(person, Person) else {}
