"""The form for traffic weights, and its preview while somebody types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from meshportal.accounts.guards import require
from meshportal.accounts.permissions import Scope, Verb
from meshportal.accounts.requests import PersonRequest
from meshportal.audit.models import AuditEvent
from meshportal.changes import services
from meshportal.changes.kinds import Problem, Proposal, Subject, SubjectUnknown
from meshportal.changes.models import Status
from meshportal.changes.presenting import PlanView, view_of
from meshportal.changes.queries import open_changes_of
from meshportal.clusters.models import Cluster
from meshportal.mesh import traffic
from meshportal.mesh.traffic import (
    NotEditable,
    Pods,
    TrafficIntent,
    TrafficLive,
    live_weights,
    pods_of,
    subset_labels,
    whole_percents,
)
from meshportal.mesh.traffic_rules import FIELD_PREFIX
from meshportal.policies.traffic.live import traffic_live
from meshportal.policies.traffic.words import not_editable
from meshportal.web.htmx import SeeOther

KIND = "traffic"


@dataclass(frozen=True)
class WeightRow:
    """One line of the form's table."""

    subset: str
    field: str
    pods: Pods
    now: float | None
    typed: str
    error: str


@dataclass(frozen=True)
class Form:
    """What the page shows: what was typed or what is live, and what is wrong with it. Nothing typed is ever dropped."""

    rows: list[WeightRow]
    reason: str
    ticket: str
    base: str
    problems: list[Problem]
    blocked: str  # why no weights can be set at all, "" if they can

    @property
    def total(self) -> int | None:
        try:
            return sum(int(row.typed or 0) for row in self.rows)
        except ValueError:
            return None

    def error(self, field: str) -> str:
        return " ".join(problem.sentence for problem in self.problems if problem.field == field)

    @property
    def reason_error(self) -> str:
        return self.error("reason")

    @property
    def ticket_error(self) -> str:
        return self.error("ticket")


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, cluster: str, namespace: str, service: str) -> HttpResponse:
    """Show the form with what is live; keep what was typed as a draft or submit it for review."""
    subject = _subject(request, cluster, namespace, service)
    live = _live(subject)
    if request.method != "POST":
        return _page(request, subject, live, _form(live, None, []), None)
    if request.POST.get("action") == "preview":
        return _page(request, subject, live, _form(live, request.POST, []), _proposal(request, subject))
    return _save(cast(PersonRequest, request), subject, live)


@require_POST
def preview(request: HttpRequest, cluster: str, namespace: str, service: str) -> HttpResponse:
    """The preview alone, for htmx. Nothing is saved, nothing is asked of the cluster."""
    subject = _subject(request, cluster, namespace, service)
    live = _live(subject)
    proposal = _proposal(request, subject)
    problems = proposal if isinstance(proposal, list) else []
    context = _context(subject, live, _form(live, request.POST, problems), proposal)
    return render(request, "policies/traffic/_preview.html", context)


def _subject(request: HttpRequest, cluster: str, namespace: str, service: str) -> Subject:
    person = cast(PersonRequest, request).user
    require(person, Verb.OPERATE, Scope(cluster, namespace))
    return Subject(get_object_or_404(Cluster, name=cluster), namespace, service)


def _live(subject: Subject) -> TrafficLive:
    try:
        return traffic_live(subject)
    except SubjectUnknown:
        raise Http404 from None


def _weights(data: QueryDict) -> dict[str, str]:
    return {key.removeprefix(FIELD_PREFIX): value for key, value in data.items() if key.startswith(FIELD_PREFIX)}  # type: ignore[misc]  # QueryDict.items gives the last value, a str


def _proposal(request: HttpRequest, subject: Subject) -> Proposal | list[Problem]:
    person = cast(PersonRequest, request).user
    try:
        return services.propose(KIND, subject, {"weights": _weights(request.POST)}, by=person)
    except services.Invalid as error:
        return error.problems


def _save(request: PersonRequest, subject: Subject, live: TrafficLive) -> HttpResponse:
    data, now = request.POST, timezone.now()
    texts = {"reason": data.get("reason", ""), "ticket": data.get("ticket", ""), "base": data.get("base", "")}
    raw = {"weights": _weights(data)}
    page = AuditEvent.Via.PAGE
    try:
        change = services.draft(KIND, subject, raw, by=request.user, via=page, now=now, **texts)
        if data.get("action") != "draft":
            services.submit(change, by=request.user, via=page, now=now)
    except services.Invalid as error:
        form = _form(live, data, error.problems)
        return _page(request, subject, live, form, _proposal(request, subject), status=422)
    except services.Stale as stale:
        sentence = _("The mesh has changed since you opened this form. Below is the difference from what is live now.")
        form = _form(live, data, [Problem("", sentence)], base=stale.proposal.plan.base)
        return _page(request, subject, live, form, stale.proposal, status=409)
    messages.success(request, _("Saved as a draft.") if change.status == Status.DRAFT else _("Submitted for review."))
    return SeeOther(reverse("changes:detail", args=[change.pk]))


def _form(live: TrafficLive, data: QueryDict | None, problems: list[Problem], base: str = "") -> Form:
    blocked, shares = "", None
    try:
        shares = live_weights(live)
    except NotEditable as error:
        blocked = not_editable(error.code, ", ".join(error.names))
    start = whole_percents(shares) if shares and sum(shares.values()) else {}
    typed = _weights(data) if data is not None else {}

    def row(subset: str) -> WeightRow:
        field = FIELD_PREFIX + subset
        text = typed.get(subset, str(start.get(subset, 0)) if start or data is not None else "")
        error = " ".join(problem.sentence for problem in problems if problem.field == field)
        return WeightRow(subset, field, pods_of(live, subset), (shares or {}).get(subset), text[:20], error)

    return Form(
        rows=[row(subset) for subset in subset_labels(live)],
        reason=data.get("reason", "") if data is not None else "",
        ticket=data.get("ticket", "") if data is not None else "",
        base=base or (data.get("base", "") if data is not None else _base(live)),
        problems=problems,
        blocked=blocked,
    )


def _base(live: TrafficLive) -> str:
    """The digest of what is live, whatever will be asked: weights play no part in it."""
    try:
        return traffic.render(TrafficIntent(live.service, {}), live).base
    except NotEditable:
        return ""


def _context(subject: Subject, live: TrafficLive, form: Form, proposal: Proposal | list[Problem] | None) -> dict[str, object]:
    plan: PlanView | None = None
    if isinstance(proposal, Proposal):
        per_second = live.per_second
        plan = view_of(KIND, proposal.intent, proposal.plan, proposal.findings, proposal.risk, per_second)
    return {
        "section": "services",
        "subject": subject,
        "form": form,
        "plan": plan,
        "unusable": proposal if isinstance(proposal, list) else [],
        "under_way": open_changes_of(subject.cluster, subject.namespace, subject.service),
    }


def _page(
    request: HttpRequest,
    subject: Subject,
    live: TrafficLive,
    form: Form,
    proposal: Proposal | list[Problem] | None,
    status: int = 200,
) -> HttpResponse:
    if isinstance(proposal, list) and not form.problems and request.method == "POST":
        form = _form(live, request.POST, proposal)
        status = 422
    return render(request, "policies/traffic/edit.html", _context(subject, live, form, proposal), status=status)
