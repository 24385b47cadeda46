"""From the form to the mesh and back: a way in is opened, edited and closed, on the fake and on a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from meshportal.audit.models import AuditEvent
from meshportal.changes import deciding, services
from meshportal.changes.applying import apply
from meshportal.changes.kinds import Subject, kind_named
from meshportal.changes.models import ChangeRequest, Review, Status
from meshportal.clients.ports import ClusterPort
from meshportal.clusters.models import Cluster
from meshportal.mesh.refs import GATEWAY, VIRTUAL_SERVICE, Manifest, ResourceRef
from tests.cast import NOON, Clock, observe, people
from tests.fakes import FakeCluster
from tests.real.rights import NAMESPACE, Server, real_server

PAGE = AuditEvent.Via.PAGE
OWN = ResourceRef(GATEWAY, NAMESPACE, "reviews-gateway")
INGRESS = ResourceRef(VIRTUAL_SERVICE, NAMESPACE, "reviews-ingress")
NEW: dict[str, Any] = {"hosts": "reviews.example.com", "paths": [{"how": "prefix", "path": "/api"}], "gateway": "new"}

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def real() -> Iterator[Server]:
    with real_server() as server:
        yield server


@pytest.fixture(params=["fake", pytest.param("real", marks=[pytest.mark.real, pytest.mark.xdist_group("real")])])
def api(request: pytest.FixtureRequest) -> Iterator[tuple[ClusterPort, ClusterPort]]:
    """The API as the worker and as somebody who looks use it, the worker with its own rights where it is a real one."""
    if request.param == "fake":
        fake = FakeCluster()
        yield fake, fake
        return
    server: Server = request.getfixturevalue("real")
    worker, seer = server.cluster("portal"), server.cluster("admin")
    yield worker, seer
    worker.close()
    seer.close()
    server.remove(OWN, INGRESS)


class Portal:
    """Alice asks, Bob approves, the worker carries out, the observer looks."""

    def __init__(self, worker: ClusterPort, seer: ClusterPort) -> None:
        self.worker, self.seer, self.cast = worker, seer, people()
        self.cluster = Cluster.objects.create(
            name="demo", worker_kubeconfig="w", observer_kubeconfig="o", prometheus_url="http://[::1]:1"
        )
        self.look()

    def look(self) -> None:
        observe(self.cluster, self.seer)

    @property
    def subject(self) -> Subject:
        return Subject(self.cluster, NAMESPACE, "reviews")

    def rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in kind_named("gateway").current(self.subject).raw["exposures"]]

    def carry_out(self, rows: list[dict[str, Any]], *confirm: str) -> ChangeRequest:
        alice, bob = self.cast.alice, self.cast.bob
        asked = services.draft(
            "gateway", self.subject, {"exposures": rows}, by=alice, via=PAGE, now=NOON, reason="because", confirm=confirm
        )
        services.submit(asked, by=alice, via=PAGE, now=NOON)
        deciding.decide(asked, Review.Decision.APPROVE, by=bob, via=PAGE, digest=asked.digest, now=NOON)
        apply(asked.pk, cluster=self.worker, clock=Clock())
        asked.refresh_from_db()
        self.look()
        return asked

    def live(self, ref: ResourceRef) -> Manifest | None:
        return self.seer.get(ref)


def test_a_way_in_is_opened_edited_and_closed_again(api: tuple[ClusterPort, ClusterPort]) -> None:
    portal = Portal(*api)
    opened = portal.carry_out([NEW], "MP0801")
    assert (opened.status, opened.note) == (Status.APPLIED, "")
    assert [row["hosts"] for row in portal.rows()] == ["reviews.example.com"]
    route = portal.live(INGRESS)
    assert route is not None
    assert route["spec"]["http"][0]["match"] == [{"uri": {"prefix": "/api"}}]

    row = portal.rows()[0]
    row["paths"][0]["path"] = "/v2"
    edited = portal.carry_out([row | {"hosts": "new.example.com"}], "MP0801")
    assert (edited.status, edited.note) == (Status.APPLIED, "")
    gateway = portal.live(OWN)
    assert gateway is not None
    assert [server["hosts"] for server in gateway["spec"]["servers"]] == [["new.example.com"]]

    closed = portal.carry_out([], "MP0806")
    assert (closed.status, closed.note) == (Status.APPLIED, "")
    assert portal.live(INGRESS) is None
    assert portal.live(OWN) is None
    assert portal.rows() == []
