"""`python -m meshportal.sandbox world`: play workloads, traffic and a Prometheus for a Kubernetes API, end when told."""

from __future__ import annotations

import argparse
import ctypes
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from meshportal.mesh.refs import (
    AUTHORIZATION_POLICY,
    DEPLOYMENT,
    DESTINATION_RULE,
    GATEWAY,
    NAMESPACE,
    PEER_AUTHENTICATION,
    POD,
    SERVICE,
    VIRTUAL_SERVICE,
)
from meshportal.sandbox.world import control, demo, prometheus, unsimulated
from meshportal.sandbox.world.engine import World
from meshportal.sandbox.world.exposition import istiod_samples, text_of
from meshportal.sandbox.world.httpd import Server
from meshportal.sandbox.world.kube import Kube, KubeError, read_kubeconfig
from meshportal.sandbox.world.kubelet import Kubelet, is_needed
from meshportal.sandbox.world.mirror import Mirror
from meshportal.sandbox.world.routing import Objects
from meshportal.sandbox.world.tsdb import Store, labels_of

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
BACKFILL_SECONDS = 20 * 60
KINDS = (
    NAMESPACE, SERVICE, POD, DEPLOYMENT, VIRTUAL_SERVICE, DESTINATION_RULE, GATEWAY, PEER_AUTHENTICATION, AUTHORIZATION_POLICY,
)  # fmt: skip
_SETTLE_SECONDS = 0.2
_PODS_SECONDS = 40.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kube", required=True, type=Path, metavar="KUBECONFIG", help="kubeconfig of the API to play for")
    parser.add_argument("--port", type=int, default=0, help="Prometheus API on 127.0.0.1 (default: any free port)")
    parser.add_argument("--control-port", type=int, default=0, help="control page on 127.0.0.1 (default: any free port)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other curves (default: %(default)s)")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between scrapes (default: %(default)s)")
    parser.add_argument("--istiod-metrics", metavar="URL", help="scrape this istiod's /metrics instead of playing istiod")
    parser.add_argument("--with-parent", action="store_true", help="end when the starting process ends (Linux)")


def main(args: argparse.Namespace) -> int:
    """Play until SIGTERM or SIGINT."""
    if args.with_parent and sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            return 0
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="world: %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        play = Play(args, stop)
        play.start()
    except KubeError as error:
        print(f"world: {error}", file=sys.stderr)  # noqa: T201
        return 1
    if not stop.is_set():
        os.write(1, json.dumps(play.info | {"pid": os.getpid()}).encode() + b"\n")
    stop.wait()
    play.close()
    return 1 if play.failed else 0


class Play:
    """Everything that runs, put together: threads end with the process or when `stop` is set."""

    def __init__(self, args: argparse.Namespace, stop: threading.Event) -> None:
        self.failed = False
        self._stop = stop
        self._interval: float = args.interval
        self._istiod: str | None = args.istiod_metrics
        self._kube = Kube(read_kubeconfig(args.kube))
        self._mirror = Mirror(self._kube, KINDS)
        self._world = World(Store(), args.seed, plays_istiod=self._istiod is None)
        self._problems: list[str] = []
        self._ports = (args.port, args.control_port)
        self._servers: list[Server] = []
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Raises KubeError if the API cannot be used. Returns when Prometheus has samples to compute rates from."""
        self._problems = demo.install(self._kube)
        for problem in self._problems:
            log.warning("%s", problem)
        kubelet = Kubelet(self._kube, self._mirror) if is_needed(self._kube) else None
        self._mirror.start()
        if kubelet:
            self._thread(self._keep_pods, kubelet)
        self._wait_for_pods()
        now = time.time()
        self._world.set_objects(self._objects(), now)
        self._world.backfill(now, BACKFILL_SECONDS, self._interval)
        self._thread(self._follow)
        if self._istiod:
            self._thread(self._follow_istiod, self._istiod)
        world = self._world
        api = prometheus.application(
            world.store, time.time, lambda: text_of(world.samples(time.time())), lambda: world.scenario.prometheus_down
        )
        page = control.application(self._state, lambda name: world.set_scenario(name, time.time()), world.syncz)
        self._servers = [Server(api, self._ports[0]), Server(page, self._ports[1])]

    @property
    def info(self) -> dict[str, Any]:
        control = self._servers[1].url
        # beside a real istiod nobody needs a played one
        return {"prometheus": self._servers[0].url, "control": control} | ({} if self._istiod else {"istiod": control})

    def close(self) -> None:
        for server in self._servers:
            server.close()
        for thread in self._threads:
            thread.join(2)

    def _thread(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=self._run, args=(target, *args), name=target.__name__, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, target: Callable[..., None], *args: Any) -> None:
        """A world that stands still would look healthy: if one thread fails, all end."""
        try:
            target(*args)
        except BaseException:
            self.failed = True
            self._stop.set()
            raise

    def _objects(self) -> Objects:
        mirror = self._mirror
        return Objects(
            services=tuple(mirror.all(SERVICE)),
            pods=tuple(mirror.all(POD)),
            virtual_services=tuple(mirror.all(VIRTUAL_SERVICE)),
            destination_rules=tuple(mirror.all(DESTINATION_RULE)),
            gateways=tuple(mirror.all(GATEWAY)),
            peer_authentications=tuple(mirror.all(PEER_AUTHENTICATION)),
            authorization_policies=tuple(mirror.all(AUTHORIZATION_POLICY)),
        )

    def _wait_for_pods(self) -> None:
        """Until every Deployment of the demo has the pods it wants, or enough time has passed: a cluster may be slow or full."""
        deadline = time.monotonic() + _PODS_SECONDS
        wanted = demo.deployments()
        while time.monotonic() < deadline and not self._stop.is_set():
            up = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in self._mirror.all(DEPLOYMENT) if _is_up(one)}
            if wanted <= up:
                return
            self._stop.wait(0.1)
        self._problems.append(f"not every Deployment of the demo had its pods ready within {_PODS_SECONDS:g} s")

    # ---------------------------------------------------------------- threads

    def _follow(self) -> None:
        """Scrapes every interval and takes over changes of objects as they come."""
        changed = self._mirror.subscribe()
        due = time.monotonic() + self._interval
        while not self._stop.is_set():
            if changed.wait(max(0.0, min(due - time.monotonic(), 0.5))):
                changed.clear()
                self._world.set_objects(self._objects(), time.time())
            if time.monotonic() >= due:
                self._world.scrape(time.time())
                due = max(due + self._interval, time.monotonic())

    def _keep_pods(self, kubelet: Kubelet) -> None:
        changed = self._mirror.subscribe()
        changed.set()
        while not self._stop.is_set():
            if not changed.wait(0.5):
                continue
            # our own writes come back as events: let them arrive, or the next pass works on an old picture
            self._stop.wait(_SETTLE_SECONDS)
            changed.clear()
            try:
                kubelet.reconcile()
            except KubeError as error:
                log.info("%s", error)
                self._stop.wait(1)
                changed.set()

    def _follow_istiod(self, url: str) -> None:
        """Scrapes a real istiod. When it does not answer, its series end as Prometheus ends them."""
        pool = urllib3.PoolManager(retries=False, timeout=2.0)
        up = labels_of("up", {"app": "istiod", "namespace": "istio-system", "job": "kubernetes-pods"})
        while True:
            samples = []
            try:
                response = pool.request("GET", url)
                if response.status == 200:
                    samples = list(istiod_samples(response.data.decode()))
            except (HTTPError, ValueError) as error:
                log.info("istiod: %s", error)
            if not self._world.scenario.prometheus_down:
                self._world.store.scrape("istiod", round(time.time() * 1000), [*samples, (up, float(bool(samples)))])
            if self._stop.wait(self._interval):
                return

    def _state(self) -> dict[str, Any]:
        failing = [f"{plural}: {why}" for plural, why in self._mirror.failing.items()]
        return self._world.state() | {
            "problems": [*self._problems, *failing],
            "not_simulated": list(unsimulated.GENERAL),
            "without_effect": list(unsimulated.found_in(self._objects())),
        }


def _is_up(deployment: dict[str, Any]) -> bool:
    status: dict[str, Any] = deployment.get("status", {})
    return bool(status.get("readyReplicas", 0) >= deployment["spec"].get("replicas", 1))
