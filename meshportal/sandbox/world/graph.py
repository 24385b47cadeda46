"""Who calls whom in the demo, how often and how fast: the numbers behind the traffic when nobody has changed anything."""

from __future__ import annotations

from dataclasses import dataclass

from meshportal.mesh.refs import ServiceRef
from meshportal.sandbox.world.calls import Pairs
from meshportal.sandbox.world.demo import GATEWAY
from meshportal.sandbox.world.latency import Latency

FORWARDED = frozenset({"end-user", "x-user"})
"""Headers that the demo's apps send along with the requests they make in turn; the query parameter goes along too."""


@dataclass(frozen=True)
class Crowd:
    """A share (0–1) of the people outside, and what their requests carry."""

    share: float
    headers: Pairs = ()
    query: Pairs = ()


VISITORS = (
    Crowd(0.9),
    # Bookinfo calls its testers jason (https://istio.io/latest/docs/tasks/traffic-management/request-routing/)
    Crowd(0.06, headers=(("end-user", "jason"), ("x-user", "beta"))),
    Crowd(0.04, query=(("lang", "de"),)),
)


@dataclass(frozen=True)
class Root:
    """Requests that come from outside the graph, on average per second, and the pods that send them."""

    namespace: str
    app: str
    service: ServiceRef
    per_second: float
    path: str = "/"
    crowds: tuple[Crowd, ...] = VISITORS


@dataclass(frozen=True)
class Edge:
    """Each successful request to `service` makes its pods (of `versions`, all if empty) send `per_request` to `target`."""

    service: ServiceRef
    target: ServiceRef
    per_request: float
    versions: frozenset[str] = frozenset()
    path: str = "/"
    method: str = "GET"


def _books(name: str) -> ServiceRef:
    return ServiceRef("bookinfo", name)


def _shop(name: str) -> ServiceRef:
    return ServiceRef("shop", name)


def _pay(name: str) -> ServiceRef:
    return ServiceRef("payments", name)


ROOTS = (
    Root("istio-ingress", GATEWAY, _books("productpage"), 32, "/productpage"),
    Root("istio-ingress", GATEWAY, _shop("web"), 28, "/"),
    Root("legacy", "report", _shop("inventory"), 3, "/report", (Crowd(1.0),)),
)

EDGES = (
    Edge(_books("productpage"), _books("details"), 1, path="/details/0"),
    Edge(_books("productpage"), _books("reviews"), 1, path="/reviews/0"),
    # v1 of reviews shows no stars, so it asks for none
    Edge(_books("reviews"), _books("ratings"), 1, frozenset({"v2", "v3"}), "/ratings/0"),
    Edge(_shop("web"), _shop("catalog"), 0.8, path="/products"),
    Edge(_shop("web"), _shop("recommendations"), 0.5, path="/for-you"),
    Edge(_shop("web"), _shop("cart"), 0.25, path="/cart"),
    Edge(_shop("catalog"), _shop("inventory"), 0.4, path="/stock"),
    Edge(_shop("cart"), _shop("checkout"), 0.3, path="/checkout", method="POST"),
    Edge(_shop("checkout"), _pay("payments"), 1, path="/charge", method="POST"),
    Edge(_pay("payments"), _pay("fraud"), 1, path="/score"),
    Edge(_pay("payments"), _pay("ledger"), 1, path="/entries", method="POST"),
)

DEFAULT_LATENCY = Latency(12, 0.5)
LATENCY = {
    _books("productpage"): Latency(38, 0.5),
    _books("details"): Latency(5, 0.5),
    _books("reviews"): Latency(17, 0.5),
    _books("ratings"): Latency(3, 0.6),
    _shop("web"): Latency(55, 0.55),
    _shop("recommendations"): Latency(80, 0.7),
    _shop("checkout"): Latency(120, 0.5),
    _pay("payments"): Latency(95, 0.5),
    _pay("fraud"): Latency(30, 0.8),
}

ERRORS: dict[ServiceRef, tuple[tuple[str, float], ...]] = {
    # answers other than 200 that are part of a healthy day
    _shop("catalog"): (("404", 0.01),),
    _pay("payments"): (("402", 0.03),),
}
