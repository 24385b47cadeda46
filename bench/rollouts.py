"""What canaries cost: the engine on a real API server, counted by its audit log; where none is built, on the API in memory."""

from __future__ import annotations

import json
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import perf_counter, sleep

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bench.numbers import Number, Section, percentile
from bench.pages import Enough
from bench.pure import manifests
from bench.walking import INTERVAL, NAMESPACE, Walk
from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clients.ports import CanaryTarget, ClusterPort, JsonPatchOp
from meshportal.clients.prometheus import PrometheusMetrics
from meshportal.demo.rights import shipped
from meshportal.mesh.refs import VIRTUAL_SERVICE, Manifest, ResourceRef, ServiceRef, ref_of
from meshportal.rollouts.models import Rollout
from tests.cast import people
from tests.fakes import FakeCluster
from tests.processes import real_mesh
from tests.recorder import recorder
from tools.realmesh import build

LADDER = [10, 30, 50, 70, 100]
FIFTY = [*range(2, 100, 2), 100]
IDLE_TICKS = 60
PATCHES = 40
EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}


@dataclass
class Server:
    """Where it is measured. `audit` is the log of a real API server, None for the API in memory."""

    admin: ClusterPort
    worker: ClusterPort
    audit: Path | None = None
    seen: int = field(default=0)

    def asked(self) -> Counter[str]:
        """What the worker has asked since the last call, by verb."""
        if self.audit is None:
            assert isinstance(self.worker, FakeCluster)
            calls = [call.verb for call in self.worker.calls[self.seen :] if call.verb in {"get", "patch"}]
            self.seen = len(self.worker.calls)
            return Counter(calls)
        sleep(1.5)  # the API server writes its log in batches
        with self.audit.open("rb") as log:
            log.seek(self.seen)
            lines = log.read()
        whole = lines[: lines.rfind(b"\n") + 1]
        self.seen += len(whole)
        events = [json.loads(line) for line in whole.splitlines()]
        return Counter(e["verb"] for e in events if e["user"]["username"] == "portal" and e["stage"] == "ResponseComplete")

    def one_patch(self) -> float:
        """Seconds that one JSON Patch takes, one after the other: the median."""
        took = []
        for number in range(PATCHES):
            ops = [JsonPatchOp("add", "/metadata/annotations", {"bench": str(number)})]
            began = perf_counter()
            self.worker.patch(ResourceRef(VIRTUAL_SERVICE, NAMESPACE, "s0"), ops)
            took.append(perf_counter() - began)
        return statistics.median(took)

    def prepared(self, count: int) -> None:
        """Fresh objects for so many services."""
        if isinstance(self.admin, FakeCluster):
            for manifest in manifests(count):
                self.admin.put(manifest)
            self.seen = len(self.admin.calls)
            return
        for manifest in manifests(count):
            self._made(manifest)

    def _made(self, manifest: Manifest) -> None:
        """There, and as it was in the beginning."""
        ref = ref_of(manifest)
        live = self.admin.get(ref)
        if live is None:
            self.admin.create(manifest)
        elif live["spec"] != manifest["spec"]:
            marks = [JsonPatchOp("remove", "/metadata/annotations")] if "annotations" in live["metadata"] else []
            self.admin.patch(ref, [JsonPatchOp("replace", "/spec", manifest["spec"]), *marks])


def measured(*, thorough: bool, real: bool) -> Iterator[Section]:
    missing = "" if build.ready() else build.NOT_BUILT
    if real and not missing:
        with real_server() as server:
            yield from _sections(server, "real API server, counted by its audit log", thorough)
        return
    why = missing or "as asked"
    sys.stderr.write(f"Canaries on an API in memory ({why}): counts hold, times and ratios say nothing of a network.\n")
    fake = FakeCluster()
    yield from _sections(Server(fake, fake), "API in memory: counts only", thorough)


@contextmanager
def real_server() -> Iterator[Server]:
    with real_mesh("--audit", roles=shipped()) as info:
        admin = KubernetesCluster.from_kubeconfig(info["kubeconfig"]["admin"])
        worker = KubernetesCluster.from_kubeconfig(info["kubeconfig"]["portal"])
        admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        yield Server(admin, worker, Path(info["audit_log"]))
        admin.close()
        worker.close()


def _sections(server: Server, where: str, thorough: bool) -> Iterator[Section]:
    yield Section("Prometheus", "queries of one sweep, as the adapter sends them", list(_queries()))
    yield _undone(partial(_fifty, server, where))
    for count in (1, 20, 100, *([1000] if thorough else [])):
        yield _undone(partial(_together, server, where, count))


def _undone(act: Callable[[], Section]) -> Section:
    """What `act` measures; every row that it made is taken back."""
    found: list[Section] = []
    try:
        with transaction.atomic():
            found.append(act())
            raise Enough
    except Enough:
        return found[0]


def _queries() -> Iterator[Number]:
    with recorder() as prometheus:
        metrics = PrometheusMetrics(prometheus.url)
        for count in (1, 20, 100, 1000):
            prometheus.answers(200, EMPTY)
            before = len(prometheus.requests)
            metrics.canary([CanaryTarget(str(n), ServiceRef(NAMESPACE, f"s{n}"), 500.0) for n in range(count)])
            yield Number(f"{count} canaries", len(prometheus.requests) - before, "queries", "count", "at most 2")
        metrics.close()


def _fifty(server: Server, where: str) -> Section:
    """One canary in fifty steps, with a sweep each second: requests, drift, and what it costs while nothing is due."""
    server.prepared(1)
    walk = Walk(server.worker, 1, FIFTY, beat=1.0)
    walk.begin(server.admin, people("bench").alice)
    server.asked()
    walk.walk()
    asked = server.asked()
    (at,) = walk.shifted.values()
    late = [moment - at[0] - number * INTERVAL for number, moment in enumerate(at)]
    done = Rollout.objects.get(cluster=walk.cluster)
    idle_requests, idle_sql, idle_calls = _idle(server, walk)
    return Section(
        "One canary in fifty steps",
        where,
        [
            Number("ended", str(done.phase), "", "count", "succeeded"),
            Number("requests a step", asked.total() / walk.steps, _by_verb(asked), "count", "at most 3"),
            Number("drift of the fiftieth step", late[-1], "s", "time", "0, within one tick"),
            Number("latest of all steps", max(late), "s", "time", "within one tick"),
            Number("Prometheus asked in one sweep", walk.most_asked, "calls of 2 queries", "count", "at most 1"),
            Number("idle: requests a minute", idle_requests, "", "count", "0"),
            Number("idle: Prometheus a minute", idle_calls, "", "count", "0"),
            Number("idle: SQL a tick", idle_sql, "queries", "count"),
            Number("CPU", walk.cpu, "s for all its steps", "time"),
        ],
    )


def _by_verb(asked: Counter[str]) -> str:
    return ", ".join(f"{number} {verb}" for verb, number in sorted(asked.items()))


def _idle(server: Server, walk: Walk) -> tuple[int, float, int]:
    """Sixty ticks with canaries under way of which none is due."""
    Rollout.objects.update(phase="observing", next_due_at=walk.clock() + timedelta(days=1), lease_until=None)
    calls = len(walk.metrics.calls)
    with CaptureQueriesContext(connection) as queries:
        for _tick in range(IDLE_TICKS):
            walk.sweep()
    return server.asked().total(), len(queries) / IDLE_TICKS, len(walk.metrics.calls) - calls


def _together(server: Server, where: str, count: int) -> Section:
    """So many canaries whose steps are due in the same moment, with a sweep in that moment."""
    server.prepared(count)
    patch = server.one_patch()
    server.prepared(1)
    walk = Walk(server.worker, count, LADDER)
    walk.begin(server.admin, people("bench").alice)
    server.asked()
    walk.walk()
    asked = server.asked()
    ends = Counter(Rollout.objects.filter(cluster=walk.cluster).values_list("phase", flat=True))
    last = percentile(walk.late, 1.0)
    return Section(
        f"{count} due together",
        where,
        [
            Number("ended", ", ".join(f"{n} {phase}" for phase, n in ends.items()), "", "count"),
            Number("requests a step", asked.total() / walk.steps, _by_verb(asked), "count", "at most 3"),
            Number("Prometheus asked in one sweep", walk.most_asked, "calls of 2 queries", "count", "at most 1"),
            Number("one PATCH", 1000 * patch, "ms", "time"),
            Number("lateness, median", percentile(walk.late, 0.5), "s", "time"),
            Number("lateness, p95", percentile(walk.late, 0.95), "s", "time"),
            Number("lateness, last", last, "s", "time"),
            Number("last to N × one PATCH", last / (count * patch) if last else None, "", "ratio"),
            Number("CPU", walk.cpu / count, "s a canary", "time"),
            Number("sweeps", walk.ticks, "", "count"),
        ],
    )
