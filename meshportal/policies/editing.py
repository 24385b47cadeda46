"""The page of every policy: open it on what is live, preview while somebody types, keep a draft, submit it for review.

A policy's own part is its kind (settings.CHANGE_KINDS), a template that extends policies/_form.html, and what that template needs
besides the form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from meshportal.accounts.guards import require
from meshportal.accounts.permissions import Scope, Verb
from meshportal.accounts.requests import PersonRequest
from meshportal.audit.models import AuditEvent
from meshportal.changes import services
from meshportal.changes.kinds import Current, Problem, Proposal, Subject, SubjectUnknown, kind_named
from meshportal.changes.models import EDITABLE, ChangeRequest, Status
from meshportal.changes.presenting import PlanView, view_of
from meshportal.changes.queries import change_for, current_revision, open_changes_of
from meshportal.clusters.models import Cluster
from meshportal.mesh.findings import Severity
from meshportal.policies.formkit import Form
from meshportal.policies.freshness import silent_since
from meshportal.policies.nesting import Raw, is_structural, nest, restructure
from meshportal.web.htmx import SeeOther

Outcome = Proposal | list[Problem] | None


class Editor:
    """One policy's page. `kind` is its kind of change and the name of its address, `template` its page, `app` and `folder` where
    its addresses are ("" for its kind)."""

    kind: str
    app = "policies"
    folder = ""
    template: str
    preview_template = "policies/_preview.html"

    def raw_of_post(self, request: HttpRequest) -> Raw:
        """What was typed, in the shape that the kind's `propose` takes."""
        return nest((name, str(value)) for name, values in request.POST.lists() for value in values)

    def shown(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is live or was asked, as the fields of the form show it."""
        return raw

    def title(self, subject: Subject) -> str:
        """The page's heading."""
        raise NotImplementedError

    def crumb(self) -> str:
        """The page's name in the trail above it."""
        raise NotImplementedError

    def offers(self, subject: Subject, form: Form, proposal: Outcome) -> Mapping[str, Any]:
        """What the template needs besides the form: choices, what is offered from the catalog."""
        return {}


@dataclass(frozen=True)
class Page:
    """One request to one editor: who asks for what, what is live, and which change is edited, if any."""

    request: HttpRequest
    editor: Editor
    subject: Subject
    current: Current
    change: ChangeRequest | None

    @classmethod
    def open(cls, request: HttpRequest, editor: Editor, cluster: str, namespace: str, service: str) -> Page:
        """Raises Http404 for what the reader may not see, PermissionDenied for what they may not change."""
        require(cast(PersonRequest, request).user, Verb.OPERATE, Scope(cluster, namespace))
        subject = Subject(get_object_or_404(Cluster, name=cluster), namespace, service)
        try:
            current = kind_named(editor.kind).current(subject)
        except SubjectUnknown:
            raise Http404 from None
        return cls(request, editor, subject, current, _edited(request, editor.kind, subject))

    def form(self, raw: Mapping[str, Any], problems: Sequence[Problem] = (), *, base: str = "", focus: str = "") -> Form:
        """The form with `raw` in it, and everything else that was typed."""
        data = self.request.POST
        asked = {"reason": self.change.reason, "ticket": self.change.ticket} if self.change else {}
        return Form(
            raw=raw,
            current=self.current,
            base=base or data.get("base", "") or self.current.base,
            reason=data.get("reason", asked.get("reason", "")),
            ticket=data.get("ticket", asked.get("ticket", "")),
            problems=problems,
            focus=focus,
            confirmed=frozenset(data.getlist("confirm")),
        )

    def proposal(self, raw: Mapping[str, Any]) -> Proposal | list[Problem]:
        try:
            return services.propose(self.editor.kind, self.subject, raw, by=cast(PersonRequest, self.request).user)
        except services.Invalid as error:
            return error.problems

    def show(self, form: Form, proposal: Outcome = None, *, status: int = 200) -> HttpResponse:
        context = self._context(form, proposal) | {"silent_since": silent_since(self.subject.cluster, timezone.now())}
        return render(self.request, self.editor.template, context, status=status)

    def show_preview(self, form: Form, proposal: Outcome) -> HttpResponse:
        return render(self.request, self.editor.preview_template, self._context(form, proposal))

    def _context(self, form: Form, proposal: Outcome) -> dict[str, Any]:
        subject, kind, app = self.subject, self.editor.kind, self.editor.app
        place = [subject.cluster.name, subject.namespace, subject.service]
        plan: PlanView | None = None
        if isinstance(proposal, Proposal):
            plan = view_of(kind, proposal.intent, proposal.plan, proposal.findings, proposal.risk, self.current.per_second)
        warned = [note for note in plan.findings if note.severity is Severity.WARNING] if plan else []
        return {
            "section": "services",
            "subject": subject,
            "title": self.editor.title(subject),
            "crumb": self.editor.crumb(),
            "address": reverse(f"{app}:{kind}", args=place),
            "preview_address": reverse(f"{app}:{kind}-preview", args=place),
            "form": form,
            "plan": plan,
            "warned": warned,
            "warned_codes": ",".join(sorted({note.code for note in warned})),
            "unusable": proposal if isinstance(proposal, list) else [],
            "change": self.change,
            "under_way": open_changes_of(*_place(subject)).exclude(pk=self.change.pk if self.change else 0),
            **self.editor.offers(subject, form, proposal),
        }


def patterns(editor: Editor) -> list[URLPattern]:
    """The two addresses of a policy: the form and its preview."""
    place = f"{editor.folder or editor.kind}/<slug:cluster>/<slug:namespace>/<slug:service>/"
    arguments = {"editor": editor}
    return [
        path(place, edit, arguments, name=editor.kind),
        path(f"{place}preview/", preview, arguments, name=f"{editor.kind}-preview"),
    ]


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, editor: Editor, cluster: str, namespace: str, service: str) -> HttpResponse:
    """Show the form with what is live; do what its button says."""
    page = Page.open(request, editor, cluster, namespace, service)
    if request.method != "POST":
        if page.change and page.change.status not in EDITABLE:
            values = {"change": page.change.label, "status": page.change.get_status_display()}
            messages.info(request, _("%(change)s can no longer be edited: %(status)s.") % values)
            return SeeOther(reverse("changes:detail", args=[page.change.pk]))
        raw = kind_named(editor.kind).raw_of(current_revision(page.change).intent) if page.change else page.current.raw
        # what is only suggested does something as it stands, so it is shown at once
        proposal = page.proposal(raw) if page.current.suggested and not page.current.blocked else None
        return page.show(page.form(editor.shown(raw)), proposal)
    raw, action = editor.raw_of_post(request), request.POST.get("action", "")
    if is_structural(action):
        raw, focus = restructure(raw, action)
        return page.show(page.form(raw, focus=focus), page.proposal(raw))
    if action == "preview":
        proposal = page.proposal(raw)
        problems = proposal if isinstance(proposal, list) else []
        return page.show(page.form(raw, problems), proposal, status=422 if problems else 200)
    return _save(page, raw)


@require_POST
def preview(request: HttpRequest, editor: Editor, cluster: str, namespace: str, service: str) -> HttpResponse:
    """The preview alone, for htmx. Nothing is saved, nothing is asked of the cluster."""
    page = Page.open(request, editor, cluster, namespace, service)
    raw = editor.raw_of_post(request)
    proposal = page.proposal(raw)
    return page.show_preview(page.form(raw, proposal if isinstance(proposal, list) else []), proposal)


def _edited(request: HttpRequest, kind: str, subject: Subject) -> ChangeRequest | None:
    """The change whose plan is to be replaced, None for a new one. Raises Http404 for one that is not of this service."""
    given = request.POST.get("change") or request.GET.get("change")
    if not given:
        return None
    change = change_for(cast(PersonRequest, request).user, int(given)) if given.isascii() and given.isdecimal() else None
    if change is None or Subject(change.cluster, change.namespace, change.service) != subject or change.kind != kind:
        raise Http404
    return change


def _place(subject: Subject) -> tuple[Cluster, str, str]:
    return subject.cluster, subject.namespace, subject.service


def _save(page: Page, raw: Raw) -> HttpResponse:
    request = cast(PersonRequest, page.request)
    data, now, by, via = request.POST, timezone.now(), request.user, AuditEvent.Via.PAGE
    texts = {"reason": data.get("reason", ""), "ticket": data.get("ticket", ""), "base": data.get("base", "")}
    ticked = data.getlist("confirm")
    try:
        if page.change:
            change = services.revise(page.change, raw, by=by, via=via, now=now, confirm=ticked, **texts)
        else:
            change = services.draft(page.editor.kind, page.subject, raw, by=by, via=via, now=now, confirm=ticked, **texts)
        if data.get("action") != "draft" and change.status == Status.DRAFT:
            services.submit(change, by=by, via=via, now=now)
    except services.AlreadyAsked as error:
        messages.info(request, _("%(change)s asks for exactly this already.") % {"change": error.change.label})
        return SeeOther(reverse("changes:detail", args=[error.change.pk]))
    except services.IllegalTransition as error:
        return page.show(page.form(raw, [Problem("", str(error))]), page.proposal(raw), status=409)
    except services.Invalid as error:
        return page.show(page.form(raw, error.problems), page.proposal(raw), status=422)
    except services.Stale as stale:
        sentence = _("The mesh has changed since you opened this form. Below is the difference from what is live now.")
        form = page.form(raw, [Problem("", sentence)], base=stale.proposal.base)
        return page.show(form, stale.proposal, status=409)
    messages.success(request, _("Saved as a draft.") if change.status == Status.DRAFT else _("Submitted for review."))
    return SeeOther(reverse("changes:detail", args=[change.pk]))
