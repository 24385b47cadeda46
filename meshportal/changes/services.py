"""Verbs on a change, up to its approval. Page, API and command call these; every rule is enforced here.

Each verb is one short transaction: guard, change, audit row. The guard is an UPDATE that must touch exactly one row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Scope, Verb, can
from meshportal.accounts.services import actor
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import Actor, record
from meshportal.changes.confirming import finding_row, said_of, unconfirmed, warning_codes, weighed
from meshportal.changes.kinds import Problem, Proposal, ReadsElsewhere, Subject, kind_named
from meshportal.changes.models import EDITABLE, WITHDRAWABLE, ChangeRequest, Item, Review, Revision, Status
from meshportal.mesh.findings import Level, Risk, blocking

MAX_REASON = 2000
MAX_TICKET = 80
APPROVALS_NEEDED = {Level.LOW: 1, Level.MEDIUM: 1, Level.HIGH: 1}


class Refused(Exception):
    """The person may not do this. The sentence says why."""


class IllegalTransition(Exception):
    """The change is not in a state where this verb makes sense."""


class AlreadyAsked(IllegalTransition):
    """The same person has asked for exactly this, and it is not over: a form that was sent twice. `change` is the first."""

    def __init__(self, change: ChangeRequest) -> None:
        super().__init__(_("%(change)s asks for exactly this already.") % {"change": change.label})
        self.change = change


class Invalid(Exception):
    """What was sent cannot be used. `problems` names every field."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.sentence for problem in problems))
        self.problems = list(problems)


class Stale(Exception):
    """The live objects are not those that the person looked at. `proposal` is the same intent against what is live now."""

    def __init__(self, proposal: Proposal) -> None:
        super().__init__("The mesh has changed since the form was opened")
        self.proposal = proposal


def propose(kind: str, subject: Subject, raw: Mapping[str, Any], *, by: Person) -> Proposal:
    """A proposal for what was typed, its warnings counted in its risk. Raises Invalid, SubjectUnknown."""
    asked = kind_named(kind)
    if isinstance(asked, ReadsElsewhere) and not all(can(by, Verb.VIEW, scope) for scope in asked.reads(raw)):
        raise Invalid([asked.not_found()])
    outcome = asked.propose(subject, raw)
    if isinstance(outcome, list):
        raise Invalid(outcome)
    if problems := _out_of_reach(by, subject, outcome):
        raise Invalid(problems)
    return weighed(outcome)


def _out_of_reach(person: Person, subject: Subject, proposal: Proposal) -> list[Problem]:
    """Objects of a plan that live where `person` may change nothing: the route of a service may be kept in any namespace."""
    return [
        Problem(
            "", _("%(object)s takes part in this, and only an operator of its namespace can change it.") % {"object": item.ref}
        )
        for item in proposal.plan.changing
        if not can(person, Verb.OPERATE, Scope(subject.cluster.name, item.ref.namespace))
    ]


@transaction.atomic
def draft(
    kind: str,
    subject: Subject,
    raw: Mapping[str, Any],
    *,
    by: Person,
    via: AuditEvent.Via,
    now: datetime,
    reason: str,
    ticket: str = "",
    base: str = "",
    confirm: Collection[str] = (),
) -> ChangeRequest:
    """Save what was typed as a new draft. `base` is the digest of the live objects the person looked at, "" for whatever is live;
    `confirm` are the codes of the warnings they have ticked.

    Raises Refused, Invalid, Stale, SubjectUnknown, AlreadyAsked.
    """
    _must(by, Verb.OPERATE, subject)
    proposal = _acceptable(kind, subject, raw, by=by, reason=reason, ticket=ticket, base=base, confirm=confirm)
    place = {"cluster": subject.cluster, "namespace": subject.namespace, "service": subject.service}
    same = ChangeRequest.objects.filter(**place, author=by, digest=proposal.plan.digest, status__in=EDITABLE).first()
    if same is not None:
        raise AlreadyAsked(same)
    change = ChangeRequest.objects.create(
        kind=kind,
        cluster=subject.cluster,
        namespace=subject.namespace,
        service=subject.service,
        author=by,
        reason=reason.strip(),
        ticket=ticket.strip(),
        status_since=now,
        created_at=now,
        **_plan_columns(proposal),
    )
    confirmed = _save_revision(change, proposal, by=by, now=now)
    tell(actor(by, via), "draft", change, f"Drafted: {change.title}{said_of(confirmed)}", now=now, confirmed=confirmed)
    return change


@transaction.atomic
def revise(
    change: ChangeRequest,
    raw: Mapping[str, Any],
    *,
    by: Person,
    via: AuditEvent.Via,
    now: datetime,
    reason: str,
    ticket: str = "",
    base: str = "",
    confirm: Collection[str] = (),
) -> ChangeRequest:
    """Replace the plan of a draft or of a change in review by a new revision, and void every review of the one before. Warnings
    are confirmed anew: see `draft`.

    Raises Refused, Invalid, Stale, SubjectUnknown, IllegalTransition.
    """
    subject = Subject(change.cluster, change.namespace, change.service)
    _must(by, Verb.OPERATE, subject)
    proposal = _acceptable(change.kind, subject, raw, by=by, reason=reason, ticket=ticket, base=base, confirm=confirm)
    columns = _plan_columns(proposal) | {"revision": change.revision + 1, "reason": reason.strip(), "ticket": ticket.strip()}
    guarded = ChangeRequest.objects.filter(pk=change.pk, revision=change.revision, status__in=EDITABLE)
    moved = guarded.update(**columns, note="", next_due_at=None)
    if moved != 1:
        raise IllegalTransition(_("%(change)s has moved on meanwhile: it can no longer be edited.") % {"change": change.label})
    ChangeRequest.objects.filter(pk=change.pk, status=Status.APPROVED).update(status=Status.IN_REVIEW, status_since=now)
    Review.objects.filter(change=change, voided_at=None).update(voided_at=now)
    change.refresh_from_db()
    confirmed = _save_revision(change, proposal, by=by, now=now)
    sentence = f"Revision {change.revision}: {change.title}{said_of(confirmed)}"
    tell(actor(by, via), "revise", change, sentence, now=now, confirmed=confirmed)
    return change


def _acceptable(
    kind: str,
    subject: Subject,
    raw: Mapping[str, Any],
    *,
    by: Person,
    reason: str,
    ticket: str,
    base: str,
    confirm: Collection[str],
) -> Proposal:
    problems = text_problems(reason, ticket)
    try:
        outcome = propose(kind, subject, raw, by=by)
    except Invalid as error:
        raise Invalid([*error.problems, *problems]) from None
    if base and base != outcome.base:
        raise Stale(outcome)
    for finding in blocking(outcome.findings):
        sentence, remedy = kind_named(kind).sentence(finding)
        problems.insert(0, Problem(finding.field, f"{sentence} {remedy}".strip()))
    problems.extend(unconfirmed(outcome.findings, confirm))
    if problems:
        raise Invalid(problems)
    return outcome


def text_problems(reason: str, ticket: str) -> list[Problem]:
    problems = []
    if not reason.strip():
        problems.append(Problem("reason", _("Say why: reviewers and whoever is on call will read it.")))
    elif len(reason) > MAX_REASON:
        problems.append(Problem("reason", _("Keep the reason under %(limit)d characters.") % {"limit": MAX_REASON}))
    if len(ticket) > MAX_TICKET:
        problems.append(Problem("ticket", _("Keep the ticket under %(limit)d characters.") % {"limit": MAX_TICKET}))
    for field, text in (("reason", reason), ("ticket", ticket)):
        if "\x00" in text:
            problems.append(Problem(field, _("This text holds a NUL character, which no database keeps. Type it again.")))
    return problems


def _plan_columns(proposal: Proposal) -> dict[str, Any]:
    risk = proposal.risk or Risk(Level.LOW, ())
    return {
        "title": proposal.titles["en"][:200],
        "titles": dict(proposal.titles),
        "digest": proposal.plan.digest,
        "risk": {"level": risk.level.value, "reasons": list(risk.reasons)},
        "approvals_needed": APPROVALS_NEEDED[risk.level],
    }


def _save_revision(change: ChangeRequest, proposal: Proposal, *, by: Person, now: datetime) -> list[str]:
    """Save an acceptable plan as the change's newest revision. Returns the codes of its warnings: each was confirmed."""
    confirmed = warning_codes(proposal.findings)
    revision = Revision.objects.create(
        change=change,
        number=change.revision,
        author=by,
        intent=dict(proposal.intent),
        digest=proposal.plan.digest,
        created_at=now,
        findings=[finding_row(finding) for finding in proposal.findings],
        confirmed=confirmed,
    )
    Item.objects.bulk_create(
        Item(
            revision=revision,
            position=position,
            kind=item.ref.kind.kind,
            namespace=item.ref.namespace,
            name=item.ref.name,
            before=item.before,
            after=item.after,
            fields=[list(path) for path in item.fields],
            outcome=Item.Outcome.PENDING if item.changes_anything else Item.Outcome.UNTOUCHED,
        )
        for position, item in enumerate(proposal.plan.items)
    )
    return confirmed


@transaction.atomic
def submit(change: ChangeRequest, *, by: Person, via: AuditEvent.Via, now: datetime) -> ChangeRequest:
    """Ask for review. Raises Refused, IllegalTransition."""
    _must(by, Verb.OPERATE, change)
    move(change, {Status.DRAFT}, Status.IN_REVIEW, now=now, submitted_at=now)
    tell(actor(by, via), "submit", change, f"Submitted for review: {change.title}", now=now)
    return change


@transaction.atomic
def withdraw(change: ChangeRequest, *, by: Person, via: AuditEvent.Via, now: datetime) -> ChangeRequest:
    """Take a change back before it is applied. Raises Refused, IllegalTransition."""
    _must(by, Verb.OPERATE, change)
    move(change, WITHDRAWABLE, Status.WITHDRAWN, now=now, next_due_at=None)
    tell(actor(by, via), "withdraw", change, f"Withdrawn: {change.title}", now=now)
    return change


def _must(person: Person, verb: Verb, subject: Subject | ChangeRequest) -> None:
    if not can(person, verb, Scope(subject.cluster.name, subject.namespace)):
        raise Refused(
            _("You may not do this in namespace %(namespace)s: it takes the role operator there.")
            % {"namespace": subject.namespace}
        )


def move(
    change: ChangeRequest, before: frozenset[Status] | set[Status], after: Status, *, now: datetime | None, **columns: Any
) -> None:
    """The guarded UPDATE: from one of `before` to `after`, or IllegalTransition. `now` None keeps the time of the status."""
    if now is not None:
        columns["status_since"] = now
    moved = ChangeRequest.objects.filter(pk=change.pk, status__in=before, revision=change.revision).update(
        status=after, **columns
    )
    if moved != 1:
        current = ChangeRequest.objects.get(pk=change.pk)
        raise IllegalTransition(
            _("%(change)s is in status “%(status)s” now: this can no longer be done.")
            % {"change": change.label, "status": current.get_status_display()}
        )
    change.refresh_from_db()


def tell(actor: Actor, verb: str, change: ChangeRequest, sentence: str, *, now: datetime, **data: object) -> None:
    record(
        actor,
        verb,
        change.label,
        sentence,
        now=now,
        cluster=change.cluster.name,
        namespace=change.namespace,
        data={"service": change.service, "revision": change.revision, "digest": change.digest, **data},
    )
