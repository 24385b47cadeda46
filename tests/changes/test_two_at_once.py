"""Two transactions at once, as PostgreSQL lets them: SQLite has one writer at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from meshportal.accounts.models import Person
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import verify
from meshportal.changes import deciding
from meshportal.changes.applying import apply
from meshportal.changes.models import ChangeRequest, Review, Status
from tests.cast import NOON, Cast, Clock, Mesh

Make = Callable[..., ChangeRequest]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]


def waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def beside(work: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    """`work` in a thread with a connection of its own, and what it raised."""
    raised: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  the test that started it looks at it
            raised.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=body)
    thread.start()
    return thread, raised


def test_claiming_a_change_does_not_deadlock_with_drafting_another(
    approved: Make, drafted: Make, mesh: Mesh, clock: Clock
) -> None:
    """The worker waits for the head of the record while the other transaction checks its foreign keys: those must be free."""
    change = approved()
    with transaction.atomic():
        drafted({"v1": 80, "v2": 20})
        worker, raised = beside(lambda: apply(change.pk, cluster=mesh.api, clock=clock))
        deadline = time.monotonic() + 20
        while not waiting_for_a_lock():
            assert time.monotonic() < deadline, "the worker never got to the record"
            time.sleep(0.01)
    worker.join(20)
    assert raised == []
    change.refresh_from_db()
    assert change.status == Status.APPLIED


def test_of_many_workers_one_applies(approved: Make, mesh: Mesh, clock: Clock) -> None:
    change = approved()
    started = [beside(lambda: apply(change.pk, cluster=mesh.api, clock=clock)) for _ in range(6)]
    for worker, raised in started:
        worker.join(20)
        assert raised == []
    change.refresh_from_db()
    assert (change.status, change.epoch) == (Status.APPLIED, 1)
    assert len(mesh.api.writes) == 1
    assert verify().broken_at is None


def test_two_decisions_at_once_follow_each_other(submitted: Make, cast: Cast) -> None:
    change = submitted()

    def decide(decision: Review.Decision, who: Person) -> Callable[[], object]:
        seen = ChangeRequest.objects.get(pk=change.pk)
        return lambda: deciding.decide(
            seen,
            decision,
            by=who,
            via=AuditEvent.Via.PAGE,
            digest=seen.digest,
            now=NOON,
            comment="because",
        )

    approving = beside(decide(Review.Decision.APPROVE, cast.bob))
    rejecting = beside(decide(Review.Decision.REJECT, cast.erin))
    refused = []
    for thread, raised in (approving, rejecting):
        thread.join(20)
        refused += raised
    assert [type(error).__name__ for error in refused] == ["IllegalTransition"]
    assert verify().broken_at is None
