"""A canary of reviews among the people and the mesh of tests/cast.py, with a Prometheus and a clock: what an engine sees."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime, timedelta
from typing import Any

from meshportal.accounts.models import Person
from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.changes.models import ChangeRequest, HostClaim, Item, Revision, Status
from meshportal.clients.ports import ClusterPort, MetricsPort
from meshportal.mesh.facts import PodGroup
from meshportal.mesh.plans import TOKEN_ANNOTATION, annotation
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ResourceRef, ServiceRef
from meshportal.mesh.rollouts.spec import Criteria, Rule, Spec, ladder
from meshportal.rollouts import services
from meshportal.rollouts.engine import sweep
from meshportal.rollouts.models import Rollout
from tests.cast import PODS, Cast, Clock, Mesh, observe, virtual_service
from tests.fakes import FakeMetrics

REVIEWS = ServiceRef("bookinfo", "reviews")
ROUTE = ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews")
RULE = ResourceRef(DESTINATION_RULE, "bookinfo", "reviews")
QUICK = Criteria(rule=Rule.THRESHOLD, max_error_rate=0.01, min_request_count=100)
SPEC = Spec(REVIEWS, "v1", "v2", ladder(10, 40, 60.0), criteria=QUICK, bake=100.0, step_timeout=600.0)  # 10, 50, 90, 100
TICK = 1.0
OBSERVER_TICKS = 5


class AtOnce(Executor):
    """A pool whose work is done in the calling thread, which alone may use a test's database."""

    def __init__(self, _name: str = "") -> None:
        pass

    def submit(self, act: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(act(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  the future carries it
            future.set_exception(error)
        return future


def weights(manifest: Manifest | None) -> dict[str, int]:
    assert manifest is not None
    return {entry["destination"].get("subset", "elsewhere"): entry["weight"] for entry in manifest["spec"]["http"][0]["route"]}


class Stage:
    """Everything around the canaries of one mesh. Time passes only in `passes`, which sweeps every second, as the beat does."""

    def __init__(self, cast: Cast, clock: Clock) -> None:
        self.cast, self.clock = cast, clock
        self.mesh = Mesh()
        self.metrics = FakeMetrics()
        self.per_second = 100.0
        self.errors: dict[str, float] = {}
        self.slow: dict[str, float] = {}
        self.obeys = True
        self.pods: tuple[PodGroup, ...] = PODS
        self.more: dict[str, Any] = {}
        self.observed = True
        self._ticks = 0
        self.mesh.api.put(virtual_service(v1=100, v2=0))
        self.requests(60)
        self.observe()

    # ------------------------------------------------------------ what happens out there

    def requests(self, seconds: float) -> None:
        """Requests arrive for so long, by the weights that are live."""
        live = self.mesh.api.live(ROUTE)
        shares = weights(live) if live else {"v1": 50, "v2": 50}
        total = sum(shares.values()) or 1
        for version, weight in shares.items():
            count = self.per_second * seconds * weight / total
            if count and version != "elsewhere" and (self.obeys or version == "v1"):
                self.metrics.counts(
                    REVIEWS, version, count, errors=count * self.errors.get(version, 0), slow=count * self.slow.get(version, 0)
                )

    def observe(self) -> None:
        """The observer's tick: the catalog agrees with what is live."""
        observe(self.mesh.cluster, self.mesh.api, pods=self.pods, **self.more)
        row = SnapshotRow.objects.get()
        row.body["taken_at"] = self.clock().timestamp()
        row.save()

    def edits(self, manifest: Manifest, manager: str = "kubectl-edit") -> None:
        """Somebody else changes the route, and the observer sees it."""
        self.mesh.api.put(manifest, manager)
        self.observe()

    def sets(self, manager: str = "kubectl-edit", **shares: int) -> None:
        """Somebody else sets the weights, and nothing but them."""
        live = self.route()
        for entry in live["spec"]["http"][0]["route"]:
            entry["weight"] = shares[entry["destination"]["subset"]]
        self.edits(live, manager)

    # ------------------------------------------------------------ the engine

    def connect(self, _cluster: object) -> ClusterPort:
        return self.mesh.api

    def prometheus(self, _cluster: object) -> MetricsPort:
        return self.metrics

    def sweep(self) -> int:
        return sweep(clock=self.clock, cluster_of=self.connect, metrics_of=self.prometheus, pool_of=AtOnce)

    def passes(self, seconds: float, *, until: Callable[[], bool] | None = None) -> bool:
        """So many seconds, a tick at a time, or until something is true. Whether it became true."""
        end = self.clock() + timedelta(seconds=seconds)
        while self.clock() < end:
            if until is not None and until():
                return True
            self.clock.passes(TICK)
            self.requests(TICK)
            self._ticks += 1
            if self.observed and self._ticks % OBSERVER_TICKS == 0:
                self.observe()
            self.sweep()
        return until is not None and until()

    # ------------------------------------------------------------ what can be seen

    def route(self) -> Manifest:
        live = self.mesh.api.live(ROUTE)
        assert live is not None
        return live

    @property
    def weight(self) -> int:
        return weights(self.route())["v2"]

    def token(self) -> str:
        return annotation(self.route(), TOKEN_ANNOTATION)

    def patches(self) -> int:
        return sum(call.verb == "patch" for call in self.mesh.api.calls)


def watched_change(stage: Stage, author: Person, now: datetime) -> ChangeRequest:
    """A change of kind rollout whose objects are written, as the apply leaves it."""
    change = ChangeRequest.objects.create(
        kind="rollout", cluster=stage.mesh.cluster, namespace="bookinfo", service="reviews", title="Canary v2 of reviews",
        author=author, reason="New layout", status=Status.WATCHING, status_since=now, digest="d", applied_at=now,
    )  # fmt: skip
    revision = Revision.objects.create(change=change, number=1, author=author, intent={}, digest="d", created_at=now)
    route = stage.route()
    Item.objects.create(
        revision=revision, position=0, kind="VirtualService", namespace="bookinfo", name="reviews", before=route, after=route,
        fields=[["spec", "http"]], outcome=Item.Outcome.WRITTEN,
    )  # fmt: skip
    HostClaim.objects.create(cluster=stage.mesh.cluster, namespace="bookinfo", service="reviews", change=change)
    return change


def begin(stage: Stage, spec: Spec = SPEC) -> Rollout:
    """A canary that is due now."""
    change = watched_change(stage, stage.cast.alice, stage.clock())
    return services.start(change, spec, now=stage.clock())


def story(rollout: Rollout) -> list[str]:
    """The timeline, by its codes."""
    return list(rollout.events.values_list("code", flat=True))


def fresh(rollout: Rollout) -> Rollout:
    """The row as it is now."""
    return Rollout.objects.select_related("cluster", "change").get(pk=rollout.pk)


def held_by(rollout: Rollout) -> set[str]:
    """The holds that stand."""
    return {row["hold"] for row in fresh(rollout).holds}


def reach(stage: Stage, rollout: Rollout, phase: str, step: int = 0, seconds: float = 600) -> Rollout:
    """Let time pass until the canary is there."""
    there = stage.passes(seconds, until=lambda: (fresh(rollout).phase, fresh(rollout).step) == (phase, step))
    now = fresh(rollout)
    assert there, f"it is {now.phase} at step {now.step}, held by {now.holds}, error {now.error!r}"
    return now
