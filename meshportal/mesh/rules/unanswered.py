"""Requests that no route of a VirtualService takes."""

from __future__ import annotations

from collections.abc import Iterator

from meshportal.mesh.findings import Finding
from meshportal.mesh.hosts import MESH_GATEWAY
from meshportal.mesh.rules.node import Node
from meshportal.mesh.rules.view import Mesh, in_mesh

_OF_THE_REQUEST = ("uri", "scheme", "method", "authority", "headers", "queryParams", "withoutHeaders")
_EVERY_PATH = ({"prefix": "/"}, {"regex": ".*"}, {"regex": "/.*"})


def requests(mesh: Mesh) -> Iterator[Finding]:
    """MP0269. A sidecar answers 404 itself where a VirtualService is for the host and none of its routes matches.

    Not at gateways, which are there to answer some paths alone, and not for routes that ask only who calls or at which port: for
    other callers Istio may leave the VirtualService out as a whole.
    """
    for spec in mesh.virtual_services:
        routes = spec.each("http")
        if routes and spec.texts("hosts") and in_mesh(spec) and not any(_takes_all(route) for route in routes):
            yield spec["http"].finding("MP0269")


def _takes_all(route: Node) -> bool:
    matches = route.each("match")
    return not matches or any(_asks_nothing(match) for match in matches)


def _asks_nothing(match: Node) -> bool:
    """Whether every request inside the mesh has what `match` asks of requests."""
    gateways = [gateway.text for gateway in match.texts("gateways")]
    if gateways and MESH_GATEWAY not in gateways:
        return False
    asked = {field: match[field].value for field in _OF_THE_REQUEST if match[field].there and match[field].value}
    return not asked or (list(asked) == ["uri"] and asked["uri"] in _EVERY_PATH)
