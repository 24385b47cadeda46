"""The routes of a service as its VirtualService has them, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshportal.mesh.authors import Author, author_of
from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.mesh.routes.live import RoutesLive
from meshportal.mesh.routes.reading import read_route
from meshportal.policies.route_effects import effects
from meshportal.policies.route_words import destinations, requests, retries

NOBODY = ServiceRef("", "")  # so that every host is named as it stands


@dataclass(frozen=True)
class RouteRow:
    """One HTTP route. `others` is what else happens to its requests: faults, copies, rewrites, headers. `author` is who last
    wrote the routes of its object, None where the object has no record of it."""

    requests: str
    to: str
    timeout: str
    retries: str
    others: list[str]
    source: str
    author: Author | None


def route_rows(virtual_services: Sequence[Manifest]) -> list[RouteRow]:
    """Every HTTP route of these objects, in the order in which sidecars try them."""
    return [
        RouteRow(
            requests=requests(http.get("match") or []),
            to=destinations(http),
            timeout=str(http.get("timeout") or ""),
            retries=retries(http.get("retries")),
            others=effects(read_route(http, 0, RoutesLive(NOBODY, (manifest,)))),
            source=f"VirtualService {manifest['metadata'].get('namespace', '')}/{manifest['metadata']['name']}",
            author=author_of(manifest, ("spec", "http")),
        )
        for manifest in virtual_services
        for http in (manifest.get("spec") or {}).get("http") or []
    ]
