"""The board as a stream: who may read it, and what changed since the last look. Handed to the stream endpoint in asgi.py."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, close_old_connections
from django.utils import timezone, translation

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Namespaces, visible_namespaces
from meshportal.board.blocks import difference
from meshportal.board.page import Board
from meshportal.board.reading import read_board
from meshportal.catalog.models import Snapshot
from meshportal.clusters.models import Cluster
from meshportal.web.stream import Frame, Viewer

log = structlog.get_logger(__name__)

ADDRESS = re.compile(r"/stream/([a-z0-9]([-a-z0-9]*[a-z0-9])?)/")
# Changes and the worker's age move without a new snapshot; they are looked at after this many looks at its version.
LOOKS = 10


@dataclass(frozen=True)
class Audience:
    """Those who see the same board: the same mesh, the same namespaces, the same language."""

    cluster: str
    namespaces: Namespaces
    language: str


async def authenticate(scope: MutableMapping[str, Any]) -> Viewer | None:
    """Who opened this connection and what they may see, by their session; None if that is nothing."""
    return await sync_to_async(_viewer)(scope)


def _viewer(scope: MutableMapping[str, Any]) -> Viewer | None:
    close_old_connections()
    address = ADDRESS.fullmatch(scope["path"])
    person = _person(scope)
    if address is None or person is None:
        return None
    cluster = address[1]
    namespaces = visible_namespaces(person, cluster)
    if not namespaces or not Cluster.objects.filter(name=cluster).exists():
        return None
    return Viewer(str(person.pk), Audience(cluster, namespaces, _language(scope)))


def _person(scope: MutableMapping[str, Any]) -> Person | None:
    """The active person whose session cookie this is. Django checks age and password of the session."""
    request = ASGIRequest(scope, BytesIO())
    store = import_module(settings.SESSION_ENGINE).SessionStore
    request.session = store(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    person = get_user(request)
    return person if isinstance(person, Person) and person.is_active else None


def _language(scope: MutableMapping[str, Any]) -> str:
    """The language of the page that asks: a stream must speak as the page around it does."""
    asked = parse_qs(scope["query_string"].decode("latin-1")).get("language", [""])[0]
    return asked if asked in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


async def frames(audience: Audience, *, pause: float = 1.0) -> AsyncIterator[Frame]:
    """What changed on the board of `audience`, looked for every `pause` seconds. The first frame asks for the whole page."""
    known: Board | None = None
    number, looks = -1, 0
    while True:
        looks += 1
        try:
            latest = await sync_to_async(_version)(audience.cluster)
            if latest != number or looks >= LOOKS:
                number, looks = latest, 0
                board = await sync_to_async(_read)(audience)
                if board is not None and (known is None or board.version != known.version):
                    html = await sync_to_async(_draw)(known, board, audience.language) if known else None
                    known = board
                    yield Frame(board.version, html)
        except DatabaseError:
            # The next look may work, and until then the page grows old by itself.
            log.warning("a look at the board failed", cluster=audience.cluster, exc_info=True)
        await asyncio.sleep(pause)


def _version(cluster: str) -> int:
    close_old_connections()
    row = Snapshot.objects.filter(cluster__name=cluster).values_list("version", flat=True).first()
    return -1 if row is None else row


def _read(audience: Audience) -> Board | None:
    cluster = Cluster.objects.filter(name=audience.cluster).first()
    if cluster is None:
        return None
    with translation.override(audience.language):
        return read_board(cluster, audience.namespaces, timezone.now())


def _draw(before: Board, after: Board, language: str) -> str:
    with translation.override(language):
        return difference(before, after)
