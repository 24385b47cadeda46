"""The sandbox's world against the truth: for the same objects it spreads and loses requests as real Envoys do; what else routes
and policies do is in the files beside this one.

The world's routing is given the objects of the real API server; what it expects is compared with what the client's Envoy did.
"""

from __future__ import annotations

import math
from collections import defaultdict

import pytest

from meshportal.mesh.refs import ServiceRef
from meshportal.sandbox.world.routing import Choice
from tests.dataplane.beside import calling, world
from tests.dataplane.plane import Answer, Plane, eventually

pytestmark = [pytest.mark.dataplane, pytest.mark.xdist_group("dataplane")]
REQUESTS = 3_000
LOST = 'istio_requests_total{reporter="source",response_code="503",response_flags="NC"'


def routed(plane: Plane, weights: dict[str, int]) -> None:
    """Route reviews to subsets, and wait until the client's Envoy does so."""
    route = [{"destination": {"host": "reviews", "subset": name}, "weight": weight} for name, weight in weights.items()]
    spec = {"hosts": ["reviews"], "http": [{"name": "primary", "route": route}]}
    plane.kubectl.apply(plane.manifest("networking.istio.io/v1", "VirtualService", "reviews", spec))
    # a route with one destination has no weights in Envoy
    wanted = weights if len(weights) > 1 else {}
    eventually(f"the Envoy splits {weights}", lambda: plane.weights() == wanted)


def choices(plane: Plane) -> list[Choice]:
    """What the world would do with productpage's requests to reviews, given the objects that are there."""
    mesh = world(plane)
    return mesh.choices(calling(plane, mesh))


def expected(found: list[Choice]) -> dict[Answer, float]:
    """Shares by status and answering version."""
    shares: dict[Answer, float] = defaultdict(float)
    for choice in found:
        shares[(200, choice.workload.version) if choice.workload else (int(choice.code), "")] += choice.share
    return dict(shares)


@pytest.mark.parametrize(
    "weights",
    [{"v1": 90, "v2": 10}, {"v1": 50, "v2": 50}, {"v2": 100}, {"v1": 90, "missing": 10}],
    ids=["90/10", "50/50", "all to v2", "a subset that is missing"],
)
def test_the_world_spreads_requests_as_envoys_do(plane: Plane, weights: dict[str, int]) -> None:
    routed(plane, weights)
    shares = expected(choices(plane))
    answers = plane.ask_often(REQUESTS)
    assert answers.keys() == shares.keys(), "the same answers, from the same versions"
    for answer, share in shares.items():
        four_sigma = 4 * math.sqrt(share * (1 - share) / REQUESTS)
        assert abs(answers[answer] / REQUESTS - share) <= four_sigma, (answer, share, answers)


def test_what_is_lost_is_lost_with_the_same_flag_and_is_no_request_of_the_service(plane: Plane) -> None:
    routed(plane, {"v1": 90, "missing": 10})
    lost = [choice for choice in choices(plane) if choice.workload is None]
    assert [(choice.code, choice.flags) for choice in lost] == [("503", "NC")]
    assert {choice.service for choice in lost} == {ServiceRef("unknown", "reviews:9080")}
    before = plane.count(f"{LOST}}}")
    plane.ask_often(200)
    eventually("Prometheus has what was lost", lambda: plane.count(f"{LOST}}}") > before)
    assert plane.count(f'{LOST},destination_service_name="reviews"}}') == 0
