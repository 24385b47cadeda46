"""The world as it goes on: objects and scenario in, counters and samples out. Time is handed in: there is no clock here."""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Iterator
from typing import Any

from meshportal.mesh.refs import Manifest
from meshportal.sandbox.world.metrics import Counters
from meshportal.sandbox.world.pods import has_sidecar, ready
from meshportal.sandbox.world.routing import Mesh, Objects
from meshportal.sandbox.world.scenarios import SCENARIOS, Scenario
from meshportal.sandbox.world.sending import Flow
from meshportal.sandbox.world.syncz import ISTIO_VERSION, status
from meshportal.sandbox.world.traffic import flows
from meshportal.sandbox.world.tsdb import Labels, Store, labels_of

_ISTIOD_AGE_SECONDS = 3 * 86_400
_COARSE_SECONDS = 5.0
_FINE_SECONDS = 60.0
PodKey = tuple[str, str]


class World:
    """All methods may be called from any thread."""

    def __init__(self, store: Store, seed: int, *, plays_istiod: bool = True) -> None:
        self.store = store
        self._seed = seed
        self._plays_istiod = plays_istiod
        self._lock = threading.Lock()
        self._counters = Counters(seed)
        self._objects = Objects()
        self._flows: list[Flow] = []
        self._proxies: list[Manifest] = []
        self._silent: frozenset[PodKey] = frozenset()
        self._scenario = SCENARIOS["healthy"]
        self._until = 0.0
        self._born = 0.0

    @property
    def scenario(self) -> Scenario:
        return self._scenario

    def set_objects(self, objects: Objects, now: float) -> None:
        """The API's objects have changed: what was sent until `now` went by the old ones."""
        with self._lock:
            self._advance(now)
            self._objects = objects
            self._think()

    def set_scenario(self, name: str, now: float) -> Scenario:
        """Raises KeyError for a name that is not in SCENARIOS."""
        scenario = SCENARIOS[name]
        with self._lock:
            self._advance(now)
            self._scenario = scenario
            self._think()
        return scenario

    def backfill(self, now: float, seconds: float, interval: float) -> None:
        """Samples as if the present objects had been there for `seconds` already, the last at `now`.

        Only in the last minute are they as close as `interval` if that is short.
        """
        coarse = max(interval, _COARSE_SECONDS)
        times = [now - age * coarse for age in range(int(seconds / coarse), 0, -1) if age * coarse > _FINE_SECONDS]
        times += [now - age * interval for age in range(max(1, int(_FINE_SECONDS / interval)), -1, -1)]
        self._until = self._born = times[0] - coarse
        for time in times:
            self.scrape(time)

    def scrape(self, now: float) -> None:
        """Stores the samples of `now`. While Prometheus is down it collects none."""
        with self._lock:
            self._advance(now)
            if not self._scenario.prometheus_down:
                self.store.scrape("world", round(now * 1000), list(self._samples(now)))

    def samples(self, now: float) -> list[tuple[Labels, float]]:
        """What a scrape at `now` would see."""
        with self._lock:
            self._advance(now)
            return list(self._samples(now))

    def state(self) -> dict[str, Any]:
        """Numbers for the control page."""
        with self._lock:
            rates: dict[str, float] = {}
            for flow in (flow for flow in self._flows if flow.at_source):
                where = f"{flow.service} {flow.destination.version if flow.destination else flow.flags} {flow.code}"
                rates[where] = rates.get(where, 0.0) + flow.rate
            return {
                "scenario": self._scenario.name,
                "proxies": len(self._proxies),
                "silent_proxies": sorted("/".join(key) for key in self._silent),
                "requests_per_second": {where: round(rate, 3) for where, rate in sorted(rates.items())},
                "series": len(self.store.series()),
            }

    def syncz(self) -> list[dict[str, Any]]:
        """What istiod's /debug/syncz would answer: the proxies that report are connected to it."""
        with self._lock:
            connected = [pod for pod in self._proxies if _key(pod) not in self._silent]
            return [status(pod, self._born, refused=self._refuses(pod)) for pod in connected]

    # ---------------------------------------------------------------- with the lock held

    def _refuses(self, pod: Manifest) -> bool:
        if self._scenario.refusing is None:
            return False
        service, version = self._scenario.refusing
        labels = pod["metadata"].get("labels", {})
        return (pod["metadata"]["namespace"], labels.get("app"), labels.get("version")) == (
            service.namespace, service.name, version,
        )  # fmt: skip

    def _advance(self, now: float) -> None:
        if now > self._until:
            if self._until:
                self._counters.add(self._flows, self._until, now)
            self._until = now

    def _think(self) -> None:
        self._flows = flows(Mesh(self._objects), self._scenario)
        self._proxies = [pod for pod in self._objects.pods if ready(pod) and has_sidecar(pod)]
        self._counters.keep({_key(pod) for pod in self._objects.pods})
        keys = sorted((_key(pod) for pod in self._proxies), key=lambda key: zlib.crc32("/".join(key).encode()))
        self._silent = frozenset(keys[: math.ceil(len(keys) * self._scenario.silent)])

    def _samples(self, now: float) -> Iterator[tuple[Labels, float]]:
        yield from self._counters.samples(self._silent)
        for pod in self._proxies:
            namespace, name = _key(pod)
            where = {"namespace": namespace, "pod": name}
            instance = f"{pod.get('status', {}).get('podIP', name)}:15020"
            up = (namespace, name) not in self._silent
            yield labels_of("up", where | {"job": "kubernetes-pods", "instance": instance}), float(up)
            if up:
                yield labels_of("envoy_server_state", where), 0.0
        if self._plays_istiod:
            istiod = {"app": "istiod", "namespace": "istio-system"}
            yield labels_of("up", istiod | {"job": "kubernetes-pods", "instance": "istiod:15014"}), 1.0
            yield labels_of("istiod_uptime_seconds", istiod), round(now - self._born + _ISTIOD_AGE_SECONDS, 3)
            connected = len(self._proxies) - len(self._silent)
            yield labels_of("pilot_xds", istiod | {"version": ISTIO_VERSION}), float(connected)


def _key(pod: Manifest) -> PodKey:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]
