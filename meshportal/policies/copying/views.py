"""The page that copies a policy: from which service, which of its objects, and what becomes of them here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from meshportal.accounts.requests import PersonRequest
from meshportal.changes.kinds import Subject
from meshportal.mesh.copying import Side, live_base
from meshportal.mesh.refs import ref_of
from meshportal.policies import editing
from meshportal.policies.copying.sources import as_text, from_text, offered, visible
from meshportal.policies.copying.words import summary
from meshportal.policies.editing import Editor, Outcome
from meshportal.policies.formkit import Form
from meshportal.policies.live import live_of
from meshportal.policies.nesting import Raw


@dataclass(frozen=True)
class Choice:
    """One object of the source."""

    name: str
    summary: str
    ticked: bool


class CopyEditor(Editor):
    """One request's editor: what is offered depends on who asks. `seen` is the source whose objects the page has listed."""

    kind = "copy"
    template = "policies/copying/edit.html"
    preview_template = "policies/copying/_preview.html"

    def __init__(self, request: HttpRequest) -> None:
        self.person = cast(PersonRequest, request).user
        self.seen = request.POST.get("seen", "")

    def raw_of_post(self, request: HttpRequest) -> Raw:
        """Another source than the one whose objects were on the page starts with all of its objects, to look at; saved is only
        what somebody has seen."""
        raw: Raw = {"from": from_text(request.POST.get("from", "")), "objects": request.POST.getlist("objects")}
        if as_text(raw) != self.seen:
            source = visible(raw, self.person)
            saving = request.POST.get("action") in {"submit", "draft"}
            raw["objects"] = [str(ref_of(manifest)) for manifest in source.objects] if source and not saving else []
        return raw

    def title(self, subject: Subject) -> str:
        return _("Copy a policy to %(service)s") % {"service": subject.service}

    def crumb(self) -> str:
        return _("Copy policy")

    def offers(self, subject: Subject, form: Form, proposal: Outcome) -> Mapping[str, Any]:
        chosen = as_text(form.raw)
        source = visible(form.raw, self.person)
        ticked = set(form.raw.get("objects") or [])
        objects = source.objects if source else ()
        return {
            "sources": offered(self.person, subject),
            "chosen": chosen,
            "choices": [Choice(str(ref_of(one)), summary(one), str(ref_of(one)) in ticked) for one in objects],
            "looked_at": form.base if chosen == self.seen else _base(source.side if source else None, subject),
            "another": chosen != self.seen,
        }


def _base(source: Side | None, subject: Subject) -> str:
    if source is None:
        return ""
    live = live_of(subject)
    return live_base(source, Side(live.service, live.facts))


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, cluster: str, namespace: str, service: str) -> HttpResponse:
    return editing.edit(request, editor=CopyEditor(request), cluster=cluster, namespace=namespace, service=service)


@require_POST
def preview(request: HttpRequest, cluster: str, namespace: str, service: str) -> HttpResponse:
    return editing.preview(request, editor=CopyEditor(request), cluster=cluster, namespace=namespace, service=service)


def patterns() -> list[URLPattern]:
    place = "copy/<slug:cluster>/<slug:namespace>/<slug:service>/"
    return [path(place, edit, name="copy"), path(f"{place}preview/", preview, name="copy-preview")]
