"""A small shop in a fake cluster, seen by a fake Prometheus, and an observer of both whose clock the test turns."""

from __future__ import annotations

from datetime import UTC, datetime

from meshportal.catalog.asking import Asker
from meshportal.catalog.mirror import WATCHED_KINDS, Follower, Mirror, Pulse
from meshportal.catalog.observer import ClusterObserver, look
from meshportal.catalog.syncing import SyncAsker
from meshportal.clusters.models import Cluster
from meshportal.mesh.refs import POD, VIRTUAL_SERVICE, ResourceRef, ServiceRef
from meshportal.mesh.snapshot import ServiceNow, Snapshot
from tests.fake_istiod import FakeIstiod
from tests.fakes import FakeCluster, FakeMetrics
from tests.mesh.objects import destination, destination_rule, namespace, pod, service, virtual_service

CART, WEB = ServiceRef("shop", "cart"), ServiceRef("shop", "web")
CART_ROUTE = ResourceRef(VIRTUAL_SERVICE, "shop", "cart")
CART_POD = ResourceRef(POD, "shop", "cart-v1-a")
START = datetime(2026, 11, 24, 14, 0, tzinfo=UTC).timestamp()
TICK = 5


def shop() -> FakeCluster:
    """Two services with sidecars in `shop`; the route of cart is split 90 to 10."""
    return FakeCluster(
        namespace("shop", owner="team-shop", injected=True),
        service("cart"), pod("cart-v1-a"), pod("cart-v2-a"),
        service("web"), pod("web-v1-a"),
        virtual_service("cart", [destination("cart", "stable", 90), destination("cart", "canary", 10)]),
        destination_rule("cart", {"stable": {"version": "v1"}, "canary": {"version": "v2"}}),
    )  # fmt: skip


def traffic() -> FakeMetrics:
    """Both services are called and well, their Envoys report, and istiod is there."""
    metrics = FakeMetrics()
    for version, rate in (("v1", 9.0), ("v2", 1.0)):
        metrics.sees(CART, version, rate)
    metrics.sees(WEB, "v1", 20.0)
    metrics.takes(CART, 80.0)
    metrics.takes(WEB, 120.0)
    for name in ("cart-v1-a", "cart-v2-a", "web-v1-a"):
        metrics.scrapes("shop", name)
    metrics.hears_istiod(uptime_seconds=3600.0, connected_proxies=3.0)
    return metrics


def register(name: str = "prod") -> Cluster:
    return Cluster.objects.create(
        name=name, worker_kubeconfig="w", observer_kubeconfig="o", prometheus_url="http://127.0.0.1:9090"
    )


class Observatory:
    """One process of `manage.py observe`, without its threads: `pass_time` does in order what they do at once."""

    def __init__(
        self,
        cluster: Cluster,
        kubernetes: FakeCluster,
        prometheus: FakeMetrics,
        holder: str = "one",
        istiod: FakeIstiod | None = None,
    ) -> None:
        self.now = START
        self.mirror = Mirror()
        self.asker = Asker(prometheus, tick_seconds=TICK, window_seconds=60, stopwatch=lambda: 0.0)
        syncing = SyncAsker(istiod) if istiod else None
        self.observer = ClusterObserver(cluster, self.mirror, self.asker, holder, syncing=syncing)
        self.followers = [Follower(kind, lambda: kubernetes, self.mirror, self.clock) for kind in WATCHED_KINDS]
        self.pulse = Pulse(lambda: kubernetes, self.mirror, self.clock, silence=3.0)

    def clock(self) -> float:
        return self.now

    def hear(self, steps: int = 1) -> None:
        """Every watch goes one step, and the pulse is felt."""
        for _ in range(steps):
            for follower in self.followers:
                follower.step()
        self.pulse.step()

    def pass_time(self, ticks: int = 1) -> Snapshot | None:
        """So many ticks go by. Returns what the last one wrote."""
        snapshot = None
        for _ in range(ticks):
            self.now += TICK
            self.hear()
            snapshot = look(self.observer, self.now)
        return snapshot


def seen(snapshot: Snapshot | None, ref: ServiceRef = CART) -> ServiceNow:
    assert snapshot is not None
    found = snapshot.service(ref.namespace, ref.name)
    assert found is not None
    return found
