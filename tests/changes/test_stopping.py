"""A change that is being applied can be stopped: what was written is put back, whatever the worker is doing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshportal.audit.models import AuditEvent
from meshportal.changes import deciding, services
from meshportal.changes.models import ChangeRequest, HostClaim, Status
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, ResourceRef
from tests.cast import NOON, Cast, Clock, Mesh, destination_rule

RULE = ResourceRef(DESTINATION_RULE, "bookinfo", "reviews")
ROUTE = ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews")
Make = Callable[..., ChangeRequest]
Run = Callable[[ChangeRequest], ChangeRequest]
PAGE = AuditEvent.Via.PAGE

pytestmark = pytest.mark.django_db


def test_a_change_that_waits_for_its_cluster_can_be_stopped(approved: Make, run: Run, mesh: Mesh, cast: Cast) -> None:
    change = approved()
    mesh.api.goes_away()
    run(change)
    deciding.stop(change, by=cast.carol, via=PAGE, now=NOON)
    run(change)
    assert change.status == Status.FAILED
    assert "Stopped by carol" in change.note
    assert not HostClaim.objects.exists()


def test_stopping_between_two_writes_puts_the_first_one_back(
    approved: Make, run: Run, mesh: Mesh, cast: Cast, clock: Clock
) -> None:
    mesh.api.put(destination_rule("v1"))
    mesh.observe()
    before = mesh.api.get(RULE)
    change = approved()
    asked = ChangeRequest.objects.get(pk=change.pk)

    def somebody_stops() -> None:
        asked.refresh_from_db()
        deciding.stop(asked, by=cast.alice, via=PAGE, now=NOON)

    mesh.api.when_written(RULE, somebody_stops)
    run(change)
    assert change.status == Status.APPLYING, "the worker found out and wrote nothing more"
    route = mesh.api.get(ROUTE)
    clock.passes(1)
    run(change)
    assert change.status == Status.FAILED
    assert mesh.api.get(ROUTE) == route
    after = mesh.api.get(RULE)
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"]


def test_only_those_in_charge_stop_and_only_what_is_being_applied(approved: Make, run: Run, mesh: Mesh, cast: Cast) -> None:
    change = approved()
    with pytest.raises(services.IllegalTransition):
        deciding.stop(change, by=cast.alice, via=PAGE, now=NOON)
    mesh.api.goes_away()
    run(change)
    for stranger in (cast.bob, cast.dave, cast.mallory):
        with pytest.raises(services.Refused):
            deciding.stop(change, by=stranger, via=PAGE, now=NOON)
    deciding.stop(change, by=cast.alice, via=PAGE, now=NOON)
    with pytest.raises(services.IllegalTransition, match="already"):
        deciding.stop(change, by=cast.alice, via=PAGE, now=NOON)
