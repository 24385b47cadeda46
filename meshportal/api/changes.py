"""Changes: ask, submit, withdraw, follow. Deciding needs a signed-in session, so a token is refused there with the reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from ninja.responses import Status as Answer

from meshportal.api.asking import NO_SUCH_SERVICE, ChangeIn, Text, raw_of, subject_of
from meshportal.api.auth import caller
from meshportal.audit.models import AuditEvent
from meshportal.changes import deciding, services
from meshportal.changes.kinds import Problem, SubjectUnknown
from meshportal.changes.models import ChangeRequest, Review
from meshportal.changes.queries import WHOLE, change_for, current_revision, plan_item, visible_changes
from meshportal.changes.steps import approvals

router = Router(tags=["changes"])
API = AuditEvent.Via.API
MAX_LISTED = 100
# whoever sends Kubernetes' dryRun=All means to save nothing
NO_PARAMETERS = "This address takes no parameters and saves. POST /changes/preview says what would happen and saves nothing."


class DecisionIn(Schema):
    model_config = {"extra": "forbid", "strict": True}

    decision: Literal["approve", "reject"]
    digest: Text
    comment: Text = ""


class ItemOut(Schema):
    object: str
    operation: str
    outcome: str


class ChangeOut(Schema):
    id: int
    label: str
    kind: str
    cluster: str
    namespace: str
    service: str
    title: str
    author: str
    reason: str
    ticket: str
    status: str
    status_since: datetime
    note: str
    revision: int
    digest: str
    risk: str
    approvals: int
    approvals_needed: int
    dry_run: str
    applied_at: datetime | None
    items: list[ItemOut]


def change_out(change: ChangeRequest) -> dict[str, Any]:
    revision = current_revision(change)
    fields = {
        name: getattr(change, name)
        for name in ("id", "label", "kind", "namespace", "service", "title", "reason", "ticket", "status", "status_since", "note")
    }
    items = [
        {"object": str(item), "operation": plan_item(item).operation, "outcome": item.outcome} for item in revision.items.all()
    ]
    return fields | {
        "cluster": change.cluster.name,
        "author": change.author.username,
        "revision": change.revision,
        "digest": change.digest,
        "risk": change.risk["level"],
        "approvals": approvals(change),
        "approvals_needed": change.approvals_needed,
        "dry_run": revision.dry_run,
        "applied_at": change.applied_at,
        "items": items,
    }


def mine(request: HttpRequest, pk: int) -> ChangeRequest:
    """A change in the caller's scope. Raises Http404."""
    # a number that no database column holds is no change's either
    change = change_for(caller(request), pk) if 0 < pk < 2**63 else None
    if change is None:
        raise Http404
    return change


@router.get("/changes", response=list[ChangeOut], summary="Changes in your scope, newest first, at most 100")
def listed(request: HttpRequest, status: str = "") -> list[dict[str, Any]]:
    rows = visible_changes(caller(request)).prefetch_related(*WHOLE)
    if status:
        rows = rows.filter(status=status.replace("\x00", ""))
    return [change_out(change) for change in rows[:MAX_LISTED]]


@router.post("/changes", response={201: ChangeOut}, summary="Ask for a change")
def ask(request: HttpRequest, payload: ChangeIn) -> Answer[Any]:
    person, now = caller(request), timezone.now()
    if request.GET:
        raise services.Invalid([Problem(name[:60], NO_PARAMETERS) for name in request.GET])
    subject, raw = subject_of(request, payload), raw_of(payload)
    texts = {"reason": payload.reason, "ticket": payload.ticket, "base": payload.base}
    try:
        change = services.draft(payload.kind, subject, raw, by=person, via=API, now=now, confirm=payload.confirm, **texts)
    except SubjectUnknown:
        raise services.Invalid([NO_SUCH_SERVICE]) from None
    if payload.submit:
        services.submit(change, by=person, via=API, now=now)
    return Answer(201, change_out(mine(request, change.pk)))


@router.get("/changes/{pk}", response=ChangeOut, summary="One change and how far it is")
def one(request: HttpRequest, pk: int) -> dict[str, Any]:
    return change_out(mine(request, pk))


@router.post("/changes/{pk}/submit", response=ChangeOut, summary="Ask for review")
def submit(request: HttpRequest, pk: int) -> dict[str, Any]:
    change = mine(request, pk)
    services.submit(change, by=caller(request), via=API, now=timezone.now())
    return change_out(mine(request, pk))


@router.post("/changes/{pk}/withdraw", response=ChangeOut, summary="Take a change back before it is applied")
def withdraw(request: HttpRequest, pk: int) -> dict[str, Any]:
    change = mine(request, pk)
    services.withdraw(change, by=caller(request), via=API, now=timezone.now())
    return change_out(mine(request, pk))


@router.post("/changes/{pk}/decide", response=ChangeOut, summary="Refused to tokens: deciding needs a signed-in session")
def decide(request: HttpRequest, pk: int, payload: DecisionIn) -> dict[str, Any]:
    change = mine(request, pk)
    decision = Review.Decision(payload.decision)
    by, now = caller(request), timezone.now()
    deciding.decide(change, decision, by=by, via=API, digest=payload.digest, comment=payload.comment, now=now)
    return change_out(mine(request, pk))
