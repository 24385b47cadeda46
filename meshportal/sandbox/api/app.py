"""The ASGI application: from bytes to a handler and back, refusals as Status bodies."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

from meshportal.sandbox.api import deleting, reading
from meshportal.sandbox.api.answers import Answer
from meshportal.sandbox.api.kinds import Table, core_versions
from meshportal.sandbox.api.requests import Request, Route, method_not_allowed, parse_query, place_of, route
from meshportal.sandbox.api.roles import Roles
from meshportal.sandbox.api.status import ApiError, JsonObject, bad_request, not_served
from meshportal.sandbox.api.store import Store
from meshportal.sandbox.api.writing import Writer

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

LARGEST_BODY = 3 * 1024 * 1024  # what a real API server takes
WRITES_PATH, COMPACT_PATH = "/sandbox/writes", "/sandbox/compact"
# what a real API server has and this one has not; anything else nobody has
KUBERNETES_PATHS = re.compile(r"/(openapi|api/v1/|apis/([a-z0-9.-]+\.k8s\.io|apps|batch|autoscaling|policy)(/|$)|metrics|logs)")
HEALTH = ("/healthz", "/livez", "/readyz")


@dataclass(frozen=True)
class Text:
    """An answer that is no JSON."""

    text: str
    code: int = 200


class Application:
    """Serves the kinds of `table` in one store. `version` is the document of GET /version, `address` what discovery names as
    host:port."""

    def __init__(self, store: Store, roles: Roles, version: JsonObject, address: str, table: Table) -> None:
        self.store, self.roles, self.version, self.address, self.table = store, roles, version, address, table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_query(scope["query_string"].decode())
        try:
            body = await _read(receive)
            user = self.roles.user(headers.get("authorization", ""))
            request = Request(scope["method"], scope["path"], query, headers, user, body)
            answer = self.answer(request)
        except ApiError as error:
            answer = Answer(error.code, error.body(), error.warnings)
        if isinstance(answer, reading.Watch):
            await _stream(send, receive, answer.lines())
        elif isinstance(answer, Text):
            await _whole(send, answer.code, answer.text.encode(), [(b"content-type", b"text/plain; charset=utf-8")])
        else:
            await _whole(send, answer.code, msgspec.json.encode(answer.body), _json_headers(answer.warnings))

    def answer(self, request: Request) -> Answer | reading.Watch | Text:
        """The answer to a request of a known user. Raises ApiError."""
        asked = place_of(request.path)
        self.roles.require(request.user, request.access(asked))
        place = route(self.table, asked, request.method)
        if place is None:
            return self._document(request)
        if place.subresource and not (place.subresource == "status" and place.resource.status):
            raise not_served(f"the subresource {place.subresource} of {place.resource.plural}")
        if request.method == "GET":
            return self._read(place, request)
        return self._write(place, request)

    def _read(self, place: Route, request: Request) -> Answer | reading.Watch:
        if place.name:
            return Answer(200, reading.get(self.store, place))
        if request.watch:
            return reading.Watch(self.store, place, request)
        return Answer(200, reading.list_page(self.store, place, request))

    def _write(self, place: Route, request: Request) -> Answer:
        if place.resource.kind == "CustomResourceDefinition":
            raise not_served("the kinds are fixed; CustomResourceDefinitions can only be read")
        if request.method == "DELETE" and not place.subresource:
            handler = deleting.delete if place.name else deleting.delete_collection
            return handler(self.store, place, request)
        if request.method == "PUT" and not place.name:
            raise bad_request("name must be provided")
        if (request.method == "POST") is bool(place.name):
            raise method_not_allowed()
        writer = Writer(self.store, place, request)
        handlers = {"POST": writer.create, "PUT": writer.replace, "PATCH": writer.patch}
        if request.method not in handlers:
            raise method_not_allowed()
        try:
            return handlers[request.method]()
        except ApiError as error:
            error.warnings[:0] = writer.warnings
            raise

    def _document(self, request: Request) -> Answer | Text:
        path = request.path.rstrip("/")
        if request.method == "POST" and path == COMPACT_PATH:
            self.store.compact(self.store.version)
            return Answer(200, {"kind": "Compaction", "resourceVersion": str(self.store.version)})
        if request.method == "GET":
            if path.startswith(HEALTH):
                return Text("ok")
            if path == WRITES_PATH:
                return Answer(200, {"kind": "WriteList", "items": self.store.writes()})
            found = self.version if path == "/version" else self._discovery(path)
            if found is not None:
                return Answer(200, found)
        if KUBERNETES_PATHS.match(path):
            raise not_served(f"{request.method} {path}")
        return Text("404 page not found\n", 404)

    def _discovery(self, path: str) -> JsonObject | None:
        if path == "/api":
            return core_versions(self.address)
        if path == "/apis":
            return self.table.group_list()
        match path.split("/")[1:]:
            case ["api", version]:
                return self.table.resource_list("", version)
            case ["apis", group]:
                return self.table.group(group)
            case ["apis", group, version]:
                return self.table.resource_list(group, version)
        return None


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ApiError(HTTPStatus.BAD_REQUEST, "BadRequest", "the client went away")
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > LARGEST_BODY:
            message_text = f"Request body is too large: limit is {LARGEST_BODY}"
            raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestEntityTooLarge", message_text)
        if not message.get("more_body"):
            return body


def _json_headers(warnings: list[str]) -> Headers:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-cache, private")]
    for text in dict.fromkeys(warnings):
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        headers.append((b"warning", f'299 - "{quoted}"'.encode()))
    return headers


async def _whole(send: Send, code: int, body: bytes, headers: Headers) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(code), "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Send, receive: Receive, lines: AsyncIterator[bytes]) -> None:
    """Send lines as they come, until they end or the client goes away."""
    await send({"type": "http.response.start", "status": 200, "headers": _json_headers([])})

    async def pump() -> None:
        async for line in lines:
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    pumping = asyncio.create_task(pump())
    leaving = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({pumping, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (pumping, leaving):
            task.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await task


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
