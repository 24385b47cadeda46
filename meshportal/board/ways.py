"""The ways to a service from outside, as its page shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshportal.board.changed import ChangedBy
from meshportal.board.services_page import SetBy, set_by
from meshportal.mesh.facts import Facts
from meshportal.mesh.gateways.exposed import exposed
from meshportal.mesh.refs import ServiceRef

_ENDS = {"prefix": "%s*", "any": "/*", "exact": "%s", "regex": " ~ %s"}
_USUAL = {("http", 80), ("https", 443)}


@dataclass(frozen=True)
class WayIn:
    """`address` as one would type it, with * for what varies; `gateway` the Gateway that answers; `by` who set it."""

    address: str
    gateway: str
    by: SetBy


def ways_in(facts: Facts, service: ServiceRef, changes: Mapping[int, ChangedBy]) -> list[WayIn]:
    """Every host, port and path of the mesh's gateways that leads to `service`."""
    found = []
    for one in exposed(facts):
        if service in one.services:
            scheme = one.protocol.lower()
            port = "" if (scheme, one.port) in _USUAL else f":{one.port}"
            end = _ENDS.get(one.how, "").replace("%s", one.path)
            found.append(WayIn(f"{scheme}://{one.host}{port}{end}", str(one.gateway), set_by(one.author, changes)))
    return found
