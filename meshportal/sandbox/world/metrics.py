"""Counters of requests as the sidecars of both ends keep them, in Istio's names and labels.

https://istio.io/latest/docs/reference/config/metrics/
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

from meshportal.mesh.promql import BUCKETS, REQUESTS
from meshportal.sandbox.world.hosts import DOMAIN
from meshportal.sandbox.world.latency import Latency
from meshportal.sandbox.world.pods import UNKNOWN, Workload
from meshportal.sandbox.world.sending import Flow
from meshportal.sandbox.world.traffic import waved
from meshportal.sandbox.world.tsdb import Labels, labels_of

DURATION = BUCKETS.removesuffix("_bucket")
BOUNDS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1.8e6, 3.6e6, math.inf)
"""Istio's buckets in milliseconds."""

_HALF_A_THOUSANDTH = 0.0005


def bound_text(bound: float) -> str:
    """A bucket's bound as Envoy and Prometheus write it: 0.5, 1, 1.8e+06, +Inf."""
    if math.isinf(bound):
        return "+Inf"
    return f"{bound:g}" if bound >= 1e6 else str(bound)


@lru_cache(maxsize=4096)
def below(latency: Latency) -> tuple[float, ...]:
    """The share of requests within each of BOUNDS."""
    return tuple(1.0 if math.isinf(bound) else latency.within(bound) for bound in BOUNDS)


_mean_ms = lru_cache(maxsize=4096)(Latency.mean_ms)


class _Counter:
    """One series of requests with its histogram. Expected numbers are summed up and shown rounded down, so shares are exact."""

    def __init__(self, pod: tuple[str, str], labels: dict[str, str]) -> None:
        self.pod = pod
        self.requests = labels_of(REQUESTS, labels)
        self._buckets = [labels_of(BUCKETS, labels | {"le": bound_text(bound)}) for bound in BOUNDS]
        self._count, self._sum = labels_of(f"{DURATION}_count", labels), labels_of(f"{DURATION}_sum", labels)
        self._within = [0.0] * len(BOUNDS)
        self._milliseconds = 0.0

    def add(self, requests: float, latency: Latency) -> None:
        for index, share in enumerate(below(latency)):
            self._within[index] += requests * share
        self._milliseconds += requests * _mean_ms(latency)

    def samples(self) -> Iterator[tuple[Labels, float]]:
        # floating point sums of equal parts fall short of the whole number they mean
        whole = [float(math.floor(within + _HALF_A_THOUSANDTH)) for within in self._within]
        if not whole[-1]:
            # a proxy shows a series from its first request on
            return
        yield self.requests, whole[-1]
        yield from zip(self._buckets, whole, strict=True)
        yield self._count, whole[-1]
        yield self._sum, round(self._milliseconds, 3)


class Counters:
    """All counters. They live as long as the pod that keeps them."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._counters: dict[Labels, _Counter] = {}
        self._known: dict[tuple[object, ...], _Counter] = {}

    def add(self, flows: Iterable[Flow], start: float, end: float) -> None:
        """Counts what `flows` send between two times (seconds since the epoch)."""
        busy: dict[str, float] = {}
        for flow in flows:
            if flow.wave not in busy:
                busy[flow.wave] = waved(flow.wave, self._seed, start, end)
            requests = flow.rate * busy[flow.wave]
            for reporter, pod in _reporters(flow):
                self._counter(flow, reporter, pod).add(requests, flow.latency)

    def keep(self, pods: Collection[tuple[str, str]]) -> None:
        """Forgets the counters of every pod that is not among `pods` (namespace, name): its process is gone."""
        self._counters = {labels: counter for labels, counter in self._counters.items() if counter.pod in pods}
        self._known.clear()

    def samples(self, silent: Collection[tuple[str, str]] = ()) -> Iterator[tuple[Labels, float]]:
        """Every sample, except those of pods that cannot be scraped."""
        for counter in self._counters.values():
            if counter.pod not in silent:
                yield from counter.samples()

    def _counter(self, flow: Flow, reporter: str, pod: tuple[str, str]) -> _Counter:
        key = (reporter, flow.caller, flow.service, flow.destination, flow.code, flow.flags, flow.mutual_tls)
        found = self._known.get(key)
        if found is None:
            # one end's labels do not name the other end's pod: when that is replaced, the counter goes on
            fresh = _Counter(pod, _labels(flow, reporter, pod))
            found = self._known[key] = self._counters.setdefault(fresh.requests, fresh)
        return found


def _reporters(flow: Flow) -> Iterator[tuple[str, tuple[str, str]]]:
    if flow.at_source and flow.caller.sidecar:
        yield "source", (flow.caller.namespace, flow.caller.pod)
    if flow.at_destination and flow.destination is not None and flow.destination.sidecar:
        yield "destination", (flow.destination.namespace, flow.destination.pod)


def _labels(flow: Flow, reporter: str, pod: tuple[str, str]) -> dict[str, str]:
    # a peer without a sidecar introduces itself to nobody
    source = flow.caller if flow.caller.sidecar else None
    destination, name = flow.destination, flow.service.name
    security = "mutual_tls" if flow.mutual_tls else "none"
    return {
        "reporter": reporter,
        **_side("source", source, flow.mutual_tls),
        **_side("destination", destination, flow.mutual_tls),
        "destination_service": name if flow.service.namespace == UNKNOWN else f"{name}.{flow.service.namespace}.{DOMAIN}",
        "destination_service_name": name,
        "destination_service_namespace": flow.service.namespace,
        "request_protocol": "http",
        "response_code": flow.code,
        "response_flags": flow.flags,
        # the client's side never knows
        "connection_security_policy": UNKNOWN if reporter == "source" else security,
        "namespace": pod[0],
        "pod": pod[1],
    }


def _side(side: str, workload: Workload | None, mutual_tls: bool) -> dict[str, str]:
    if workload is None:
        names = (
            "workload",
            "workload_namespace",
            "principal",
            "app",
            "version",
            "cluster",
            "canonical_service",
            "canonical_revision",
        )
        return {f"{side}_{name}": UNKNOWN for name in names}
    principal = f"spiffe://cluster.local/ns/{workload.namespace}/sa/{workload.account}" if mutual_tls else UNKNOWN
    return {
        f"{side}_workload": workload.name,
        f"{side}_workload_namespace": workload.namespace,
        f"{side}_principal": principal,
        f"{side}_app": workload.app,
        f"{side}_version": workload.version,
        f"{side}_cluster": "Kubernetes",
        f"{side}_canonical_service": workload.app,
        f"{side}_canonical_revision": workload.version if workload.version != UNKNOWN else "latest",
    }
