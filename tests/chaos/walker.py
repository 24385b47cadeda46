"""An engine that can be killed many times a minute: `python -m tests.chaos.walker KUBECONFIG`, with VAR_DIR or DATABASE_URL set.

Reads one JSON object a line: {"act": …, and its arguments}. Each act is done by a child that is forked for it, so that SIGKILL
takes a whole process, database connection and all, and the next one needs no second to start. Answers one JSON object a line:
{"signal": number or 0, "answer": what the act returned, or null}.

Time is that of world.json, a second for each sweep, and so are the requests that Prometheus has counted: whoever comes next goes
on from there. What is decided and written is the engine's alone, over HTTPS and into a real database.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshportal.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402

import meshportal.celery  # noqa: E402,F401
from meshportal.accounts.models import Person  # noqa: E402
from meshportal.audit.models import AuditEvent  # noqa: E402
from meshportal.audit.services import verify  # noqa: E402
from meshportal.catalog.models import Snapshot as SnapshotRow  # noqa: E402
from meshportal.changes import deciding, services  # noqa: E402
from meshportal.changes.applying import apply  # noqa: E402
from meshportal.changes.kinds import Subject  # noqa: E402
from meshportal.changes.models import HostClaim, Review  # noqa: E402
from meshportal.clients import connect, kubernetes  # noqa: E402,F401  loaded once, before the forks
from meshportal.clients.ports import ClusterPort, MetricsPort  # noqa: E402
from meshportal.clusters.models import Cluster  # noqa: E402
from meshportal.mesh.refs import version_of  # noqa: E402
from meshportal.rollouts.engine import sweep  # noqa: E402
from meshportal.rollouts.models import Rollout, Shift  # noqa: E402
from tests.cast import destination_rule, observe, people, virtual_service  # noqa: E402
from tests.fakes import FakeMetrics  # noqa: E402
from tests.rollouts.cast import REVIEWS, ROUTE, weights  # noqa: E402

PAGE = AuditEvent.Via.PAGE
INTERVAL, OBSERVER_TICKS, MOST_TICKS, PER_SECOND = 40, 5, 2000, 100.0
PLAN = {
    "baseline": "v1",
    "canary": "v2",
    "steps": [{"weight": weight, "seconds": INTERVAL} for weight in (10, 50, 100)],
    "rule": "threshold",
    "success_criteria": {"max_error_rate": 0.01, "min_request_count": 100},
    "bake": "20s",
}


class World:
    """What is outside of the portal, kept in a file: it dies with nobody. From `fails_from` percent on the canary fails."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        self.now: float = kept.get("now", 1_800_000_000.0)
        self.counts: dict[str, list[float]] = kept.get("counts", {"v1": [1000.0, 0.0], "v2": [1000.0, 0.0]})
        self.fails_from: int | None = kept.get("fails_from")

    def clock(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def keep(self) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"now": self.now, "counts": self.counts, "fails_from": self.fails_from}))
        new.replace(self.path)

    def passes(self, shares: dict[str, int], metrics: FakeMetrics) -> None:
        """One second of requests."""
        self.now += 1.0
        for version, weight in shares.items():
            fails = version == "v2" and self.fails_from is not None and weight >= self.fails_from
            count = PER_SECOND * weight / 100
            self.counts[version][0] += count
            self.counts[version][1] += count * 0.3 if fails else 0.0
            if count:
                metrics.counts(REVIEWS, version, count, errors=count * 0.3 if fails else 0.0)
        self.keep()


class Walker:
    """One life of an engine, and of what it needs around it."""

    def __init__(self, kubeconfig: str) -> None:
        self.world = World(Path(settings.VAR_DIR) / "world.json")
        self.api = connect.cluster(kubeconfig)
        self.metrics = FakeMetrics()
        for version, (requests, errors) in self.world.counts.items():
            self.metrics.counts(REVIEWS, version, requests, errors=errors)

    def _cluster(self, _cluster: object) -> ClusterPort:
        return self.api

    def _prometheus(self, _cluster: object) -> MetricsPort:
        return self.metrics

    def observe(self) -> dict[str, int]:
        with transaction.atomic():
            observe(Cluster.objects.get(), self.api)
            self._tell_the_time()
        return weights(self.api.get(ROUTE))

    def _tell_the_time(self) -> None:
        row = SnapshotRow.objects.get()
        row.body["taken_at"] = self.world.now
        row.save()

    # ------------------------------------------------------------ acts

    def open(self) -> dict[str, Any]:
        """Tables, people and a mesh."""
        call_command("migrate", verbosity=0)
        people()
        Cluster.objects.create(name="demo", worker_kubeconfig="w", observer_kubeconfig="o", prometheus_url="http://127.0.0.1:1")
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bookinfo"}})
        for manifest in (virtual_service(v1=100), destination_rule("v1", "v2")):
            self.api.create(manifest)
        self.world.keep()
        return {}

    def begin(self, fails_from: int | None) -> dict[str, Any]:
        """A canary of a plan that was asked for, approved and applied, from a route that has all on v1."""
        live = self.api.get(ROUTE)
        assert live is not None
        self.api.replace({**live, "spec": virtual_service(v1=100)["spec"]}, expect=version_of(live))
        self.world.fails_from = fails_from
        self.world.now += 1000.0  # far from the one before: two writes of others within ten minutes are a fight
        self.world.keep()
        shares = self.observe()
        assert shares == {"v1": 100}
        cast = {person: Person.objects.get(username=person) for person in ("alice", "bob")}
        now = self.world.clock()
        subject = Subject(Cluster.objects.get(), "bookinfo", "reviews")
        change = services.draft("rollout", subject, PLAN, by=cast["alice"], via=PAGE, now=now, reason="a test of crashes")
        services.submit(change, by=cast["alice"], via=PAGE, now=now)
        deciding.decide(change, Review.Decision.APPROVE, by=cast["bob"], via=PAGE, digest=change.digest, now=now)
        apply(change.pk, cluster=self.api, clock=self.world.clock)
        self.observe()
        rollout = Rollout.objects.get(change=change)
        return {"rollout": rollout.pk, "version": version_of(self.api.get(ROUTE) or {}).resource_version}

    def walk(self, rollout: int, failpoint: str = "", from_weight: int = 0) -> dict[str, Any]:
        """To the end; or to `failpoint`, which counts from the moment in which the canary has `from_weight`. Tells after how many
        seconds nothing of a life before was left undone, None for never."""
        row = Rollout.objects.get(pk=rollout)
        epoch, began = row.epoch, self.world.now
        undone = set(row.shifts.filter(state=Shift.State.INTENDED).values_list("pk", flat=True))
        taken_over: float | None = None
        shares, seen = self.observe(), row.route
        for tick in range(MOST_TICKS):
            row = Rollout.objects.get(pk=rollout)
            if taken_over is None and row.epoch > epoch and not row.shifts.filter(pk__in=undone, state="intended").exists():
                taken_over = self.world.now - began
            if row.is_over:
                return {"taken_over": taken_over}
            if row.route != seen or tick % OBSERVER_TICKS == 0:
                shares, seen = (self.observe(), row.route) if row.route != seen else (shares, seen)
                self._tell_the_time()
            if row.weight == from_weight:
                settings.FAILPOINT = failpoint
            self.world.passes(shares, self.metrics)
            sweep(clock=self.world.clock, cluster_of=self._cluster, metrics_of=self._prometheus)
        return {"taken_over": taken_over, "stuck": [row.phase, row.holds, row.error]}

    def report(self, rollout: int) -> dict[str, Any]:
        """What the portal believes, and how the route stands."""
        row = Rollout.objects.select_related("change").get(pk=rollout)
        shifted = row.events.filter(code="shifted").order_by("id")
        return {
            "phase": row.phase,
            "failure": row.failure,
            "change": row.change.status,
            "shifts": [[shift.weight, shift.state, shift.token] for shift in row.shifts.all()],
            "shifted": [event.at.timestamp() for event in shifted],
            "codes": list(row.events.order_by("id").values_list("code", flat=True)),
            "claims": HostClaim.objects.count(),
            "chain_holds": verify().broken_at is None,
            "weights": weights(self.api.get(ROUTE)),
        }


# ---------------------------------------------------------------- forks


def done(kubeconfig: str, act: str, kill_after: float | None, arguments: dict[str, Any]) -> dict[str, Any]:
    """One act in a process of its own, which gets SIGKILL after so many seconds if it lasts that long."""
    ear, mouth = os.pipe()
    child = os.fork()
    if not child:
        os.close(ear)
        os._exit(_life(kubeconfig, act, arguments, mouth))
    os.close(mouth)
    late = threading.Timer(kill_after, os.kill, (child, signal.SIGKILL)) if kill_after is not None else None
    if late:
        late.start()
    with os.fdopen(ear) as heard:
        text = heard.read()
    if late:
        late.cancel()
        late.join()  # before the pid is free for somebody else
    _pid, status = os.waitpid(child, 0)
    return {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "answer": json.loads(text) if text else None}


def _life(kubeconfig: str, act: str, arguments: dict[str, Any], mouth: int) -> int:
    try:
        acts: Callable[..., dict[str, Any]] = getattr(Walker(kubeconfig), act)
        answer = acts(**arguments)
    except BaseException:  # noqa: BLE001  a child must never come back into the parent's loop
        traceback.print_exc()
        return 1
    os.write(mouth, json.dumps(answer).encode())
    return 0


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(done(sys.argv[1], asked.pop("act"), asked.pop("kill_after", None), asked)), flush=True)
