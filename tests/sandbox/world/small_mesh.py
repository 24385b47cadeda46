"""A part of Bookinfo and what becomes of productpage's requests to reviews in it: 3 pods v1, 1 pod v2, 1 pod v3."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.sandbox.world.calls import Call
from meshportal.sandbox.world.demo import GATEWAY
from meshportal.sandbox.world.routing import Mesh, Objects
from meshportal.sandbox.world.scenarios import SCENARIOS, Fault, Scenario
from meshportal.sandbox.world.sending import Flow, Sent, send
from tests.sandbox.world.builders import destination, destination_rule, pod, service, virtual_service

REVIEWS = ServiceRef("bookinfo", "reviews")
HEALTHY = SCENARIOS["healthy"]
RULE = destination_rule("bookinfo", "reviews", "v1", "v2", "v3")
PODS = (
    pod("istio-ingress", GATEWAY, ""),
    pod("bookinfo", "productpage"),
    *(pod("bookinfo", "reviews", "v1", number) for number in (1, 2, 3)),
    pod("bookinfo", "reviews", "v2"),
    pod("bookinfo", "reviews", "v3"),
    pod("bookinfo", "ratings"),
)
SERVICES = tuple(service("bookinfo", name) for name in ("productpage", "reviews", "ratings"))
Answer = tuple[str, str, str]
"""Status, flags and the version that a proxy names, "" where it names none."""


def mesh(
    *routes: Manifest, rules: Iterable[Manifest] = (RULE,), pods: Iterable[Manifest] = PODS,
    peers: Iterable[Manifest] = (), policies: Iterable[Manifest] = (),
) -> Mesh:  # fmt: skip
    objects = Objects(SERVICES, tuple(pods), routes, tuple(rules))
    return Mesh(replace(objects, peer_authentications=tuple(peers), authorization_policies=tuple(policies)))


def routed(*entries: Manifest, **more: object) -> Manifest:
    """The VirtualService of reviews with one route: to v1, or to these destinations."""
    return virtual_service("bookinfo", "reviews", {"route": list(entries) or [destination("reviews", "v1")], **more})


def failing(version: str, share: float, code: str = "503", slowness: float = 1.0) -> Scenario:
    return Scenario("test", "", faults={(REVIEWS, version): Fault(((code, share),) if share else (), slowness)})


def asking(of: Mesh, **how: object) -> Call:
    [(workload, _)] = of.workloads("bookinfo", {"app": "productpage"})
    return replace(Call(workload, REVIEWS, "/reviews/0"), **how)  # type: ignore[arg-type]  # replace() cannot know the fields


def asked(of: Mesh, scenario: Scenario = HEALTHY, rate: float = 1.0, **how: object) -> Sent:
    """`rate` requests per second of productpage to reviews."""
    return send(of, scenario, asking(of, **how), rate)


def at_source(flows: Iterable[Flow]) -> dict[Answer, float]:
    """Requests per second as the caller's proxy counts them."""
    return _counted(flow for flow in flows if flow.at_source)


def at_destination(flows: Iterable[Flow]) -> dict[Answer, float]:
    return _counted(flow for flow in flows if flow.at_destination)


def _counted(flows: Iterable[Flow]) -> dict[Answer, float]:
    found: dict[Answer, float] = defaultdict(float)
    for flow in flows:
        found[flow.code, flow.flags, flow.destination.version if flow.destination else ""] += flow.rate
    return dict(found)
