"""GET, LIST in pages, and WATCH. https://kubernetes.io/docs/reference/using-api/api-concepts/"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from meshportal.sandbox.api.answers import shown
from meshportal.sandbox.api.requests import Request, Route
from meshportal.sandbox.api.selectors import Selector, parse
from meshportal.sandbox.api.status import (
    ApiError,
    Cause,
    JsonObject,
    Target,
    bad_request,
    expired,
    invalid,
    not_found,
    not_served,
)
from meshportal.sandbox.api.store import Event, Store

BOOKMARK_SECONDS = 60.0
BEFORE_THE_END_SECONDS = 2.0
LATEST = -1  # in a continue token: go on with what is there now


def get(store: Store, place: Route) -> JsonObject:
    """One object. Raises 404."""
    item = store.get(place.key)
    if item is None:
        raise not_found(place.target)
    return shown(item, place)


# ---------------------------------------------------------------- list


def list_page(store: Store, place: Route, request: Request) -> JsonObject:
    """A List with metadata.continue and remainingItemCount where there is more. Raises 400, 410, 422, 504."""
    _by_name_only(place)
    chosen, limit = selector(place, request), max(0, request.number("limit"))
    token = request.query.get("continue", "")
    if token:
        version, start = _opened(token, place)
        if version == LATEST:
            version = store.version
        elif version < store.floor:
            raise _expired_page(start, place)
    else:
        version, start = _asked_version(store, request), ("", "")
        if request.query.get("resourceVersion") == "0":
            limit = 0  # answered from the watch cache, which knows no pages
    latest = version == store.version
    items = store.items(place.resource, place.namespace) if latest else store.items_at(place.resource, place.namespace, version)
    items = [item for item in items if _place(item) > start and chosen(item)]
    metadata: JsonObject = {"resourceVersion": str(version)} | ({"continue": ""} if place.resource.custom else {})
    if limit and len(items) > limit:
        metadata["continue"] = _closed(version, _place(items[limit - 1]), place)
        # with a selector the server would have to read on to count, and does not
        if not chosen.tests:
            metadata["remainingItemCount"] = len(items) - limit
        items = items[:limit]
    # lists of built-in kinds leave out what the list already says; lists of custom kinds do not
    shown_items = [shown(item, place) for item in items] if place.resource.custom else items
    return {"kind": f"{place.resource.kind}List", "apiVersion": place.api_version, "metadata": metadata, "items": shown_items}


def _by_name_only(place: Route) -> None:
    if place.resource.by_name_only:
        raise not_served(f"{place.resource.plural} are served by name only")


def selector(place: Route, request: Request) -> Selector:
    """What labelSelector and fieldSelector choose. Raises 400."""
    return parse(place.resource, request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))


def _version(request: Request) -> int:
    text = request.query.get("resourceVersion", "")
    if text and not text.isdigit():
        why = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise bad_request(f"invalid resource version: {why}")
    return int(text or "0")


def _asked_version(store: Store, request: Request) -> int:
    match, wanted = request.query.get("resourceVersionMatch", ""), _version(request)
    if match and not wanted:
        why = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        raise invalid(Target("meta.k8s.io", "ListOptions"), [Cause("FieldValueForbidden", why, "resourceVersionMatch")])
    if wanted > store.version:
        message = f"Timeout: Too large resource version: {wanted}, current: {store.version}"
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        raise ApiError(504, "Timeout", message, details={"causes": [cause], "retryAfterSeconds": 1})
    return wanted if match == "Exact" else store.version


def _place(item: JsonObject) -> tuple[str, str]:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


# A continue token is what Kubernetes' is: the version of the first page, and the key after which to go on, without the
# namespace where the path names one.


def _closed(version: int, last: tuple[str, str], place: Route) -> str:
    namespace = "" if place.namespace else last[0]
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": f"{namespace}/{last[1]}\0"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _opened(token: str, place: Route) -> tuple[int, tuple[str, str]]:
    try:
        page = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = page["start"].removesuffix("\0").rpartition("/")
        return int(page["rv"]), (namespace or place.namespace, name)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error


def _expired_page(start: tuple[str, str], place: Route) -> ApiError:
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
        "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
        "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted "
        "between the time the first chunk was returned and now may show up in the list."
    )
    error = expired(message)
    error.metadata = {"continue": _closed(LATEST, start, place)}
    return error


# ---------------------------------------------------------------- watch


class Watch:
    """One stream of events. `lines` yields JSON lines until the time is over, the server stops or history is lost."""

    def __init__(self, store: Store, place: Route, request: Request) -> None:
        _by_name_only(place)
        self.store, self.place = store, place
        self.selector = selector(place, request)
        self.bookmarks = request.flag("allowWatchBookmarks")
        self.seconds = max(0, request.number("timeoutSeconds")) or random.randint(1800, 3600)
        self.initial_end = request.flag("sendInitialEvents")
        asked = _version(request)
        self.initial = self.initial_end or asked == 0
        self.version = store.version if self.initial else asked

    async def lines(self) -> AsyncIterator[bytes]:
        end = time.monotonic() + self.seconds
        bookmark = self._next_bookmark(end)
        for line in self._start():
            yield line
        while not self.store.closing:
            changed = self.store.changed
            if self.version < self.store.floor:
                yield _line("ERROR", expired(f"too old resource version: {self.version} ({self.store.floor})").body())
                return
            for event in self.store.events(self.place.resource, self.place.namespace, self.version):
                for line in self._event(event):
                    yield line
            # a version from the future is waited for in silence
            self.version = max(self.version, self.store.version)
            now = time.monotonic()
            if self.bookmarks and now >= bookmark:
                yield self._bookmark({})
                bookmark = self._next_bookmark(end)
            if now >= end:
                return
            until = min(end, bookmark) if self.bookmarks else end
            try:
                await asyncio.wait_for(changed.wait(), timeout=max(0.0, until - now) + 0.001)
            except TimeoutError:
                continue

    def _next_bookmark(self, end: float) -> float:
        """Every minute, and once shortly before the end."""
        regular, last = time.monotonic() + BOOKMARK_SECONDS, end - BEFORE_THE_END_SECONDS
        return last if time.monotonic() < last < regular else regular

    def _start(self) -> list[bytes]:
        if not self.initial:
            return []
        items = [item for item in self.store.items(self.place.resource, self.place.namespace) if self.selector(item)]
        lines = [_line("ADDED", shown(item, self.place)) for item in items]
        if self.initial_end and self.bookmarks:
            lines.append(self._bookmark({"annotations": {"k8s.io/initial-events-end": "true"}}))
        return lines

    def _bookmark(self, extra: JsonObject) -> bytes:
        metadata: JsonObject = {"resourceVersion": str(self.version)} | extra
        return _line("BOOKMARK", shown({"metadata": metadata}, self.place))

    def _event(self, event: Event) -> list[bytes]:
        """What one change is to this selector: an object may enter and leave it without being made or deleted."""
        was = event.before if event.before and self.selector(event.before) else None
        is_now = event.after if event.after and self.selector(event.after) else None
        if is_now:
            return [_line("MODIFIED" if was else "ADDED", shown(is_now, self.place))]
        if was:
            gone = was | {"metadata": was["metadata"] | {"resourceVersion": str(event.version)}}
            return [_line("DELETED", shown(gone, self.place))]
        return []


def _line(kind: str, item: Any) -> bytes:
    return msgspec.json.encode({"type": kind, "object": item}) + b"\n"
