"""Who gets in at an ingress gateway: a real one and the sandbox's world answer the same for the same objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from meshportal.sandbox.world.calls import Call
from meshportal.sandbox.world.pods import Workload
from meshportal.sandbox.world.routing import Mesh, Objects
from meshportal.sandbox.world.sending import send
from tests.dataplane.beside import KINDS, items, scenario
from tests.dataplane.gateway import GATEWAY, Door, bound, gateway
from tests.dataplane.plane import Plane, eventually

pytestmark = [pytest.mark.dataplane, pytest.mark.xdist_group("dataplane")]
TO_REVIEWS: dict[str, Any] = {"route": [{"destination": {"host": "reviews"}}]}
TESTERS = {"match": [{"headers": {"end-user": {"exact": "jason"}}}], "directResponse": {"status": 418}}
HOST = "books.example.com"


@pytest.fixture(scope="module")
def door(whole_plane: Plane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with gateway(whole_plane, tmp_path_factory.mktemp("gateway")) as found:
        yield found


def expected(plane: Plane, path: str, headers: tuple[tuple[str, str], ...]) -> int:
    """The status with which the world answers a visitor of reviews."""
    objects = Objects(*(items(plane, kind) for kind in KINDS))
    labels = (("app", GATEWAY.app), ("istio", "ingressgateway"))
    caller = Workload(plane.namespace, GATEWAY.name, GATEWAY.app, GATEWAY.version, "", GATEWAY.app, True, labels)
    mesh = Mesh(replace(objects, gateways=items(plane, "gateways")))
    [status] = {flow.code for flow in send(mesh, scenario(), Call(caller, plane.service, path, headers=headers), 1.0).flows}
    return int(status)


@pytest.mark.parametrize(
    ("hosts", "route", "headers", "status"),
    [
        (["*"], bound(HOST, TO_REVIEWS), (), 200),
        (["*.example.com"], bound(HOST, TO_REVIEWS), (), 200),
        (["shop.example.com"], bound(HOST, TO_REVIEWS), (), 404),
        (["elsewhere/*"], bound(HOST, TO_REVIEWS), (), 404),
        (["bookinfo/*"], bound(HOST, TO_REVIEWS), (), 200),
        (["*"], bound(HOST, TO_REVIEWS, to="mesh"), (), 404),
        (["*"], bound(HOST, TO_REVIEWS, to="bookinfo/site"), (), 200),
        (["*"], bound("*", TESTERS, TO_REVIEWS), (("end-user", "jason"),), 418),
        (["*"], bound("*", TESTERS, TO_REVIEWS), (), 200),
        (["*"], bound("*", {"match": [{"uri": {"prefix": "/other"}}], **TO_REVIEWS}), (), 404),
        (["*"], bound("*", {"match": [{"gateways": ["mesh"]}], **TO_REVIEWS}), (), 404),
        (["*"], bound("*", {**TO_REVIEWS, "fault": {"abort": {"httpStatus": 418, "percentage": {"value": 100}}}}), (), 418),
    ],
    ids=[
        "any", "wildcard", "another host", "another namespace", "its namespace", "not bound", "full name", "testers",
        "not testers", "no match", "a match for sidecars", "abort",
    ],
)  # fmt: skip
def test_a_visitor(
    plane: Plane, door: Door, hosts: list[str], route: dict[str, Any], headers: tuple[tuple[str, str], ...], status: int
) -> None:
    with door.opened(hosts, route):
        assert expected(plane, "/", headers) == status
        eventually(f"it answers {status}", lambda: door.ask(HOST, **dict(headers)) == status)
        # and not just on the way to another answer
        assert [door.ask(HOST, **dict(headers)) for _ in range(10)] == [status] * 10
