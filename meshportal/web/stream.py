"""Live pages: one raw ASGI endpoint beside Django that tells many browsers at once what changed.

Frames are made once per audience (those who see the same) and sent to every viewer of it as the same bytes. The endpoint knows no
app: it is handed `authenticate`, which says who a connection is and what they may see, and `frames`, which yields what they see.
A frame holds differences. Whoever missed one, by joining late or by reading slowly, is told to fetch the whole page.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

import structlog

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

NEWLINE = re.compile(r"\r\n|\r|\n")
FRAME_ID = re.compile(r"[0-9a-f.]{1,64}")


@dataclass(frozen=True)
class Viewer:
    """Who reads a stream. `audience` is equal for two viewers exactly when they may see the same."""

    person: str
    audience: Hashable


@dataclass(frozen=True)
class Frame:
    """One moment of what an audience sees. `id` is hexadecimal digits and dots; `html` None says: fetch the whole page."""

    id: str
    html: str | None

    @cached_property
    def encoded(self) -> bytes:
        """The frame as a server-sent event, made once for all viewers. No text of a person can end an event early."""
        name = "whole" if self.html is None else "frame"
        data = "".join(f"data: {line}\n" for line in NEWLINE.split(self.html or ""))
        return f"event: {name}\nid: {self.id}\n{data}\n".encode()


Authenticate = Callable[[Scope], Awaitable[Viewer | None]]
Frames = Callable[[Any], AsyncIterator[Frame]]


@dataclass(frozen=True)
class Pace:
    """How often and how long, in seconds, and how many streams one person may hold."""

    recheck: float = 15.0
    beat: float = 10.0
    send_timeout: float = 10.0
    skips: int = 3
    viewers_per_person: int = 6


class Inbox:
    """Room for one frame of one viewer. A frame that is not read before the next one comes is skipped."""

    def __init__(self, seen: str) -> None:
        self.seen = seen
        self.skipped = 0
        self._closed = False
        self._frame: Frame | None = None
        self._ready = asyncio.Event()

    def put(self, frame: Frame) -> None:
        if self._frame is not None:
            self.skipped += 1
            frame = Frame(frame.id, None)
        elif frame.id == self.seen:
            return
        self._frame = frame
        self._ready.set()

    def close(self) -> None:
        self._closed = True
        self._ready.set()

    def is_open(self) -> bool:
        return not self._closed

    async def get(self, timeout: float) -> Frame | None:
        """The newest frame, or None after `timeout` seconds or when the inbox was closed."""
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            return None
        if self._closed:
            return None
        frame, self._frame = self._frame, None
        self._ready.clear()
        if frame is not None:
            self.seen = frame.id
            self.skipped = self.skipped if frame.html is None else 0
        return frame


class Channel:
    """The viewers of one audience and the one producer that feeds them, which runs while there is anybody."""

    def __init__(self, frames: AsyncIterator[Frame]) -> None:
        self._inboxes: set[Inbox] = set()
        self._latest = ""
        self._producer = asyncio.create_task(self._produce(frames))

    def join(self, inbox: Inbox) -> None:
        self._inboxes.add(inbox)
        if self._latest:
            inbox.put(Frame(self._latest, None))

    def leave(self, inbox: Inbox) -> bool:
        """Whether the last viewer left."""
        self._inboxes.discard(inbox)
        return not self._inboxes

    @property
    def ended(self) -> bool:
        return self._producer.done()

    def stop(self) -> None:
        self._producer.cancel()

    async def _produce(self, frames: AsyncIterator[Frame]) -> None:
        try:
            async for frame in frames:
                self._latest = frame.id
                for inbox in self._inboxes:
                    inbox.put(frame)
        except Exception:
            log.exception("the frames of a live page ended; its viewers connect again")
        finally:
            for inbox in self._inboxes:
                inbox.close()


class StreamEndpoint:
    """Answers everything under `prefix` with a stream and hands the rest to `django`."""

    def __init__(self, prefix: str, django: App, *, authenticate: Authenticate, frames: Frames, pace: Pace | None = None) -> None:
        self._prefix, self._django = prefix, django
        self._authenticate, self._frames = authenticate, frames
        self._pace = pace or Pace()
        self._channels: dict[Hashable, Channel] = {}
        self._people: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(self._prefix):
            await self._stream(scope, receive, send)
        else:
            await self._django(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start and stop of the server. Django's own application refuses these messages, so they end here."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                for channel in self._channels.values():
                    channel.stop()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            return await refuse(send, 405)
        viewer = await self._known(scope)
        if viewer is None:
            return await refuse(send, 403)
        if self._people[viewer.person] >= self._pace.viewers_per_person:
            return await refuse(send, 429)
        with self._seat(viewer, seen(scope)) as inbox:
            leaving = asyncio.create_task(wait_for_disconnect(receive, inbox))
            try:
                async with asyncio.timeout(self._pace.send_timeout):
                    await open_stream(send)
                await self._deliver(scope, send, viewer, inbox)
                async with asyncio.timeout(self._pace.send_timeout):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            except (TimeoutError, OSError):
                pass  # it does not read, or it is gone: either way there is nobody to tell
            finally:
                leaving.cancel()
        return None

    async def _known(self, scope: Scope) -> Viewer | None:
        """Who this is; nobody when that cannot be found out."""
        try:
            return await self._authenticate(scope)
        except Exception:
            log.exception("a viewer of a live page could not be checked")
            return None

    @contextmanager
    def _seat(self, viewer: Viewer, seen: str) -> Iterator[Inbox]:
        """A place in the channel of the viewer's audience; the first viewer opens the channel, the last one closes it."""
        inbox = Inbox(seen)
        channel = self._channels.get(viewer.audience)
        if channel is None or channel.ended:
            channel = self._channels[viewer.audience] = Channel(self._frames(viewer.audience))
        channel.join(inbox)
        self._people[viewer.person] += 1
        try:
            yield inbox
        finally:
            self._people[viewer.person] -= 1
            if not self._people[viewer.person]:
                del self._people[viewer.person]
            if channel.leave(inbox):
                channel.stop()
                if self._channels.get(viewer.audience) is channel:
                    del self._channels[viewer.audience]

    async def _deliver(self, scope: Scope, send: Send, viewer: Viewer, inbox: Inbox) -> None:
        """Frames and heartbeats until the viewer leaves, reads too slowly, or may no longer see what they saw."""
        clock = asyncio.get_running_loop().time
        check_at, beat_at = clock() + self._pace.recheck, clock() + self._pace.beat
        while inbox.is_open() and inbox.skipped < self._pace.skips:
            frame = await inbox.get(max(0.0, min(check_at, beat_at) - clock()))
            if clock() >= check_at:
                if await self._known(scope) != viewer:
                    return
                check_at = clock() + self._pace.recheck
            if not inbox.is_open():
                return
            body = frame.encoded if frame else heartbeat() if clock() >= beat_at else b""
            if body:
                async with asyncio.timeout(self._pace.send_timeout):
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                beat_at = clock() + self._pace.beat


def heartbeat() -> bytes:
    """An event and not a comment: a page cannot hear comments, and wants to know that its server lives and its clock."""
    return f"event: beat\ndata: {time.time():.1f}\n\n".encode()


def seen(scope: Scope) -> str:
    """The id of the last frame the browser has: from its reconnect header, else from the address. "" where there is none."""
    headers = dict(scope["headers"])
    given = headers.get(b"last-event-id", b"").decode("latin-1")
    given = given or parse_qs(scope.get("query_string", b"").decode("latin-1")).get("from", [""])[0]
    return given if FRAME_ID.fullmatch(given) else ""


async def wait_for_disconnect(receive: Receive, inbox: Inbox) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    inbox.close()


async def open_stream(send: Send) -> None:
    headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no"}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": encoded})
    await send({"type": "http.response.body", "body": b"retry: 3000\n\n", "more_body": True})


async def refuse(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"cache-control", b"no-store")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
