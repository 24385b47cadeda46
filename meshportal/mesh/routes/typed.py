"""From what was typed or sent to an intent: the routes as they are to be, or everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.field_errors import FieldError
from meshportal.mesh.hosts import names_service
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.routes import acts, matches, targets
from meshportal.mesh.routes.fields import FORM
from meshportal.mesh.routes.live import RoutesLive, namespace_of, virtual_service_of
from meshportal.mesh.routes.reading import entries, group, read
from meshportal.mesh.routes.shape import ORIGIN, Raw, Walk, lay
from meshportal.mesh.traffic import NotEditable

_WHOLE = frozenset({"origin-gone", "origin-twice", "not-a-group"})
_PLACES = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True)
class RoutesIntent:
    """Every route of `service` in order, complete and as text: the same structure as `reading.read` gives."""

    service: ServiceRef
    routes: Sequence[Raw]

    @property
    def raw(self) -> Raw:
        return {"routes": list(self.routes)}


def parse(raw: Mapping[str, Any], live: RoutesLive) -> RoutesIntent | list[FieldError]:
    """Routes as typed or sent. What is not said stays as it is live, and what is as it is live is not judged.

    Errors carry the path of their field in `raw` and a code: see `policies/routes/words.py` for each.
    """
    try:
        manifest, before = virtual_service_of(live), read(live)
    except NotEditable as error:
        return [FieldError("", "not-editable", {"why": error.code, "names": ", ".join(error.names)})]
    walk = Walk()
    laid = lay(FORM, raw, before, "", walk)
    live_routes = entries(group(manifest or {}, "spec"), "http")
    marked = {row[ORIGIN]: entry for row, entry in zip(before["routes"], live_routes, strict=True)}
    shown = {row[ORIGIN]: row for row in before["routes"]}
    for place, route in enumerate(laid["routes"]):
        path, origin = f"routes[{place}]", route.get(ORIGIN, "")
        _own_hosts(route, live)
        if walk.touched(path):
            entry = marked.get(origin, {})
            matches.check(route, entry, path, walk)
            targets.check(route, shown.get(origin), live, path, walk)
            acts.check(route, entry, path, walk)
    other_kinds = group(manifest or {}, "spec")
    if not laid["routes"] and not any(other_kinds.get(name) for name in ("tcp", "tls")):
        walk.wrong("routes", "no-routes")
    return _said_once(walk.errors) if walk.errors else RoutesIntent(live.service, laid["routes"])


def _own_hosts(route: Raw, live: RoutesLive) -> None:
    """The service's own host is "" however it was spelt, so that subsets are looked up where they are."""
    for row in (*route["destinations"], *route["mirrors"]):
        if row["host"] and names_service(row["host"], live.service, namespace_of(live), live.domain):
            row["host"] = ""


def _said_once(errors: list[FieldError]) -> list[FieldError]:
    """In the order of the rows on the page. Nothing is said of what lies inside a row that cannot be read as a whole."""
    whole = [error for error in errors if error.code in _WHOLE]
    told = [
        error
        for error in errors
        if not any(error is not one and error.field.startswith(f"{one.field.removesuffix(ORIGIN).rstrip('.')}.") for one in whole)
    ]
    return sorted(told, key=lambda error: [int(place) for place in _PLACES.findall(error.field)])
