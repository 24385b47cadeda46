"""What goes back to a client, and the line a write leaves in the log."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from meshportal.sandbox.api.requests import VERBS, Request, Route
from meshportal.sandbox.api.status import JsonObject
from meshportal.sandbox.api.store import Store, Write

TOKEN_ANNOTATION = "meshportal.io/token"  # noqa: S105 (the name of an annotation, no secret)


@dataclass
class Answer:
    """A status code, an object, and the texts of Warning headers."""

    code: int
    body: JsonObject
    warnings: list[str] = field(default_factory=list)


def now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shown(item: JsonObject, place: Route) -> JsonObject:
    """A stored object as a reader of one version sees it."""
    return {"apiVersion": place.api_version, "kind": place.resource.kind} | item


def log(store: Store, place: Route, request: Request, item: JsonObject) -> None:
    """Remember an accepted write. `item` is the object after it, or its last state."""
    metadata = item["metadata"]
    title = place.resource.title + (f"/{place.subresource}" if place.subresource else "")
    store.log(
        Write(
            at=now(),
            user=request.user,
            manager=request.manager,
            verb=VERBS[request.method],
            resource=title,
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            resource_version=metadata["resourceVersion"],
            token=(metadata.get("annotations") or {}).get(TOKEN_ANNOTATION, ""),
        )
    )
