"""The queue of changes, and one change with everything a reviewer needs."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from meshportal.accounts.permissions import Scope, Verb, can, visible_namespaces
from meshportal.accounts.requests import PersonRequest
from meshportal.audit.models import AuditEvent
from meshportal.catalog import queries as catalog
from meshportal.changes import deciding, services
from meshportal.changes.kinds import Subject, kind_named
from meshportal.changes.models import EDITABLE, TERMINAL, WITHDRAWABLE, ChangeRequest, Review, Revision, Status
from meshportal.changes.presenting import findings_from, risk_from, view_of
from meshportal.changes.queries import approvers_of, change_for, current_revision, plan_of, visible_changes, waiting_for
from meshportal.changes.steps import approvals, steps_of
from meshportal.web.htmx import SeeOther

PER_PAGE = 50
PAGE = AuditEvent.Via.PAGE


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Everything in one's scope, what waits for oneself first."""
    person = cast(PersonRequest, request).user
    waiting = list(waiting_for(person))
    rest = visible_changes(person).exclude(pk__in=[change.pk for change in waiting])
    status = request.GET.get("status", "")
    if status in Status.values:
        rest = rest.filter(status=status)
    page = Paginator(rest, PER_PAGE).get_page(request.GET.get("page"))
    context = {"section": "changes", "waiting": waiting, "page": page, "statuses": Status.choices, "status": status}
    return render(request, "changes/list.html", context)


@require_safe
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    change = _change(request, pk)
    return render(request, "changes/detail.html", _context(cast(PersonRequest, request), change))


@require_safe
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """The parts of the page that move. 204 while nothing has; `seen` is the fingerprint the browser has."""
    change = _change(request, pk)
    if request.GET.get("seen") == fingerprint(change):
        return HttpResponse(status=204)
    return render(request, "changes/_live.html", _context(cast(PersonRequest, request), change) | {"oob": True})


@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    change = _change(request, pk)
    wanted = request.POST.get("decision", "")
    if wanted not in Review.Decision.values:
        return _again(request, change, "Choose to approve or to reject.", 422)
    return _verb(
        request,
        change,
        lambda by, now: deciding.decide(
            change,
            Review.Decision(wanted),
            by=by,
            via=PAGE,
            digest=request.POST.get("digest", ""),
            comment=request.POST.get("comment", ""),
            now=now,
        ),
    )


@require_POST
def submit(request: HttpRequest, pk: int) -> HttpResponse:
    change = _change(request, pk)
    return _verb(request, change, lambda by, now: services.submit(change, by=by, via=PAGE, now=now))


@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    change = _change(request, pk)
    return _verb(request, change, lambda by, now: services.withdraw(change, by=by, via=PAGE, now=now))


@require_POST
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    change = _change(request, pk)
    comment = request.POST.get("comment", "")
    return _verb(request, change, lambda by, now: deciding.settle(change, by=by, via=PAGE, now=now, comment=comment))


@require_POST
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    change = _change(request, pk)
    return _verb(request, change, lambda by, now: deciding.stop(change, by=by, via=PAGE, now=now))


def _change(request: HttpRequest, pk: int) -> ChangeRequest:
    change = change_for(cast(PersonRequest, request).user, pk)
    if change is None:
        raise Http404
    return change


def _verb(request: HttpRequest, change: ChangeRequest, verb: Any) -> HttpResponse:
    """Do one verb, then show the change; a refusal shows the page again with the reason, and what was typed."""
    try:
        verb(cast(PersonRequest, request).user, timezone.now())
    except services.Refused as error:
        return _again(request, change, str(error), 403)
    except services.Invalid as error:
        return _again(request, change, str(error), 422)
    except services.IllegalTransition as error:
        return _again(request, change, str(error), 409)
    return SeeOther(reverse("changes:detail", args=[change.pk]))


def _again(request: HttpRequest, change: ChangeRequest, sentence: str, status: int) -> HttpResponse:
    fresh = _change(request, change.pk)
    context = _context(cast(PersonRequest, request), fresh)
    context |= {"refusal": sentence, "comment": request.POST.get("comment", "")}
    return render(request, "changes/detail.html", context, status=status)


def fingerprint(change: ChangeRequest) -> str:
    """Changes exactly when something on the page that moves has changed."""
    revision = current_revision(change)
    outcomes = ",".join(item.outcome for item in revision.items.all())
    parts = (change.status, change.revision, change.note, outcomes, revision.dry_run, revision.dry_run_at, approvals(change))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _context(request: PersonRequest, change: ChangeRequest) -> dict[str, Any]:
    person, revision = request.user, current_revision(change)
    scope = Scope(change.cluster.name, change.namespace)
    snapshot = catalog.latest(change.cluster)
    service = snapshot.service(change.namespace, change.service) if snapshot else None
    refusal = deciding.why_not_decide(change, person, PAGE)
    visible = visible_namespaces(person, change.cluster.name)
    hidden = {str(item) for item in revision.items.all() if item.namespace not in visible}
    authors = {revision.author_id for revision in change.revisions.all()} | {change.author_id}
    return {
        "section": "changes",
        "change": change,
        "revision": revision,
        "steps": steps_of(change),
        "plan": view_of(
            change.kind,
            revision.intent,
            plan_of(revision),
            findings_from(revision.findings),
            risk_from(change.risk),
            service.per_second if service else None,
            confirmed=revision.confirmed,
            visible=visible,
        ),
        "answers": [answer for answer in revision.dry_run_answer if answer["ref"] not in hidden],
        "approvals": approvals(change),
        "why_not": refusal,
        "may_decide": not refusal and change.status == Status.IN_REVIEW,
        "reviewers": [(who, who.pk in authors) for who in approvers_of(change)],
        "may_submit": change.status == Status.DRAFT and can(person, Verb.OPERATE, scope),
        "edit_address": _edit_address(change) if change.status in EDITABLE and can(person, Verb.OPERATE, scope) else "",
        "may_withdraw": change.status in WITHDRAWABLE and can(person, Verb.OPERATE, scope),
        "may_stop": change.status == Status.APPLYING
        and not change.failure
        and (can(person, Verb.OPERATE, scope) or can(person, Verb.RESPOND, scope)),
        "may_settle": change.status == Status.NEEDS_HUMAN
        and (can(person, Verb.RESPOND, scope) or can(person, Verb.APPROVE, scope)),
        "moving": change.status not in TERMINAL,
        "never_asked": change.status not in WITHDRAWABLE
        and revision.dry_run in {Revision.DryRun.WAITING, Revision.DryRun.UNKNOWN},
        "story": AuditEvent.objects.filter(subject=change.label).order_by("-sequence"),
        "fingerprint": fingerprint(change),
        "now": timezone.now(),
    }


def _edit_address(change: ChangeRequest) -> str:
    subject = Subject(change.cluster, change.namespace, change.service)
    return f"{kind_named(change.kind).form_address(subject)}?change={change.pk}"
