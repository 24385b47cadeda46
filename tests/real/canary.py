"""A canary of reviews on a real API server: asked for, approved and applied as any change, then walked by the engine with the
worker's own token. Requests and Prometheus are scripted, and time passes only in `passes`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from meshportal.audit.models import AuditEvent
from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.changes import deciding, services
from meshportal.changes.applying import apply
from meshportal.changes.kinds import Subject
from meshportal.changes.models import Review, Status
from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clients.ports import ClusterPort, JsonPatchOp, MetricsPort, Written
from meshportal.clients.prometheus import PrometheusMetrics
from meshportal.clusters.models import Cluster
from meshportal.mesh.refs import Manifest, ResourceRef
from meshportal.rollouts.engine import sweep
from meshportal.rollouts.models import Rollout
from tests.cast import Clock, observe, people
from tests.fakes import FakeMetrics
from tests.real.rights import NAMESPACE, Server
from tests.recorder import Recorder
from tests.rollouts.cast import REVIEWS, ROUTE, fresh, weights

PAGE = AuditEvent.Via.PAGE
STEPS = (10, 20, 30, 40, 50, 100)
INTERVAL = 60
PLAN: dict[str, Any] = {
    "baseline": "v1",
    "canary": "v2",
    "steps": [{"weight": weight, "seconds": INTERVAL} for weight in STEPS],
    "rule": "threshold",
    "success_criteria": {"max_error_rate": 0.01, "min_request_count": 100},
    "max_blind": "2m",
    "blind_rollback_after": "10m",
    "bake": "1m",
}
"""The ladder of the other tools' measurement, in steps long enough for Prometheus to be asked in them."""
PER_SECOND = 100.0
TICK, OBSERVER_TICKS = 1.0, 5


class Worker(KubernetesCluster):
    """The worker's port; `asked` are its requests for one object, by verb."""

    asked: list[str]

    def get(self, ref: ResourceRef) -> Manifest | None:
        self.asked.append("get")
        return super().get(ref)

    def patch(self, ref: ResourceRef, ops: Sequence[JsonPatchOp], *, dry_run: bool = False) -> Written:
        self.asked.append("patch")
        return super().patch(ref, ops, dry_run=dry_run)


class Portal:
    """One mesh with one canary. `running` is whether there is an engine at all."""

    def __init__(self, server: Server, prometheus: Recorder) -> None:
        self.server, self.cast, self.clock = server, people(), Clock()
        self.worker = Worker.from_kubeconfig(server.info["kubeconfig"]["portal"])
        self.worker.asked = []
        self.admin = server.cluster("admin")
        self.cluster = Cluster.objects.create(
            name="demo", worker_kubeconfig="w", observer_kubeconfig="o", prometheus_url="http://[::1]:1"
        )
        self.metrics = FakeMetrics()
        self.http = prometheus
        self.broken = PrometheusMetrics(prometheus.url, timeout=(1, 0.2))
        self.answering: MetricsPort = self.metrics
        self.errors: dict[str, float] = {}
        self.running = True
        self._ticks, self._known = 0, -1
        self._shares: dict[str, int] = {}
        for version in ("v1", "v2"):
            self.metrics.counts(REVIEWS, version, 1000)
        self.observe()

    def close(self) -> None:
        self.worker.close()
        self.admin.close()
        self.broken.close()

    # ------------------------------------------------------------ what happens out there

    def observe(self) -> None:
        """The observer's tick."""
        observe(self.cluster, self.admin)
        self._known = len(self.worker.asked)
        live = self.admin.get(ROUTE)
        self._shares = weights(live) if live else {}
        self._tells_the_time()

    def _tells_the_time(self) -> None:
        row = SnapshotRow.objects.get()
        row.body["taken_at"] = self.clock().timestamp()
        row.save()

    def edits(self, change: Callable[[Manifest], object], manager: str = "kubectl-edit") -> None:
        """Somebody else changes the route, and the observer sees it."""
        live = self.route()
        change(live)
        answer = self.server.kube("admin").put(live, fieldManager=manager)
        assert answer.status == 200, answer.message
        self.observe()

    def sets(self, manager: str = "kubectl-edit", **shares: int) -> None:
        def change(live: Manifest) -> None:
            for entry in live["spec"]["http"][0]["route"]:
                entry["weight"] = shares[entry["destination"]["subset"]]

        self.edits(change, manager)

    def _requests(self, seconds: float) -> None:
        total = sum(self._shares.values()) or 1
        for version, weight in self._shares.items():
            count = PER_SECOND * seconds * weight / total
            if count and version != "elsewhere":
                self.metrics.counts(REVIEWS, version, count, errors=count * self.errors.get(version, 0))

    # ------------------------------------------------------------ the portal

    def begin(self, **more: Any) -> Rollout:
        """Alice asks, Bob approves, the worker writes: from here on it walks."""
        alice, bob, now = self.cast.alice, self.cast.bob, self.clock()
        subject = Subject(self.cluster, NAMESPACE, "reviews")
        change = services.draft("rollout", subject, PLAN | more, by=alice, via=PAGE, now=now, reason="New layout")
        services.submit(change, by=alice, via=PAGE, now=now)
        deciding.decide(change, Review.Decision.APPROVE, by=bob, via=PAGE, digest=change.digest, now=now)
        apply(change.pk, cluster=self.worker, clock=self.clock)
        change.refresh_from_db()
        assert (change.status, change.note) == (Status.WATCHING, "")
        self.observe()
        self.worker.asked.clear()
        return Rollout.objects.get(change=change)

    def _cluster(self, _cluster: object) -> ClusterPort:
        return self.worker

    def _prometheus(self, _cluster: object) -> MetricsPort:
        return self.answering

    def sweep(self) -> None:
        if self.running:
            sweep(clock=self.clock, cluster_of=self._cluster, metrics_of=self._prometheus)
        if len(self.worker.asked) != self._known:
            self._known = len(self.worker.asked)
            live = self.admin.get(ROUTE)
            self._shares = weights(live) if live else {}

    def passes(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> bool:
        """So many seconds, a tick at a time, or until something is true. Whether it became true."""
        end = self.clock() + timedelta(seconds=seconds)
        seen = self._known
        while self.clock() < end:
            if until():
                return True
            self.clock.passes(TICK)
            self._requests(TICK)
            self._ticks += 1
            if self._ticks % OBSERVER_TICKS == 0:
                if self._known != seen:
                    self.observe()
                    seen = self._known
                self._tells_the_time()
            self.sweep()
        return until()

    # ------------------------------------------------------------ what can be seen

    def route(self) -> Manifest:
        live = self.admin.get(ROUTE)
        assert live is not None
        return live

    @property
    def weight(self) -> int:
        return weights(self.route())["v2"]

    @property
    def writes(self) -> int:
        return self.worker.asked.count("patch")

    def reaches(self, rollout: Rollout, phase: str, weight: int) -> None:
        """Let time pass until the canary is there."""
        there = self.passes(900, until=lambda: (fresh(rollout).phase, fresh(rollout).weight) == (phase, weight))
        now = fresh(rollout)
        assert there, f"it is {now.phase} at {now.weight} %, held by {now.holds}, error {now.error!r}"

    def ends(self, rollout: Rollout, seconds: float = 1500) -> Rollout:
        over = self.passes(seconds, until=lambda: fresh(rollout).is_over)
        now = fresh(rollout)
        assert over, f"it is {now.phase} at {now.weight} %, held by {now.holds}, error {now.error!r}"
        return now

    def written(self, rollout: Rollout) -> list[int]:
        """The weights that the canary was given, in the order of its writes."""
        return list(rollout.shifts.filter(state="done").order_by("finished_at", "id").values_list("weight", flat=True))
