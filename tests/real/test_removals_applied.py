"""Objects taken away from an API server with the worker's own role, and made again as they were where a change is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from meshportal.accounts.models import Person
from meshportal.audit.models import AuditEvent
from meshportal.changes import deciding, dry_running, services
from meshportal.changes.applying import apply
from meshportal.changes.kinds import Subject
from meshportal.changes.models import ChangeRequest, Review, Revision, Status
from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clusters.models import Cluster
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ResourceRef, Version
from tests.cast import NOON, Clock, destination_rule, observe, people, virtual_service
from tests.real.rights import NAMESPACE, Server, real_server, sandbox_server

ROUTE, RULE = ResourceRef(VIRTUAL_SERVICE, NAMESPACE, "reviews"), ResourceRef(DESTINATION_RULE, NAMESPACE, "reviews")
REAL = pytest.mark.xdist_group("real")
PAGE = AuditEvent.Via.PAGE

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def real() -> Iterator[Server]:
    with real_server() as server:
        yield server


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with sandbox_server(tmp_path_factory.mktemp("removals")) as server:
        yield server


@pytest.fixture(params=["sandbox", pytest.param("real", marks=[pytest.mark.real, REAL])])
def routed(request: pytest.FixtureRequest) -> Iterator[Server]:
    """An API server with a route and a rule of reviews."""
    server: Server = request.getfixturevalue(request.param)
    server.put(virtual_service(v1=100), destination_rule("v1", "v2"))
    yield server
    server.remove(ROUTE, RULE)


class Watched(KubernetesCluster):
    """Something happens right after it has deleted a route."""

    then: Callable[[], object]

    def delete(self, ref: ResourceRef, *, expect: Version, dry_run: bool = False) -> None:
        super().delete(ref, expect=expect, dry_run=dry_run)
        if ref == ROUTE and not dry_run:
            self.then()


def approved(server: Server) -> ChangeRequest:
    cast = people()
    cluster = Cluster.objects.create(name="demo", worker_kubeconfig="w", observer_kubeconfig="o", prometheus_url="http://[::1]:1")
    admin = server.cluster("admin")
    observe(cluster, admin)
    admin.close()
    subject, raw = Subject(cluster, NAMESPACE, "reviews"), {"objects": [str(ROUTE), str(RULE)]}
    change = services.draft("removal", subject, raw, by=cast.alice, via=PAGE, now=NOON, reason="x", confirm=["MP0702"])
    services.submit(change, by=cast.alice, via=PAGE, now=NOON)
    deciding.decide(change, Review.Decision.APPROVE, by=cast.bob, via=PAGE, digest=change.digest, now=NOON)
    return change


def carried_out(server: Server, change: ChangeRequest, then: Callable[[], object] = lambda: None) -> ChangeRequest:
    api, clock = Watched.from_kubeconfig(server.info["kubeconfig"]["portal"]), Clock()
    api.then = then
    for _ in range(2):
        apply(change.pk, cluster=api, clock=clock)
        clock.passes(60)
    api.close()
    change.refresh_from_db()
    return change


def live(server: Server, ref: ResourceRef) -> Manifest | None:
    admin = server.cluster("admin")
    found: Manifest | None = admin.get(ref)
    admin.close()
    return found


def test_the_dry_run_removes_nothing_and_the_worker_both(routed: Server) -> None:
    change = approved(routed)
    api = KubernetesCluster.from_kubeconfig(routed.info["kubeconfig"]["portal"])
    dry_running.ask(change.revisions.get(), cluster=api, now=NOON)
    api.close()
    assert change.revisions.get().dry_run == Revision.DryRun.ACCEPTED
    assert live(routed, ROUTE) is not None
    assert live(routed, RULE) is not None
    assert (carried_out(routed, change).status, change.note) == (Status.APPLIED, "")
    assert live(routed, ROUTE) is None
    assert live(routed, RULE) is None


def test_a_removal_stopped_half_way_makes_the_object_again_as_it_was(routed: Server) -> None:
    change, before = approved(routed), live(routed, ROUTE)
    assert before is not None
    carol = Person.objects.get(username="carol")
    stopped = carried_out(
        routed, change, lambda: deciding.stop(ChangeRequest.objects.get(pk=change.pk), by=carol, via=PAGE, now=NOON)
    )
    assert stopped.status == Status.FAILED, stopped.note
    again = live(routed, ROUTE)
    assert again is not None
    assert again["spec"] == before["spec"]
    assert again["metadata"]["labels"] == before["metadata"]["labels"]
    assert again["metadata"]["uid"] != before["metadata"]["uid"]
    assert live(routed, RULE) is not None
