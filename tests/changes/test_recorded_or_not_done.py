"""No act without its audit event: where the record cannot be written, nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError

from meshportal.audit.models import AuditEvent, AuditHead
from meshportal.changes import deciding, services
from meshportal.changes.kinds import Subject
from meshportal.changes.models import ChangeRequest, Item, Review, Revision, Status, Write
from tests.cast import NOON, Cast, Mesh

Make = Callable[..., ChangeRequest]
Run = Callable[[ChangeRequest], ChangeRequest]
PAGE = AuditEvent.Via.PAGE
COMMON: dict[str, Any] = {"via": PAGE, "now": NOON}
WEIGHTS = {"weights": {"v1": 80, "v2": 20}}

pytestmark = pytest.mark.django_db


def block_record(after: int = 0) -> None:
    """The record takes `after` more events; the next one fails, because its place is taken."""
    head = AuditHead.objects.filter(id=1).first()
    sequence = (head.sequence if head else 0) + 1 + after
    AuditEvent.objects.create(sequence=sequence, at=NOON, actor_name="x", via=PAGE, verb="x", subject="x", sentence="x", hash="x")


def kept() -> list[Any]:
    """Everything that verbs write."""
    models = (ChangeRequest, Revision, Item, Review, Write)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_nothing_is_drafted(cast: Cast, mesh: Mesh) -> None:
    block_record()
    subject = Subject(mesh.cluster, "bookinfo", "reviews")
    with pytest.raises(IntegrityError):
        services.draft("traffic", subject, WEIGHTS, by=cast.alice, reason="because", **COMMON)
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize(
    ("status", "verb"),
    [
        (Status.DRAFT, lambda change, cast: services.submit(change, by=cast.alice, **COMMON)),
        (Status.DRAFT, lambda change, cast: services.withdraw(change, by=cast.alice, **COMMON)),
        (Status.IN_REVIEW, lambda change, cast: services.revise(change, WEIGHTS, by=cast.alice, reason="more", **COMMON)),
        (
            Status.IN_REVIEW,
            lambda change, cast: deciding.decide(change, Review.Decision.APPROVE, by=cast.bob, digest=change.digest, **COMMON),
        ),
        (Status.NEEDS_HUMAN, lambda change, cast: deciding.settle(change, by=cast.carol, comment="done", **COMMON)),
    ],
)
def test_nothing_moves(drafted: Make, cast: Cast, status: Status, verb: Callable[[ChangeRequest, Cast], object]) -> None:
    change = drafted()
    ChangeRequest.objects.filter(pk=change.pk).update(status=status)
    change.refresh_from_db()
    block_record()
    before = kept()
    with pytest.raises(IntegrityError):
        verb(change, cast)
    assert kept() == before


def test_nothing_is_sent_to_the_cluster(approved: Make, run: Run, mesh: Mesh) -> None:
    change = approved()
    block_record()
    with pytest.raises(IntegrityError):
        run(change)
    change.refresh_from_db()
    assert change.status == Status.APPROVED
    assert not mesh.api.writes


def test_a_write_stays_announced_until_it_is_recorded(approved: Make, run: Run) -> None:
    change = approved()
    block_record(after=1)
    with pytest.raises(IntegrityError):
        run(change)
    assert Write.objects.get().state == Write.State.INTENDED
    assert Item.objects.get(kind="VirtualService").outcome == Item.Outcome.PENDING


def test_a_change_is_not_applied_before_that_is_recorded(approved: Make, run: Run) -> None:
    change = approved()
    block_record(after=2)
    with pytest.raises(IntegrityError):
        run(change)
    change.refresh_from_db()
    assert change.status == Status.APPLYING
    assert change.claims.exists()
