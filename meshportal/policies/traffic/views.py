"""The form for traffic weights, and its preview while somebody types."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
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
from meshportal.changes.models import ChangeRequest, Status
from meshportal.changes.presenting import PlanView, view_of
from meshportal.changes.queries import change_for, open_changes_of
from meshportal.clusters.models import Cluster
from meshportal.mesh.traffic import TrafficLive
from meshportal.policies.traffic.forms import Form, asked, form_of, weights_in
from meshportal.policies.traffic.live import traffic_live
from meshportal.web.htmx import SeeOther

KIND = "traffic"


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, cluster: str, namespace: str, service: str) -> HttpResponse:
    """Show the form with what is live; keep what was typed as a draft or submit it for review."""
    subject = _subject(request, cluster, namespace, service)
    live = _live(subject)
    change = _edited(request, subject)
    if request.method != "POST":
        data = asked(change) if change else None
        return _page(request, subject, live, form_of(live, data, []), None, change=change)
    if request.POST.get("action") == "preview":
        return _page(request, subject, live, form_of(live, _typed(request), []), _proposal(request, subject), change=change)
    return _save(cast(PersonRequest, request), subject, live, change)


@require_POST
def preview(request: HttpRequest, cluster: str, namespace: str, service: str) -> HttpResponse:
    """The preview alone, for htmx. Nothing is saved, nothing is asked of the cluster."""
    subject = _subject(request, cluster, namespace, service)
    live = _live(subject)
    proposal = _proposal(request, subject)
    problems = proposal if isinstance(proposal, list) else []
    context = _context(subject, live, form_of(live, _typed(request), problems), proposal, None)
    return render(request, "policies/traffic/_preview.html", context)


def _typed(request: HttpRequest) -> dict[str, str]:
    """The last value of each field: QueryDict.items gives text, never a list."""
    return {key: str(value) for key, value in request.POST.items()}


def _edited(request: HttpRequest, subject: Subject) -> ChangeRequest | None:
    """The change whose plan is to be replaced, None for a new one. Raises Http404 for one that is not of this service."""
    given = request.POST.get("change") or request.GET.get("change")
    if not given:
        return None
    change = change_for(cast(PersonRequest, request).user, int(given)) if given.isascii() and given.isdecimal() else None
    if change is None or Subject(change.cluster, change.namespace, change.service) != subject or change.kind != KIND:
        raise Http404
    return change


def _subject(request: HttpRequest, cluster: str, namespace: str, service: str) -> Subject:
    person = cast(PersonRequest, request).user
    require(person, Verb.OPERATE, Scope(cluster, namespace))
    return Subject(get_object_or_404(Cluster, name=cluster), namespace, service)


def _live(subject: Subject) -> TrafficLive:
    try:
        return traffic_live(subject)
    except SubjectUnknown:
        raise Http404 from None


def _proposal(request: HttpRequest, subject: Subject) -> Proposal | list[Problem]:
    person = cast(PersonRequest, request).user
    try:
        return services.propose(KIND, subject, {"weights": weights_in(_typed(request))}, by=person)
    except services.Invalid as error:
        return error.problems


def _save(request: PersonRequest, subject: Subject, live: TrafficLive, edited: ChangeRequest | None) -> HttpResponse:
    data, now, by, via = _typed(request), timezone.now(), request.user, AuditEvent.Via.PAGE
    texts = {"reason": data.get("reason", ""), "ticket": data.get("ticket", ""), "base": data.get("base", "")}
    raw = {"weights": weights_in(data)}
    try:
        if edited:
            change = services.revise(edited, raw, by=by, via=via, now=now, **texts)
        else:
            change = services.draft(KIND, subject, raw, by=by, via=via, now=now, **texts)
        if data.get("action") != "draft" and change.status == Status.DRAFT:
            services.submit(change, by=by, via=via, now=now)
    except services.AlreadyAsked as error:
        messages.info(request, _("%(change)s asks for exactly this already.") % {"change": error.change.label})
        return SeeOther(reverse("changes:detail", args=[error.change.pk]))
    except services.IllegalTransition as error:
        form = form_of(live, data, [Problem("", str(error))])
        return _page(request, subject, live, form, _proposal(request, subject), change=edited, status=409)
    except services.Invalid as error:
        form = form_of(live, data, error.problems)
        return _page(request, subject, live, form, _proposal(request, subject), change=edited, status=422)
    except services.Stale as stale:
        sentence = _("The mesh has changed since you opened this form. Below is the difference from what is live now.")
        form = form_of(live, data, [Problem("", sentence)], base=stale.proposal.base)
        return _page(request, subject, live, form, stale.proposal, change=edited, status=409)
    messages.success(request, _("Saved as a draft.") if change.status == Status.DRAFT else _("Submitted for review."))
    return SeeOther(reverse("changes:detail", args=[change.pk]))


def _context(
    subject: Subject, live: TrafficLive, form: Form, proposal: Proposal | list[Problem] | None, change: ChangeRequest | None
) -> dict[str, object]:
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
        "change": change,
        "under_way": open_changes_of(subject.cluster, subject.namespace, subject.service).exclude(pk=change.pk if change else 0),
    }


def _page(
    request: HttpRequest,
    subject: Subject,
    live: TrafficLive,
    form: Form,
    proposal: Proposal | list[Problem] | None,
    *,
    change: ChangeRequest | None,
    status: int = 200,
) -> HttpResponse:
    if isinstance(proposal, list) and not form.problems and request.method == "POST":
        form = form_of(live, _typed(request), proposal)
        status = 422
    return render(request, "policies/traffic/edit.html", _context(subject, live, form, proposal, change), status=status)
