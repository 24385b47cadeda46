"""The threads of a running observer: for each cluster one that ticks, one that asks Prometheus, one that asks istiod, one for
each watched kind, and one for the pulse of the API server. Only the ticking thread uses the database."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Collection
from functools import partial
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import close_old_connections, connections

from meshportal.catalog.asking import Asker
from meshportal.catalog.mirror import WATCHED_KINDS, Follower, Mirror, Pulse
from meshportal.catalog.observer import ClusterObserver, look
from meshportal.catalog.syncing import SyncAsker
from meshportal.clients import connect
from meshportal.clients.ports import ClusterPort
from meshportal.clusters.models import Cluster
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.snapshot import Snapshot

log = structlog.get_logger(__name__)

T = TypeVar("T")
STOP_SECONDS = 1.5
AFTER_A_BUG = 5.0


def process_name() -> str:
    """A name that no other observer has, and that tells a person where to look."""
    return f"{socket.gethostname()[:40]}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


class Running:
    """One cluster's observer with its threads. All of them are daemons: a request that hangs does not keep the process alive."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.mirror = Mirror()
        self.asker = Asker(
            connect.metrics(cluster.prometheus_url),
            tick_seconds=settings.OBSERVER_TICK_SECONDS,
            window_seconds=settings.METRICS_WINDOW_SECONDS,
        )
        self.syncing = SyncAsker(connect.proxies(cluster.istiod_url)) if cluster.istiod_url else None
        self.observer = ClusterObserver(cluster, self.mirror, self.asker, process_name(), syncing=self.syncing)
        self._port: ClusterPort | None = None
        self._port_lock = threading.Lock()
        self._stop = threading.Event()
        self._ask, self._answered = threading.Event(), threading.Event()
        self._ticker: threading.Thread | None = None
        self._following = False
        self._split: Collection[ServiceRef] = ()

    def port(self) -> ClusterPort:
        """The cluster's API, connected once. Raises ClusterUnavailable while its kubeconfig is missing or broken."""
        with self._port_lock:
            if self._port is None:
                self._port = connect.cluster(self.cluster.observer_kubeconfig)
            return self._port

    def followers(self) -> list[Follower]:
        return [Follower(kind, self.port, self.mirror, time.time) for kind in WATCHED_KINDS]

    def pulse(self) -> Pulse:
        return Pulse(self.port, self.mirror, time.time, silence=0.6 * settings.OBSERVER_TICK_SECONDS)

    def once(self) -> Snapshot | None:
        """List everything, ask Prometheus and tick, once, in this thread. None where nothing was written."""
        for follower in self.followers():
            follower.step()
        self.pulse().step()
        snapshot = look(self.observer, time.time())
        self.observer.give_up()
        return snapshot

    # ------------------------------------------------------------ threads

    def start(self) -> None:
        self._ticker = self._thread("tick", self._ticking)

    def stop(self) -> None:
        """Ask all threads to end; `join` waits for the one that writes."""
        for event in (self._stop, self._ask, self._answered):
            event.set()

    def join(self, seconds: float) -> None:
        if self._ticker is not None:
            self._ticker.join(seconds)

    def _thread(self, name: str, run: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=run, name=f"{self.cluster.name} {name}", daemon=True)
        thread.start()
        return thread

    def _ticking(self) -> None:
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                close_old_connections()
                self._guarded(self._tick)
                pause = self.observer.period if self.observer.lease else self.asker.tick_seconds
                self._stop.wait(max(0.05, pause - (time.monotonic() - began)))
            self.observer.give_up()
        finally:
            connections.close_all()

    def _tick(self) -> None:
        if not self.observer.lead(time.time()):
            return
        if not self._following:  # an observer that stands by watches nothing
            self._following = True
            self._follow()
        self._split = self.observer.split()
        self._answered.clear()
        self._ask.set()
        # a Prometheus that hangs must not keep the news of Kubernetes, and its own silence, from the board
        self._answered.wait(self.asker.tick_seconds)
        if not self._stop.is_set():
            self.observer.tick(time.time())

    def _follow(self) -> None:
        for follower in self.followers():
            self._thread(follower.kind.plural, partial(self._repeating, follower.step))
        pulse = self.pulse()
        self._thread("pulse", partial(self._repeating, pulse.step))
        self._thread("prometheus", self._asking)
        if self.syncing:
            self._thread("istiod", partial(self._repeating, partial(self._ask_istiod, self.syncing)))
        deadline = time.monotonic() + self.asker.tick_seconds
        while not self.mirror.synced(*WATCHED_KINDS) and time.monotonic() < deadline and not self._stop.is_set():
            self._stop.wait(0.05)  # so that the first Snapshot is not one of an empty mesh

    def _repeating(self, step: Callable[[], float]) -> None:
        while not self._stop.is_set():
            pause = self._guarded(step)
            self._stop.wait(AFTER_A_BUG if pause is None else pause)

    def _asking(self) -> None:
        while self._ask.wait() and not self._stop.is_set():
            self._ask.clear()
            self._guarded(lambda: self.asker.ask(time.time(), self._split))
            self._answered.set()

    def _ask_istiod(self, syncing: SyncAsker) -> float:
        syncing.ask(time.time())
        return self.asker.tick_seconds

    def _guarded(self, act: Callable[[], T]) -> T | None:
        """What `act` returns; None, and a line in the log, for whatever it raises: nothing may end the observer."""
        try:
            return act()
        except Exception:
            log.exception("the observer goes on after an error", cluster=self.cluster.name)
        return None


class Fleet:
    """The observers of every registered cluster. `sync` is called again and again: clusters come, move and go."""

    def __init__(self, only: str = "") -> None:
        self.only = only
        self.running: dict[int, Running] = {}

    def clusters(self) -> list[Cluster]:
        return list(Cluster.objects.filter(name=self.only) if self.only else Cluster.objects.all())

    def sync(self) -> None:
        """Observe what is registered, and nothing else. A cluster whose addresses changed is observed anew."""
        wanted = {cluster.pk: cluster for cluster in self.clusters()}
        for pk, running in list(self.running.items()):
            if pk not in wanted or _addresses(wanted[pk]) != _addresses(running.cluster):
                running.stop()
                running.join(STOP_SECONDS)
                del self.running[pk]
        for pk, cluster in wanted.items():
            if pk not in self.running:
                self.running[pk] = Running(cluster)
                self.running[pk].start()

    def stop(self) -> None:
        """End all, within `STOP_SECONDS`. What hangs in a request ends with the process."""
        deadline = time.monotonic() + STOP_SECONDS
        for running in self.running.values():
            running.stop()
        for running in self.running.values():
            running.join(max(0.0, deadline - time.monotonic()))


def _addresses(cluster: Cluster) -> tuple[str, str, str]:
    return cluster.observer_kubeconfig, cluster.prometheus_url, cluster.istiod_url
