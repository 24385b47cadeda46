"""An observer of the running data plane, in this process, and what a person then sees of it."""

from __future__ import annotations

import time

from meshportal.catalog.asking import Asker
from meshportal.catalog.mirror import WATCHED_KINDS, Follower, Mirror, Pulse
from meshportal.catalog.observer import ClusterObserver, look
from meshportal.catalog.syncing import SyncAsker
from meshportal.clients.istiod import IstiodDebug
from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clusters.models import Cluster
from meshportal.mesh.snapshot import ServiceNow, Snapshot
from tests.dataplane.plane import Plane

TICK_SECONDS = 5.0


class Eyes:
    """Reads the real API server as the observer's user, the plane's Prometheus over `window` seconds, and the real istiod."""

    def __init__(self, plane: Plane, window: int) -> None:
        kubeconfig = plane.mesh["kubeconfig"]["observer"]
        cluster, _ = Cluster.objects.get_or_create(
            name="demo",
            defaults={
                "worker_kubeconfig": kubeconfig,
                "observer_kubeconfig": kubeconfig,
                "prometheus_url": plane.prometheus,
                "istiod_url": plane.mesh["istiod_http"],
            },
        )
        self._plane = plane
        self._kubernetes = KubernetesCluster.from_kubeconfig(kubeconfig)
        self._istiod = IstiodDebug(plane.mesh["istiod_http"])
        mirror = Mirror()
        asker = Asker(plane.metrics, tick_seconds=TICK_SECONDS, window_seconds=window)
        self._observer = ClusterObserver(cluster, mirror, asker, "eyes", syncing=SyncAsker(self._istiod))
        for kind in WATCHED_KINDS:
            Follower(kind, lambda: self._kubernetes, mirror, time.time).step()
        self._pulse = Pulse(lambda: self._kubernetes, mirror, time.time, silence=0.0)

    def close(self) -> None:
        self._observer.give_up()
        self._kubernetes.close()
        self._istiod.close()

    def look(self) -> Snapshot:
        """One tick."""
        self._pulse.step()
        snapshot = look(self._observer, time.time())
        assert snapshot is not None, "nothing was written"
        return snapshot

    def reviews(self) -> ServiceNow:
        """The service that takes the requests, as of one more tick."""
        found = self.look().service(self._plane.namespace, "reviews")
        assert found is not None
        return found
