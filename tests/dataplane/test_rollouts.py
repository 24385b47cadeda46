"""Canaries among real requests: the engine walks on what Envoys counted, and the walk itself loses none of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from meshportal.audit.models import AuditEvent
from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.changes import deciding, services
from meshportal.changes.applying import apply
from meshportal.changes.kinds import Subject
from meshportal.changes.models import Review, Status
from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clusters.models import Cluster
from meshportal.rollouts.engine import sweep
from meshportal.rollouts.models import Phase, Rollout
from tests.cast import observe, people, pod_group
from tests.dataplane.plane import Answer, Plane, eventually
from tests.rollouts.cast import fresh, story

pytestmark = [pytest.mark.dataplane, pytest.mark.xdist_group("dataplane"), pytest.mark.django_db]

PAGE = AuditEvent.Via.PAGE
PATIENCE_SECONDS = 240
PER_SECOND = 150
PODS = (pod_group("ratings", "v1", 1), pod_group("reviews", "v1", 1), pod_group("reviews", "v2", 1))
PLAN: dict[str, Any] = {
    "baseline": "v1",
    "canary": "v2",
    "steps": [{"weight": weight, "seconds": 6} for weight in (25, 50, 100)],
    "rule": "threshold",
    "success_criteria": {"max_error_rate": 0.01, "min_request_count": 200},
    "bake": "6s",
}


@contextmanager
def steady_requests(plane: Plane) -> Iterator[Counter[Answer]]:
    """One caller that never pauses for long; what it was answered is complete when the block has ended."""
    answers: Counter[Answer] = Counter()
    over = threading.Event()

    def ask() -> None:
        with closing(replace(plane, connection=None)) as of_its_own:
            while not over.wait(1 / PER_SECOND):
                answers[of_its_own.ask()] += 1

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            yield answers
        finally:
            over.set()
        asking.result()


class Portal:
    def __init__(self, plane: Plane, worker: KubernetesCluster) -> None:
        self.plane, self.worker, self.cast = plane, worker, people()
        self.cluster = Cluster.objects.create(
            name="demo", worker_kubeconfig="w", observer_kubeconfig="o", prometheus_url=plane.prometheus
        )

    def look(self) -> None:
        """The observer's tick."""
        observe(self.cluster, self.worker, pods=PODS)
        row = SnapshotRow.objects.get()
        row.body["taken_at"] = time.time()
        row.save()

    def begin(self) -> Rollout:
        self.look()
        alice, bob, now = self.cast.alice, self.cast.bob, timezone.now()
        subject = Subject(self.cluster, self.plane.namespace, "reviews")
        change = services.draft("rollout", subject, PLAN, by=alice, via=PAGE, now=now, reason="New layout")
        services.submit(change, by=alice, via=PAGE, now=now)
        deciding.decide(change, Review.Decision.APPROVE, by=bob, via=PAGE, digest=change.digest, now=now)
        apply(change.pk, cluster=self.worker, clock=timezone.now)
        change.refresh_from_db()
        assert (change.status, change.note) == (Status.WATCHING, "")
        return Rollout.objects.get(change=change)

    def walks(self, rollout: Rollout) -> Rollout:
        """Sweep as the worker's beat does, until it is over."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (now := fresh(rollout)).is_over:
            assert time.monotonic() < deadline, (now.phase, now.weight, now.holds, now.error, story(rollout))
            self.look()
            sweep(clock=timezone.now, cluster_of=lambda _: self.worker, metrics_of=lambda _: self.plane.metrics)
            time.sleep(0.5)
        return now


@pytest.fixture
def portal(plane: Plane, settings: Settings) -> Iterator[Portal]:
    """All requests go to v1. Prometheus scrapes every second, so counting begins after four."""
    settings.METRICS_WINDOW_SECONDS = 8
    plane.ask_often(200)
    plane.route({"name": "primary", "timeout": "10s", "route": [{"destination": {"host": "reviews", "subset": "v1"}}]})
    with closing(KubernetesCluster.from_kubeconfig(plane.mesh["kubeconfig"]["portal"])) as worker:
        yield Portal(plane, worker)


def test_a_good_canary_is_promoted_and_no_request_is_lost_to_the_walk(portal: Portal, plane: Plane) -> None:
    with steady_requests(plane) as answers:
        done = portal.walks(portal.begin())
        eventually("all requests go to the canary", lambda: plane.ask() == (200, "v2"))
    assert done.phase == Phase.SUCCEEDED, story(done)
    assert [shift.weight for shift in done.shifts.all()] == [25, 50, 100]
    assert {status for status, _who in answers} == {200}, answers
    assert min(answers[200, "v1"], answers[200, "v2"]) > 200, answers


def test_a_canary_that_fails_one_request_in_twenty_goes_back(portal: Portal, plane: Plane) -> None:
    plane.make("reviews-v2", failure_rate=0.05)
    with steady_requests(plane) as answers:
        done = portal.walks(portal.begin())
    assert (done.phase, done.failure) == (Phase.ROLLED_BACK, "error-rate"), story(done)
    assert done.change.status == Status.REVERTED
    eventually("no request goes to the canary", lambda: {who for _status, who in plane.ask_often(50)} == {"v1"})
    errors = {answer: count for answer, count in answers.items() if answer[0] != 200}
    assert set(errors) == {(500, "v2")}, "the canary's own errors, and none of the walk's"
    assert sum(errors.values()) < sum(answers.values()) / 20
