"""Decisions on a change: whoever decides did not write it, binds to one digest, and is signed in."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Scope, Verb, can
from meshportal.accounts.services import actor
from meshportal.audit.models import AuditEvent
from meshportal.changes.kinds import Problem
from meshportal.changes.models import ChangeRequest, Review, Revision, Status
from meshportal.changes.queries import current_revision, scopes_of
from meshportal.changes.services import IllegalTransition, Invalid, Refused, move, tell, text_problems
from meshportal.changes.tasks import apply_change

# The record has one language, whatever the reviewer's page is in.
RECORDED = {Review.Decision.APPROVE: "Approved", Review.Decision.REJECT: "Rejected"}


def why_not_decide(change: ChangeRequest, person: Person, via: AuditEvent.Via) -> str:
    """Why `person` cannot decide on this change, "" if they can. One place for page, API and services."""
    if via is not AuditEvent.Via.PAGE:
        return _("Approving and rejecting need a signed-in session: a token cannot do it.")
    if person.pk == change.author_id or any(revision.author_id == person.pk for revision in change.revisions.all()):
        return _("You wrote this change, so somebody else has to decide on it.")
    for scope in scopes_of(change):
        if not can(person, Verb.APPROVE, scope):
            return _("You are not an approver in %(namespace)s.") % {"namespace": scope.namespace}
    return ""


@transaction.atomic
def decide(
    change: ChangeRequest,
    decision: Review.Decision,
    *,
    by: Person,
    via: AuditEvent.Via,
    digest: str,
    now: datetime,
    comment: str = "",
) -> Review:
    """Record one person's decision on exactly the plan they saw. Enough approvals make the change due at once.

    Raises Refused, Invalid, IllegalTransition (also when `digest` is not the current one or they have decided already).
    """
    if reason := why_not_decide(change, by, via):
        raise Refused(reason)
    if decision is Review.Decision.REJECT and not comment.strip():
        raise Invalid([Problem("comment", _("Say what is wrong: a rejection without a reason helps nobody."))])
    _must_be_kept(comment)
    if digest != change.digest:
        raise IllegalTransition(_("The plan has changed since you opened the page: look at it again, then decide."))
    revision = current_revision(change)
    if decision is Review.Decision.APPROVE and revision.dry_run == Revision.DryRun.REFUSED:
        raise IllegalTransition(_("The cluster refuses this plan in a dry run: it cannot be approved as it is."))
    # Touching the row first makes two decisions at once follow each other, and fails when the change has moved on.
    move(change, {Status.IN_REVIEW}, Status.IN_REVIEW, now=None)
    try:
        with transaction.atomic():
            review = Review.objects.create(
                change=change,
                digest=digest,
                author=change.author,
                reviewer=by,
                decision=decision,
                comment=comment.strip(),
                at=now,
            )
    except IntegrityError as error:
        raise IllegalTransition(_("You have decided on this plan already.")) from error
    tell(actor(by, via), decision.value, change, f"{RECORDED[decision]}: {change.title}", now=now)
    if decision is Review.Decision.REJECT:
        move(change, {Status.IN_REVIEW}, Status.REJECTED, now=now, note=comment.strip())
    elif _approvals(change) >= change.approvals_needed:
        move(change, {Status.IN_REVIEW}, Status.APPROVED, now=now, next_due_at=now, note="")
        _apply_soon(change)
    return review


def _apply_soon(change: ChangeRequest) -> None:
    # robust: the decision is kept, and the next tick finds it, although the broker is away
    transaction.on_commit(lambda: apply_change.delay(change.pk), robust=True)


def _must_be_kept(comment: str) -> None:
    """Raises Invalid for a comment that is too long or that no database keeps. Whether one is needed is the verb's business."""
    if problems := text_problems(comment.strip() or "-", ""):
        raise Invalid([Problem("comment", problem.sentence) for problem in problems])


def _approvals(change: ChangeRequest) -> int:
    return Review.objects.filter(change=change, digest=change.digest, decision=Review.Decision.APPROVE, voided_at=None).count()


@transaction.atomic
def stop(change: ChangeRequest, *, by: Person, via: AuditEvent.Via, now: datetime) -> ChangeRequest:
    """End a change that is being applied: the next worker puts back what was written, and the change fails.

    The worker that holds it loses its lease, so it writes nothing more. Raises Refused, IllegalTransition.
    """
    scope = Scope(change.cluster.name, change.namespace)
    if not (can(by, Verb.OPERATE, scope) or can(by, Verb.RESPOND, scope)):
        raise Refused(_("Only an operator or a responder can stop a change."))
    if change.failure:
        raise IllegalTransition(_("%(change)s is being put back already.") % {"change": change.label})
    move(change, {Status.APPLYING}, Status.APPLYING, now=None, failure=f"Stopped by {by}.", lease_until=now)
    tell(actor(by, via), "stop", change, f"Stopped while it was being applied: {change.title}", now=now)
    _apply_soon(change)
    return change


@transaction.atomic
def settle(change: ChangeRequest, *, by: Person, via: AuditEvent.Via, now: datetime, comment: str) -> ChangeRequest:
    """A person has looked at what NEEDS HUMAN and put the mesh right by hand. Raises Refused, Invalid, IllegalTransition."""
    scope = Scope(change.cluster.name, change.namespace)
    if not (can(by, Verb.RESPOND, scope) or can(by, Verb.APPROVE, scope)):
        raise Refused(_("Only a responder or an approver can settle a change that needs a human."))
    if not comment.strip():
        raise Invalid([Problem("comment", _("Say what you found and what you did."))])
    _must_be_kept(comment)
    note = f"{change.note}\nSettled by {by}: {comment.strip()}"
    move(change, {Status.NEEDS_HUMAN}, Status.FAILED, now=now, note=note, lease_until=None)
    change.claims.all().delete()
    tell(actor(by, via), "settle", change, f"Settled by hand: {comment.strip()}", now=now)
    return change
