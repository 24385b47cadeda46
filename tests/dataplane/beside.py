"""The sandbox's world beside the running data plane: the same objects, the same requests, and what each counts of them."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace

from meshportal.mesh.refs import ServiceRef
from meshportal.sandbox.world.calls import Call, Pairs
from meshportal.sandbox.world.graph import LATENCY
from meshportal.sandbox.world.routing import Mesh, Objects
from meshportal.sandbox.world.scenarios import Fault, Scenario
from meshportal.sandbox.world.sending import Flow, Sent, send
from tests.dataplane.plane import Count, Plane, eventually

KINDS = ("services", "pods", "virtualservices", "destinationrules")
POLICIES = ("peerauthentications", "authorizationpolicies")
NOTICED = 0.02
"""What makes less than this share of the requests need not have happened."""
AT_ONCE = 30
MOST_TRIES = 3
"""Of one request, by Istio's default and in all tests of retries."""


@dataclass(frozen=True)
class Request:
    """A kind of request: as many as the others of a test."""

    path: str = "/"
    headers: Pairs = ()
    query: Pairs = ()

    @property
    def url(self) -> str:
        return self.path + ("?" + "&".join(f"{name}={value}" for name, value in self.query) if self.query else "")


PLAIN = (Request(),)


def world(plane: Plane) -> Mesh:
    """The world with the objects of the real API server."""
    objects = Objects(*(items(plane, kind) for kind in KINDS))
    peers, policies = (items(plane, kind) for kind in POLICIES)
    return Mesh(replace(objects, peer_authentications=peers, authorization_policies=policies))


def items(plane: Plane, kind: str) -> tuple[dict[str, object], ...]:
    return tuple(plane.kubectl.json("get", kind, "-n", plane.namespace)["items"])


def calling(plane: Plane, mesh: Mesh, app: str = "productpage") -> Call:
    [(caller, _)] = mesh.workloads(plane.namespace, {"app": app})
    return Call(caller, plane.service)


def expected(plane: Plane, requests: tuple[Request, ...], scenario: Scenario, rate: float = 1.0) -> dict[Count, float]:
    """Per request, what each end counts in the world when so many come per second."""
    mesh = world(plane)
    call = calling(plane, mesh)
    shares: dict[Count, float] = defaultdict(float)
    for request in requests:
        asked = replace(call, path=request.path, headers=request.headers, query=request.query)
        for flow in send(mesh, scenario, asked, rate / len(requests)).flows:
            for reporter in ends(flow):
                version = flow.destination.version if flow.destination else ""
                shares[reporter, flow.code, flow.flags, version] += flow.rate / rate
    return dict(shares)


def ends(flow: Flow) -> list[str]:
    return ["source"] * flow.at_source + ["destination"] * flow.at_destination


def from_outside(plane: Plane) -> Sent:
    """What becomes of one request per second of the workload without a sidecar, in the world."""
    mesh = world(plane)
    return send(mesh, scenario(), calling(plane, mesh, "legacy"), 1.0)


def scenario(service: ServiceRef | None = None, /, **faults: Fault) -> Scenario:
    """Versions that misbehave."""
    app = service or ServiceRef("bookinfo", "reviews")
    return Scenario("test", "", faults={(app, version): fault for version, fault in faults.items()})


def slow(plane: Plane, slowness: float) -> Scenario:
    """Both versions take so many times as long as the world's reviews do, with the same spread, in both."""
    usual = LATENCY[ServiceRef("bookinfo", "reviews")]
    for workload in ("reviews-v1", "reviews-v2"):
        plane.make(workload, latency_ms=usual.median_ms * slowness, latency_sigma=usual.sigma)
    return scenario(v1=Fault(slowness=slowness), v2=Fault(slowness=slowness))


def failing(plane: Plane, share: float, code: int, *versions: str) -> Scenario:
    """These versions fail such a share of their requests, in both."""
    for version in versions:
        plane.make(f"reviews-{version}", failure_rate=share, failure_status=code)
    return scenario(**{version: Fault(codes=((str(code), share),)) for version in versions})


def settled(plane: Plane, requests: tuple[Request, ...], shares: dict[Count, float]) -> None:
    """Wait until the Envoys of both ends do nothing that the world does not: policies and drained connections take a moment."""

    def nothing_else() -> bool:
        before = plane.counters()
        for request in requests:
            for _ in range(AT_ONCE // len(requests)):
                plane.ask(request.url, **dict(request.headers))
        time.sleep(0.2)  # a proxy that was hung up on counts it a little later
        return (plane.counters() - before).keys() <= shares.keys()

    eventually(f"only {sorted(shares)}", nothing_else)


def agree(
    plane: Plane, count: int, world_does: Scenario, requests: tuple[Request, ...] = PLAIN, *, clients: int = 1, loose: float = 0.0
) -> None:
    """Send `count` requests of each kind; what both ends count of them is what the world says within 4 sigma and `loose`."""
    shares = expected(plane, requests, world_does)
    settled(plane, requests, shares)
    before = plane.counters()
    for request in requests:
        plane.ask_at_once(count, clients, request.url, **dict(request.headers))
    time.sleep(0.5)
    found = plane.counters() - before
    total = count * len(requests)
    report = {key: (round(shares.get(key, 0.0), 4), round(found[key] / total, 4)) for key in {*shares, *found}}
    # a request that is tried again counts up to MOST_TRIES times: a count of mean m up to n has a variance of m (n - m) at most
    repeated = sum(share for key, share in shares.items() if key[0] == "destination") > 1.001
    for key, (share, measured) in report.items():
        rest = MOST_TRIES - share if repeated and key[0] == "destination" else 1 - min(share, 0.5)
        spread = 4 * math.sqrt(max(share, 1 / total) * rest / total)
        assert abs(measured - share) <= spread + loose, (key, report)
    seen = {key for key, number in Counter(found).items() if number / total > NOTICED + loose}
    assert seen <= shares.keys(), report
