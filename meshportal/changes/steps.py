"""Where a change stands, as steps with their facts: what the progress line of its page draws."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meshportal.changes.models import ChangeRequest, Item, Review, Status
from meshportal.changes.queries import current_revision

PATH = (Status.DRAFT, Status.IN_REVIEW, Status.APPROVED, Status.APPLYING, Status.APPLIED)
WATCHED = (*PATH[:-1], Status.WATCHING, Status.APPLIED)
ENDS_AFTER = {
    Status.REJECTED: Status.IN_REVIEW,
    Status.WITHDRAWN: Status.IN_REVIEW,
    Status.FAILED: Status.APPLYING,
    Status.NEEDS_HUMAN: Status.APPLYING,
    Status.REVERTED: Status.APPLYING,
}


@dataclass(frozen=True)
class Step:
    """`state` is "done", "current" or "" for what is still to come; `at` is a time where one is known."""

    word: str
    state: str
    fact: str = ""
    at: datetime | None = None


def steps_of(change: ChangeRequest) -> list[Step]:
    """The steps of one change, in order; one that ended early shows its end instead of what it never reached."""
    status = Status(change.status)
    if status in ENDS_AFTER:
        reached = PATH[: PATH.index(ENDS_AFTER[status]) + 1]
        ended = Step(str(status.label), "current", at=change.status_since)
        return [*(Step(str(step.label), "done", *_fact(change, step)) for step in reached), ended]
    path = WATCHED if status is Status.WATCHING else PATH
    here = path.index(status)
    return [
        Step(str(step.label), "current" if place == here else "done" if place < here else "", *_fact(change, step))
        for place, step in enumerate(path)
    ]


def _fact(change: ChangeRequest, step: Status) -> tuple[str, datetime | None]:
    if step is Status.DRAFT:
        return str(change.author), change.created_at
    if step is Status.IN_REVIEW:
        return _("%(given)d of %(needed)d approvals") % {"given": approvals(change), "needed": change.approvals_needed}, None
    if step is Status.APPLYING:
        items = [item for item in current_revision(change).items.all() if item.outcome != Item.Outcome.UNTOUCHED]
        written = sum(item.outcome == Item.Outcome.WRITTEN for item in items)
        if written:
            return _("%(written)d of %(count)d written") % {"written": written, "count": len(items)}, None
        return ngettext("%(count)d object", "%(count)d objects", len(items)) % {"count": len(items)}, None
    if step is Status.APPLIED:
        return "", change.applied_at
    return "", None


def approvals(change: ChangeRequest) -> int:
    """Approvals that count: of the current digest, not voided."""
    return sum(
        review.decision == Review.Decision.APPROVE and review.voided_at is None and review.digest == change.digest
        for review in change.reviews.all()
    )
