"""The routes of a service as its VirtualService has them,, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshportal.mesh.authors import Author, author_of
from meshportal.mesh.refs import Manifest
from meshportal.policies.route_words import destinations, requests, retries


@dataclass(frozen=True)
class RouteRow:
    """One HTTP route. `author` is who last wrote the routes of its object, None where the object has no record of it."""

    requests: str
    to: str
    timeout: str
    retries: str
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
            source=f"VirtualService {manifest['metadata'].get('namespace', '')}/{manifest['metadata']['name']}",
            author=author_of(manifest, ("spec", "http")),
        )
        for manifest in virtual_services
        for http in (manifest.get("spec") or {}).get("http") or []
    ]
