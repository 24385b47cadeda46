"""Adding to the record, and proving that nobody changed it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from meshportal.audit.models import AuditEvent, AuditHead


@dataclass(frozen=True)
class Actor:
    """Who acts and through what. `id` is None for the portal itself."""

    id: int | None
    name: str
    via: AuditEvent.Via


MAX_SUBJECT = 60
PORTAL = Actor(None, "MeshPortal", AuditEvent.Via.WORKER)


def record(
    actor: Actor,
    verb: str,
    subject: str,
    sentence: str,
    *,
    now: datetime,
    cluster: str = "",
    namespace: str = "",
    data: dict[str, Any] | None = None,
) -> AuditEvent:
    """Append one event. Must run inside the transaction of the act it tells of, so that neither exists without the other.

    `sentence` is plain English (the record has one language); `data` must be JSON and hold no secret.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An audit event is written in the transaction of the act it records")
    AuditHead.objects.get_or_create(id=1)
    head = AuditHead.objects.select_for_update().get(id=1)
    # what is hashed is what the database gives back: in UTC, and no longer than its column
    event = AuditEvent(
        sequence=head.sequence + 1, at=now.astimezone(UTC), actor_id=actor.id, actor_name=actor.name, via=actor.via, verb=verb,
        subject=subject[:MAX_SUBJECT], cluster=cluster, namespace=namespace, sentence=sentence, data=data or {},
        previous_hash=head.hash,
    )  # fmt: skip
    event.hash = event.computed_hash()
    event.save()
    AuditHead.objects.filter(id=1).update(hash=event.hash, sequence=event.sequence)
    return event


@dataclass(frozen=True)
class Verification:
    """`broken_at` is the first sequence number whose hash, predecessor or place is wrong; None when the chain holds."""

    events: int
    broken_at: int | None


def verify() -> Verification:
    """Walk the whole chain from its first event to the head. Events may be added meanwhile."""
    before = _head()
    previous, count = "", 0
    for event in AuditEvent.objects.order_by("sequence").iterator():
        count += 1
        if event.sequence != count or event.previous_hash != previous or event.hash != event.computed_hash():
            return Verification(count, count)
        previous = event.hash
        if count == before.sequence and event.hash != before.hash:
            return Verification(count, count)
    after = _head()
    if before.sequence <= count <= after.sequence:
        return Verification(count, None)
    return Verification(count, min(count, after.sequence) + 1)


def _head() -> AuditHead:
    return AuditHead.objects.filter(id=1).first() or AuditHead(id=1)
