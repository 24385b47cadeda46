"""What the cluster would say: a revision's objects with dryRun=All, so that schema and webhooks answer and nothing is stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from meshportal.changes.models import WITHDRAWABLE, Item, Revision
from meshportal.changes.queries import plan_item
from meshportal.clients.ports import ClientError, ClusterPort, Reason, Rejected
from meshportal.mesh.plans import same_fields, with_fields
from meshportal.mesh.refs import version_of


def open_questions() -> QuerySet[Revision]:
    """Revisions that the cluster has not answered for, of changes that it could still refuse."""
    unanswered = [Revision.DryRun.WAITING, Revision.DryRun.UNKNOWN]
    return Revision.objects.filter(dry_run__in=unanswered, change__status__in=WITHDRAWABLE)


def ask(revision: Revision, *, cluster: ClusterPort, now: datetime) -> None:
    """Ask, and keep the answer on the revision: ACCEPTED, REFUSED with reasons, or UNKNOWN where the cluster did not answer."""
    answers: list[dict[str, Any]] = []
    refused = False
    for row in revision.items.exclude(outcome=Item.Outcome.UNTOUCHED):
        try:
            reasons, warnings = _one(row, cluster)
        except ClientError as error:
            if error.retry_helps:
                unknown(revision, str(error), now=now)
                return
            reasons, warnings = [Reason("", str(error))], ()
        refused = refused or bool(reasons)
        answers.append(
            {
                "ref": str(row),
                "reasons": [{"field": reason.field, "sentence": reason.sentence} for reason in reasons],
                "warnings": list(warnings),
            }
        )
    answer = Revision.DryRun.REFUSED if refused else Revision.DryRun.ACCEPTED
    # a late or doubled question must not say of a plan that was applied since that the cluster refuses it
    open_questions().filter(pk=revision.pk).update(dry_run=answer, dry_run_at=now, dry_run_answer=answers)


def unknown(revision: Revision, sentence: str, *, now: datetime) -> None:
    """The cluster did not answer: the question stays open and is asked again."""
    answer = [{"ref": "", "reasons": [{"field": "", "sentence": sentence}], "warnings": []}]
    open_questions().filter(pk=revision.pk).update(dry_run=Revision.DryRun.UNKNOWN, dry_run_at=now, dry_run_answer=answer)


def _one(row: Item, cluster: ClusterPort) -> tuple[list[Reason], tuple[str, ...]]:
    item = plan_item(row)
    live = cluster.get(item.ref)
    if not same_fields(live, item.before, item.fields):
        return [Reason("", f"{item.ref} is not as it was when this plan was made")], ()
    try:
        if item.after is None:
            if live is not None:
                cluster.delete(item.ref, expect=version_of(live), dry_run=True)
            return [], ()
        if live is None:
            written = cluster.create(item.after, dry_run=True)
        else:
            written = cluster.replace(with_fields(live, item.after, item.fields), expect=version_of(live), dry_run=True)
    except Rejected as error:
        return list(error.reasons), ()
    return [], written.warnings
