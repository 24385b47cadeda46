"""Work grows with the mesh, not with its square: calls are counted, not time."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.rules import analyse
from tests.mesh.rules.mesh import destination_rule, gateway, pods, server, service, to, virtual_service


def mesh(services: int) -> Facts:
    """Every service with a route, a rule, a gateway of the same proxies, and two groups of pods."""
    names = [f"svc-{number}" for number in range(services)]
    hosts = {name: f"{name}.bookinfo.svc.cluster.local" for name in names}
    return Facts(
        objects=tuple(
            manifest
            for name in names
            for manifest in (
                virtual_service(
                    name, hosts=[hosts[name]], http=[{"route": [to("v1", 90, hosts[name]), to("v2", 10, hosts[name])]}]
                ),
                destination_rule(name, host=hosts[name]),
                gateway(name, servers=[server(hosts=[f"{name}.example.com"])]),
            )
        ),
        services=tuple(service(name) for name in names),
        pods=tuple(pods(name, version) for name in names for version in ("v1", "v2")),
        namespaces=frozenset({"bookinfo"}),
    )


def calls(facts: Facts) -> int:
    """How many functions `analyse` calls, C's included."""
    count = 0

    def look(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        analyse(facts)
    finally:
        sys.setprofile(before)
    return count


def test_twice_the_mesh_is_twice_the_work() -> None:
    once, twice = calls(mesh(100)), calls(mesh(200))

    assert twice < 2.3 * once
