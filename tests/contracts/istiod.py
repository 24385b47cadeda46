"""What an istiod says of itself and of its proxies, and the shape it says it in: the same for a real one and a played one."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from meshportal.sandbox.world.exposition import parsed

ROW = {"cluster_id", "proxy", "proxy_type", "istio_version", "resources"}
STATUS, REFUSED = {"sent", "acked", "sentTime"}, {"lastError"}


def page(url: str) -> Any:
    """The decoded body of a debug page. Raises urllib's HTTPError."""
    with urllib.request.urlopen(url, timeout=10) as reply:
        assert reply.headers["Content-Type"].startswith("application/json")
        return json.load(reply)


def numbers(url: str) -> dict[str, float]:
    """A /metrics page: the sum of each series by name."""
    with urllib.request.urlopen(url, timeout=10) as reply:
        text = reply.read().decode()
    found: dict[str, float] = {}
    for name, _, value in parsed(text):
        found[name] = found.get(name, 0.0) + value
    return found


def unlike_syncz(rows: list[dict[str, Any]]) -> list[str]:
    """What the rows of an answer of /debug/syncz lack of what the portal reads, and what it would not know."""
    wrong = []
    for row in rows:
        proxy = row["proxy"]
        wrong += [f"{proxy} has no {name}" for name in ROW - row.keys()]
        wrong += [f"{proxy} is not name.namespace" for _ in [proxy] if proxy.count(".") != 1]
        for url, status in row["resources"].items():
            wrong += [f"{proxy}: {url} is no type" for _ in [url] if not url.startswith("type.googleapis.com/")]
            wrong += [f"{proxy}: {url} has {name}" for name in status.keys() - STATUS - REFUSED]
    return wrong
