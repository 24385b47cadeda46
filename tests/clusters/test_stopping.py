"""Stop everything: who may, what everybody sees, and that it is one at a time."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from meshportal.accounts.models import Person, Role, RoleBinding
from meshportal.audit.models import AuditEvent
from meshportal.clusters.models import Cluster, Stop
from meshportal.clusters.refusals import NotNow, Refused, Unusable
from meshportal.clusters.stopping import lift, stop, stopped
from tests.cast import NOON, Cast, Mesh, people

PAGE = AuditEvent.Via.PAGE

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Cluster:
    return Mesh().cluster


@pytest.mark.parametrize("who", ["carol", "dave"])
def test_on_call_and_admins_stop_and_let_go_on(mesh: Cluster, cast: Cast, who: str) -> None:
    person = getattr(cast, who)
    assert stopped(mesh) is None
    stop(mesh, reason="Fire", by=person, via=PAGE, now=NOON)
    found = stopped(mesh)
    assert found is not None
    assert (found.by, found.reason) == (person, "Fire")
    lifted = lift(mesh, by=person, via=PAGE, now=NOON)
    assert lifted.lifted_by == person
    assert stopped(mesh) is None
    assert list(AuditEvent.objects.order_by("sequence").values_list("verb", flat=True)) == ["stop everything", "lift stop"]


@pytest.mark.parametrize("who", ["alice", "bob", "mallory"])
def test_nobody_else_does(mesh: Cluster, cast: Cast, who: str) -> None:
    with pytest.raises(Refused):
        stop(mesh, reason="Fire", by=getattr(cast, who), via=PAGE, now=NOON)
    stop(mesh, reason="Fire", by=cast.carol, via=PAGE, now=NOON)
    with pytest.raises(Refused):
        lift(mesh, by=getattr(cast, who), via=PAGE, now=NOON)
    assert stopped(mesh) is not None


def test_on_call_for_one_namespace_does_not_stop_the_mesh(mesh: Cluster) -> None:
    frank = Person.objects.create(username="frank", password="!")
    RoleBinding.objects.create(person=frank, role=Role.RESPONDER, cluster="demo", namespace="bookinfo")
    with pytest.raises(Refused):
        stop(mesh, reason="Fire", by=frank, via=PAGE, now=NOON)


def test_it_is_one_at_a_time_and_has_a_reason(mesh: Cluster, cast: Cast) -> None:
    for reason in (" ", "a\x00", "x" * 2001):
        with pytest.raises(Unusable):
            stop(mesh, reason=reason, by=cast.carol, via=PAGE, now=NOON)
    with pytest.raises(NotNow):
        lift(mesh, by=cast.carol, via=PAGE, now=NOON)
    stop(mesh, reason="Fire", by=cast.carol, via=PAGE, now=NOON)
    with pytest.raises(NotNow):
        stop(mesh, reason="Fire again", by=cast.dave, via=PAGE, now=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        Stop.objects.create(cluster=mesh, by=cast.dave, reason="By hand", at=NOON)


def test_another_mesh_goes_on(mesh: Cluster, cast: Cast) -> None:
    other = Cluster.objects.create(
        name="other", worker_kubeconfig="/nowhere/w", observer_kubeconfig="/nowhere/o", prometheus_url="http://127.0.0.1:1"
    )
    stop(mesh, reason="Fire", by=cast.carol, via=PAGE, now=NOON)
    assert stopped(other) is None


def test_the_board_offers_it_to_whom_it_belongs_and_tells_everybody(mesh: Cluster, cast: Cast, client: Client) -> None:
    for who, offered in (("carol", True), ("dave", True), ("alice", False), ("bob", False)):
        client.force_login(getattr(cast, who))
        assert ("Stop everything…" in client.get("/").content.decode()) is offered, who
    client.force_login(cast.carol)
    refused = client.post("/settings/stop/demo/", {"reason": ""})
    assert refused.status_code == 422
    assert "everybody who waits will read it" in refused.content.decode()
    assert client.post("/settings/stop/demo/", {"reason": "Checkout burns"})["Location"] == "/?mesh=demo"
    assert client.post("/settings/stop/demo/", {"reason": "Again"}).status_code == 409
    client.force_login(cast.alice)
    board = client.get("/").content.decode()
    assert "carol has stopped everything" in board
    assert "Checkout burns" in board
    assert client.post("/settings/stop/demo/lift/").status_code == 403
    client.force_login(cast.carol)
    assert client.post("/settings/stop/demo/lift/").status_code == 303
    assert "has stopped everything" not in client.get("/").content.decode()


def test_a_stranger_to_the_mesh_finds_no_such_page(mesh: Cluster, client: Client) -> None:
    client.force_login(Person.objects.create(username="nobody", password="!"))
    assert client.get("/settings/stop/demo/").status_code == 404
    assert client.post("/settings/stop/demo/", {"reason": "x"}).status_code == 404
