"""Freeze windows and "stop everything" hold back what has not begun; what has begun is finished or put back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshportal.audit.models import AuditEvent
from meshportal.changes import deciding
from meshportal.changes.models import ChangeRequest, HostClaim, Status
from meshportal.clusters import freezing, stopping
from meshportal.mesh.refs import VIRTUAL_SERVICE, ResourceRef
from tests.cast import Cast, Clock, Mesh

PAGE = AuditEvent.Via.PAGE
ROUTE = ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews")
Make = Callable[..., ChangeRequest]
Run = Callable[[ChangeRequest], ChangeRequest]

pytestmark = pytest.mark.django_db


def freeze(mesh: Mesh, cast: Cast, clock: Clock, *namespaces: str) -> None:
    freezing.add_window(
        mesh.cluster, name="year's end", namespaces=namespaces, cron="0 * * * *", minutes=60, by=cast.dave, via=PAGE, now=clock()
    )


def test_a_freeze_holds_an_apply_back_and_says_until_when(approved: Make, run: Run, mesh: Mesh, cast: Cast, clock: Clock) -> None:
    change = approved()
    freeze(mesh, cast, clock, "bookinfo")
    run(change)
    assert change.status == Status.APPROVED
    assert "year's end" in change.note
    assert not mesh.api.writes
    assert not HostClaim.objects.exists(), "who waits for a freeze keeps nobody else from the host"


def test_a_freeze_of_another_namespace_holds_nothing(approved: Make, run: Run, mesh: Mesh, cast: Cast, clock: Clock) -> None:
    change = approved()
    freeze(mesh, cast, clock, "elsewhere")
    assert run(change).status == Status.APPLIED


def test_stop_everything_holds_an_apply_back_until_it_is_lifted(
    approved: Make, run: Run, mesh: Mesh, cast: Cast, clock: Clock
) -> None:
    change = approved()
    stopping.stop(mesh.cluster, reason="Something is wrong", by=cast.carol, via=PAGE, now=clock())
    run(change)
    assert change.status == Status.APPROVED
    assert "carol" in change.note
    stopping.lift(mesh.cluster, by=cast.carol, via=PAGE, now=clock())
    clock.passes(6)
    assert run(change).status == Status.APPLIED


def test_a_freeze_lets_what_has_begun_be_finished(approved: Make, run: Run, mesh: Mesh, cast: Cast, clock: Clock) -> None:
    change = approved()
    mesh.api.fails_after_write()
    run(change)
    freeze(mesh, cast, clock, "bookinfo")
    clock.passes(60)
    assert run(change).status == Status.APPLIED


def test_putting_back_waits_for_nothing(approved: Make, run: Run, mesh: Mesh, cast: Cast, clock: Clock) -> None:
    change = approved()
    mesh.api.fails_after_write()
    run(change)
    deciding.stop(change, by=cast.carol, via=PAGE, now=clock())
    freeze(mesh, cast, clock)
    stopping.stop(mesh.cluster, reason="Something is wrong", by=cast.carol, via=PAGE, now=clock())
    clock.passes(60)
    run(change)
    assert change.status == Status.FAILED
    live = mesh.api.get(ROUTE)
    assert live is not None
    assert [entry["weight"] for entry in live["spec"]["http"][0]["route"]] == [100]
