"""The history of a service: asked for by a page, fetched by the worker, kept for a short while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from meshportal.catalog import services, tasks
from meshportal.catalog.models import Heartbeat, ServiceHistory
from meshportal.catalog.services import ask_history
from meshportal.clients import connect
from meshportal.clusters.models import Cluster
from tests.catalog.mesh import CART, register, traffic
from tests.fakes import FakeMetrics

pytestmark = pytest.mark.django_db


@pytest.fixture
def cluster() -> Cluster:
    return register()


@pytest.fixture
def prometheus(monkeypatch: pytest.MonkeyPatch) -> FakeMetrics:
    metrics = traffic()
    monkeypatch.setattr(connect, "metrics", lambda url: metrics)
    return metrics


class Queue:
    """Messages instead of a broker's: what was sent waits until `work` hands it to the worker."""

    def __init__(self) -> None:
        self.messages: list[int] = []

    def delay(self, pk: int) -> None:
        self.messages.append(pk)

    def work(self) -> None:
        while self.messages:
            tasks.fetch_history(self.messages.pop(0))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = Queue()
    monkeypatch.setattr(services, "fetch_history", queue)
    return queue


Committed = Callable[..., Any]


@pytest.fixture
def ask(cluster: Cluster, django_capture_on_commit_callbacks: Committed) -> Callable[..., ServiceHistory]:
    def ask(now: datetime | None = None, minutes: int = 60) -> ServiceHistory:
        with django_capture_on_commit_callbacks(execute=True):
            return ask_history(cluster, "shop", "cart", minutes, now or timezone.now())

    return ask


@contextmanager
def moment(monkeypatch: pytest.MonkeyPatch, at: datetime) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: at)
        yield


def test_the_first_look_has_no_answer_yet_and_the_next_one_has(
    ask: Callable[..., ServiceHistory], queue: Queue, prometheus: FakeMetrics
) -> None:
    assert (ask().observed_at, ask().body) == (None, None)
    queue.work()
    row = ask()
    assert row.observed_at is not None and row.body is not None and row.error == ""
    assert len(row.body["points"]) == 61 and row.body["step_seconds"] == 60
    assert row.body["points"][-1][1:4] == [10.0, 0.0, 80.0]
    assert [version["version"] for version in row.body["versions"]] == ["v1", "v2"]


def test_many_who_look_at_once_cost_one_answer(ask: Callable[..., ServiceHistory], queue: Queue, prometheus: FakeMetrics) -> None:
    for _ in range(10):
        ask()
    queue.work()
    ask()
    queue.work()
    assert prometheus.calls == ["history"]
    assert ServiceHistory.objects.count() == 1


def test_an_answer_grows_old_and_is_asked_for_again(
    ask: Callable[..., ServiceHistory], queue: Queue, prometheus: FakeMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    queue.work()
    later = timezone.now() + timedelta(seconds=20)
    with moment(monkeypatch, later):
        row = ask(later)
        assert row.body is not None  # shown with its age until the new one is there
        queue.work()
    assert prometheus.calls == ["history", "history"]


def test_when_prometheus_is_away_the_last_answer_stays_and_the_error_beside_it(
    ask: Callable[..., ServiceHistory], queue: Queue, prometheus: FakeMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    queue.work()
    before = ask()
    prometheus.goes_away()
    with moment(monkeypatch, timezone.now() + timedelta(seconds=20)):
        ask(timezone.now())
        queue.work()
        row = ask(timezone.now())
    assert row.error == "Prometheus cannot be reached."
    assert (row.body, row.observed_at) == (before.body, before.observed_at)
    assert not queue.messages, "asked again at once"


def test_no_more_ranges_can_be_asked_for_than_there_are(ask: Callable[..., ServiceHistory]) -> None:
    with pytest.raises(ValueError, match="not for 61"):
        ask(minutes=61)
    assert not ServiceHistory.objects.exists()


def test_a_message_about_a_row_that_is_gone_does_nothing(prometheus: FakeMetrics) -> None:
    tasks.fetch_history(4711)
    assert prometheus.calls == []


def test_the_heartbeat_says_that_the_worker_lives_and_forgets_what_nobody_looks_at(cluster: Cluster) -> None:
    now = timezone.now()
    for name, age in (("cart", timedelta(hours=23)), ("web", timedelta(hours=25))):
        ServiceHistory.objects.create(cluster=cluster, namespace="shop", service=name, minutes=60, asked_at=now - age)
    tasks.heartbeat()
    tasks.heartbeat()
    assert now <= Heartbeat.objects.get().at <= timezone.now()
    assert list(ServiceHistory.objects.values_list("service", flat=True)) == [CART.name]


def test_points_lie_on_whole_steps(
    ask: Callable[..., ServiceHistory], queue: Queue, prometheus: FakeMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime(2026, 11, 24, 14, 7, 13, tzinfo=UTC)
    ask(minutes=360)
    with moment(monkeypatch, at):
        queue.work()
    body = ServiceHistory.objects.get().body
    assert body is not None
    assert {point[0] % body["step_seconds"] for point in body["points"]} == {0}
