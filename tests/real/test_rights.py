"""The roles of deploy/ are enough, and each right in them is needed: without it the portal names what is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from meshportal.audit.models import AuditEvent
from meshportal.board.sources import Chip, chips
from meshportal.catalog.asking import Asker
from meshportal.catalog.mirror import WATCHED_KINDS, Follower, Mirror, Pulse
from meshportal.catalog.observer import ClusterObserver, look
from meshportal.changes import deciding, services
from meshportal.changes.applying import apply
from meshportal.changes.kinds import Subject
from meshportal.changes.models import ChangeRequest, Review, Status
from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clients.ports import ClusterPort, Forbidden, WatchEvent, Written
from meshportal.clusters.models import Cluster
from meshportal.mesh.refs import DESTINATION_RULE, GATEWAY, VIRTUAL_SERVICE, Kind, Manifest, ResourceRef, ref_of, version_of
from meshportal.sandbox.api.roles import DEFAULT, Access, Roles
from tests.cast import NOON, Clock, destination_rule, observe, people, virtual_service
from tests.fakes import FakeMetrics
from tests.real.rights import NAMESPACE, Right, Server, real_server, rights, sandbox_server

ROUTE, RULE = ResourceRef(VIRTUAL_SERVICE, NAMESPACE, "reviews"), ResourceRef(DESTINATION_RULE, NAMESPACE, "reviews")
DOOR: Manifest = {
    "apiVersion": GATEWAY.api_version,
    "kind": "Gateway",
    "metadata": {"namespace": NAMESPACE, "name": "door"},
    "spec": {
        "selector": {"istio": "ingressgateway"},
        "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
    },
}
DOOR_REF = ref_of(DOOR)
REAL = pytest.mark.xdist_group("real")
# gateways and the patch of a canary have tests of their own
OF_CHANGES = [right for right in rights("portal") if right.resource != GATEWAY.plural and right.verb != "patch"]
PAGE = AuditEvent.Via.PAGE


@pytest.fixture(scope="module")
def real() -> Iterator[Server]:
    with real_server() as server:
        yield server


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with sandbox_server(tmp_path_factory.mktemp("rights")) as server:
        yield server


@pytest.fixture(params=["sandbox", pytest.param("real", marks=[pytest.mark.real, REAL])])
def server(request: pytest.FixtureRequest) -> Server:
    started: Server = request.getfixturevalue(request.param)
    return started


@pytest.fixture
def routed(server: Server) -> Iterator[Server]:
    """The server with a route of reviews and a DestinationRule that lacks v2."""
    server.put(virtual_service(v1=100), destination_rule("v1"))
    yield server
    server.remove(ROUTE, RULE)


@pytest.fixture
def bare(server: Server) -> Iterator[Server]:
    yield server
    server.remove(ROUTE, RULE)


# ---------------------------------------------------------------- the observer


class Hasty(KubernetesCluster):
    """Its watches end after a second."""

    def watch(self, kind: Kind, resource_version: str, *, timeout_seconds: float = 1) -> Iterator[WatchEvent]:
        return super().watch(kind, resource_version, timeout_seconds=timeout_seconds)


def kubernetes_on_the_board(server: Server) -> tuple[Chip, Mirror]:
    """What the board says of Kubernetes after everything was listed and watched once, and the pulse felt."""
    cluster = Cluster.objects.create(name="demo", worker_kubeconfig="w", observer_kubeconfig="o", prometheus_url="http://[::1]:1")
    api, mirror = Hasty.from_kubeconfig(server.info["kubeconfig"]["observer"]), Mirror()
    followers = [Follower(kind, lambda: api, mirror, time.time) for kind in WATCHED_KINDS]
    pulse = Pulse(lambda: api, mirror, time.time, silence=0)
    with ThreadPoolExecutor(len(followers)) as pool:
        for _ in range(2):
            list(pool.map(Follower.step, followers))
            pulse.step()
    observer = ClusterObserver(cluster, mirror, Asker(FakeMetrics(), tick_seconds=5, window_seconds=60), "one")
    snapshot = look(observer, time.time())
    api.close()
    assert snapshot is not None
    return next(chip for chip in chips(snapshot, None, time.time()) if chip.name == "kubernetes"), mirror


@pytest.mark.django_db
def test_the_observers_role_is_enough_to_see_everything(routed: Server) -> None:
    chip, mirror = kubernetes_on_the_board(routed)
    assert (chip.state, chip.error) == ("OK", "")
    assert mirror.synced(*WATCHED_KINDS)
    assert ROUTE in mirror.istio_objects()[VIRTUAL_SERVICE]


@pytest.mark.real
@REAL
@pytest.mark.django_db
@pytest.mark.parametrize("taken", rights("observer"), ids=str)
def test_the_board_names_a_right_that_the_observer_lacks(real: Server, taken: Right) -> None:
    with real.without(taken):
        chip, _ = kubernetes_on_the_board(real)
    assert f"no right to {taken} " in chip.error


# ---------------------------------------------------------------- the worker


class Interrupted(KubernetesCluster):
    """Something happens right after it has created a route."""

    then: Callable[[], object]

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Written:
        written = super().create(manifest, dry_run=dry_run)
        if manifest["kind"] == VIRTUAL_SERVICE.kind:
            self.then()
        return written


def applied(server: Server, *, stopped: bool = False) -> ChangeRequest:
    """What becomes of 10 % for v2 when the worker carries it out; `stopped`: carol stops it after the last write."""
    cast, clock = people(), Clock()
    cluster = Cluster.objects.create(name="demo", worker_kubeconfig="w", observer_kubeconfig="o", prometheus_url="http://[::1]:1")
    admin = server.cluster("admin")
    observe(cluster, admin)
    admin.close()
    raw: dict[str, Any] = {"weights": {"v1": 90, "v2": 10}}
    change = services.draft("traffic", Subject(cluster, NAMESPACE, "reviews"), raw, by=cast.alice, via=PAGE, now=NOON, reason="x")
    services.submit(change, by=cast.alice, via=PAGE, now=NOON)
    deciding.decide(change, Review.Decision.APPROVE, by=cast.bob, via=PAGE, digest=change.digest, now=NOON)
    api = Interrupted.from_kubeconfig(server.info["kubeconfig"]["portal"])

    def stop() -> None:
        if stopped:
            deciding.stop(ChangeRequest.objects.get(pk=change.pk), by=cast.carol, via=PAGE, now=NOON)

    api.then = stop
    for _ in range(2):
        apply(change.pk, cluster=api, clock=clock)
        clock.passes(61)  # so long a right to read may be missing: an API server that has just started knows none
    api.close()
    change.refresh_from_db()
    return change


def live(server: Server) -> tuple[list[int], list[str]]:
    """Weights of the route and subsets of the rule; both empty where there is no such object."""
    admin: ClusterPort = server.cluster("admin")
    route, rule = admin.get(ROUTE), admin.get(RULE)
    weights = [to["weight"] for to in route["spec"]["http"][0]["route"]] if route else []
    return weights, [subset["name"] for subset in rule["spec"]["subsets"]] if rule else []


@pytest.mark.django_db
def test_the_workers_role_is_enough_to_replace_what_is_there(routed: Server) -> None:
    change = applied(routed)
    assert (change.status, change.note) == (Status.APPLIED, "")
    assert live(routed) == ([90, 10], ["v1", "v2"])


@pytest.mark.django_db
def test_the_workers_role_is_enough_to_create_what_is_not_there(bare: Server) -> None:
    change = applied(bare)
    assert (change.status, change.note) == (Status.APPLIED, "")
    assert live(bare) == ([90, 10], ["v1", "v2"])


@pytest.mark.django_db
def test_the_workers_role_is_enough_to_delete_what_it_created(bare: Server) -> None:
    change = applied(bare, stopped=True)
    assert change.status == Status.FAILED
    assert "Everything that was written has been put back." in change.note
    assert live(bare) == ([], [])


@pytest.mark.real
@REAL
@pytest.mark.django_db
@pytest.mark.parametrize("taken", OF_CHANGES, ids=str)
def test_the_change_names_a_right_that_the_worker_lacks(real: Server, taken: Right) -> None:
    """Each verb in the situation that needs it: replacing, creating, and deleting what was created."""
    try:
        if taken.verb in {"get", "update"}:
            real.put(virtual_service(v1=100), destination_rule("v1"))
        with real.without(taken):
            change = applied(real, stopped=taken.verb == "delete")
    finally:
        real.remove(ROUTE, RULE)
    assert change.status == (Status.NEEDS_HUMAN if taken.verb == "delete" else Status.FAILED)
    assert f"no right to {taken} in the namespace {NAMESPACE}" in change.note


def gateway_made_changed_and_removed(server: Server) -> list[Manifest | None]:
    """What the worker reads of a gateway after each write of it."""
    worker, seen = server.cluster("portal"), []
    try:
        made = worker.create(DOOR).manifest
        seen.append(worker.get(DOOR_REF))
        changed = worker.replace({**made, "metadata": {**made["metadata"], "labels": {"team": "books"}}}, expect=version_of(made))
        seen.append(worker.get(DOOR_REF))
        worker.delete(DOOR_REF, expect=version_of(changed.manifest))
        return [*seen, worker.get(DOOR_REF)]
    finally:
        worker.close()
        server.remove(DOOR_REF)


def test_the_workers_role_is_enough_for_gateways(server: Server) -> None:
    made, changed, removed = gateway_made_changed_and_removed(server)
    assert made is not None and made["spec"] == DOOR["spec"]
    assert changed is not None and changed["metadata"]["labels"] == {"team": "books"}
    assert removed is None


@pytest.mark.real
@REAL
@pytest.mark.parametrize("taken", [right for right in rights("portal") if right.resource == GATEWAY.plural], ids=str)
def test_a_right_to_gateways_that_the_worker_lacks_is_named(real: Server, taken: Right) -> None:
    with real.without(taken), pytest.raises(Forbidden, match=f"no right to {taken} in the namespace {NAMESPACE}"):
        gateway_made_changed_and_removed(real)


# ---------------------------------------------------------------- the sandbox


@pytest.mark.parametrize("right", [*rights("observer"), *rights("portal")], ids=str)
def test_whoever_may_do_it_in_an_installation_may_do_it_in_the_sandbox(right: Right) -> None:
    Roles({}, DEFAULT).require(right.user, Access(right.verb, right.group, right.resource, namespace=NAMESPACE))
