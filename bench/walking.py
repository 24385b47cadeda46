"""Canaries of many services, walked by the real engine: the database, the catalog and the API server are there, Prometheus is in
memory, and time is what a sweep takes plus leaps from one due moment to the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter, process_time

from django.db.models import Max

from bench.pure import stock
from meshportal.accounts.models import Person
from meshportal.catalog.models import LiveObject
from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.changes.models import ChangeRequest, HostClaim, Item, Revision, Status
from meshportal.clients.ports import ClusterPort, MetricsPort
from meshportal.clusters.models import Cluster
from meshportal.mesh.refs import VIRTUAL_SERVICE, Manifest, ServiceRef
from meshportal.mesh.rollouts.phases import Phase
from meshportal.mesh.rollouts.spec import Spec, Step
from meshportal.rollouts import services
from meshportal.rollouts.engine import sweep
from meshportal.rollouts.models import Rollout, Shift
from tests.cast import NOON, observe, reviews
from tests.fakes import FakeMetrics

NAMESPACE = "bookinfo"
PER_SECOND = 1000.0
INTERVAL = 60.0
TOGETHER = timedelta(seconds=2)


class Clock:
    """Real time plus leaps."""

    def __init__(self) -> None:
        self._leapt, self._began = 0.0, perf_counter()

    def __call__(self) -> datetime:
        return NOON + timedelta(seconds=self._leapt + perf_counter() - self._began)

    def leaps_to(self, moment: datetime) -> None:
        self._leapt += max(0.0, (moment - self()).total_seconds())


def spec_of(name: str, weights: list[int]) -> Spec:
    steps = tuple(Step(weight, INTERVAL) for weight in weights)
    return Spec(ServiceRef(NAMESPACE, name), "v1", "v2", steps, bake=INTERVAL)


@dataclass
class Walk:
    """So many canaries from their preflight to their end. `api` is the worker's port."""

    api: ClusterPort
    count: int
    weights: list[int]
    beat: float = 0.0  # seconds between two sweeps; 0: one in the moment something is due
    clock: Clock = field(default_factory=Clock)
    metrics: FakeMetrics = field(default_factory=FakeMetrics)
    late: list[float] = field(default_factory=list)  # seconds from a sweep to a verified weight, but for the first
    shifted: dict[int, list[float]] = field(default_factory=dict)  # when each canary's weights were verified
    ticks: int = 0
    most_asked: int = 0  # calls of the metrics port in one sweep
    seconds: float = 0.0  # that the sweeps took
    cpu: float = 0.0

    def begin(self, admin: ClusterPort, author: Person) -> None:
        """`admin` may list everything: it plays the observer."""
        self.cluster = Cluster.objects.create(
            name="bench", worker_kubeconfig="w", observer_kubeconfig="o", prometheus_url="http://[::1]:1"
        )
        their_services, pods = stock(self.count)
        snapshot = observe(self.cluster, admin, services=their_services, pods=pods)
        rows = tuple(replace(reviews(), name=f"s{number}") for number in range(self.count))
        SnapshotRow.objects.filter(cluster=self.cluster).update(body=replace(snapshot, services=rows).to_json())
        routes = LiveObject.objects.filter(cluster=self.cluster, kind=VIRTUAL_SERVICE.kind)
        by_name = {row.name: row.manifest for row in routes}
        self._counted = self.clock()
        self.weight_of = {f"s{number}": 0 for number in range(self.count)}
        self._requests(INTERVAL)
        now = self.clock()
        for name in self.weight_of:
            services.start(self._change(name, by_name[name], author, now), spec_of(name, self.weights), now=now)

    def _change(self, name: str, route: Manifest, author: Person, now: datetime) -> ChangeRequest:
        change = ChangeRequest.objects.create(
            kind="rollout", cluster=self.cluster, namespace=NAMESPACE, service=name, title=f"Canary of {name}", author=author,
            reason="Bench", status=Status.WATCHING, status_since=now, digest="d", applied_at=now,
        )  # fmt: skip
        revision = Revision.objects.create(change=change, number=1, author=author, intent={}, digest="d", created_at=now)
        Item.objects.create(
            revision=revision, position=0, kind="VirtualService", namespace=NAMESPACE, name=name, before=route, after=route,
            fields=[["spec", "http"]], outcome=Item.Outcome.WRITTEN,
        )  # fmt: skip
        HostClaim.objects.create(cluster=self.cluster, namespace=NAMESPACE, service=name, change=change)
        return change

    # ------------------------------------------------------------ time

    def walk(self, *, until_step: int | None = None) -> None:
        """To the end of all canaries, or until each has passed that step. Raises RuntimeError where nothing moves any more."""
        while self.due() is not None:
            if until_step is not None and all(len(at) > until_step for at in self.shifted.values()) and self.shifted:
                return
            self.tick()
            if self.ticks > 100 * len(self.weights):
                row = Rollout.objects.exclude(phase__in=["succeeded", "rolled-back"])[0]
                raise RuntimeError(f"a canary waits: {row.phase} at {row.weight} %, {row.holds}, {row.error}")

    def due(self) -> datetime | None:
        row = Rollout.objects.exclude(next_due_at=None).order_by("next_due_at").first()
        return row.next_due_at if row else None

    def tick(self) -> None:
        """Leap to the beat after the next due moment; without a beat, to when all that are due within `TOGETHER` are."""
        moment = self.due() or self.clock()
        if self.beat:
            whole = (moment - NOON) // timedelta(seconds=self.beat) + 1
            moment = NOON + timedelta(seconds=whole * self.beat)
        else:
            soon = Rollout.objects.filter(next_due_at__lte=moment + TOGETHER)
            moment = soon.aggregate(last=Max("next_due_at"))["last"] or moment
        self.clock.leaps_to(moment)
        self.world_goes_on()
        now = self.clock()
        observed = Rollout.objects.filter(phase=Phase.OBSERVING, next_due_at__lte=now)
        planned = {row.pk: max(row.due_at + INTERVAL, now.timestamp()) for row in observed}
        self.sweep()
        self._note(planned)

    def sweep(self) -> None:
        self.ticks += 1
        before, began, cpu = len(self.metrics.calls), perf_counter(), process_time()
        sweep(clock=self.clock, cluster_of=self._connect, metrics_of=self._prometheus)
        self.seconds += perf_counter() - began
        self.cpu += process_time() - cpu
        self.most_asked = max(self.most_asked, len(self.metrics.calls) - before)

    def _note(self, planned: dict[int, float]) -> None:
        for row in Rollout.objects.filter(cluster=self.cluster):
            self.weight_of[row.service] = row.weight
            before = self.shifted.setdefault(row.pk, [])
            if row.shifted_at is not None and (not before or row.shifted_at > before[-1]):
                before.append(row.shifted_at)
                if row.pk in planned:
                    self.late.append(row.shifted_at - planned[row.pk])

    def world_goes_on(self) -> None:
        """Requests arrive by the weights, and the observer is alive."""
        self._requests((self.clock() - self._counted).total_seconds())
        row = SnapshotRow.objects.get(cluster=self.cluster)
        row.body["taken_at"] = self.clock().timestamp()
        row.save()

    def _requests(self, seconds: float) -> None:
        self._counted = self.clock()
        for name, weight in self.weight_of.items():
            for version, share in (("v1", 100 - weight), ("v2", weight)):
                self.metrics.counts(ServiceRef(NAMESPACE, name), version, round(PER_SECOND * seconds * share / 100))

    # ------------------------------------------------------------ ports

    def _connect(self, _cluster: object) -> ClusterPort:
        return self.api

    def _prometheus(self, _cluster: object) -> MetricsPort:
        return self.metrics

    @property
    def steps(self) -> int:
        return Shift.objects.filter(state=Shift.State.DONE, rollout__cluster=self.cluster).count()
