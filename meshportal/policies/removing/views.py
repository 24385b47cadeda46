"""The page that takes a service's policy away: a tick for each object, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from meshportal.changes.kinds import Subject
from meshportal.mesh.plans import other_managers
from meshportal.mesh.refs import Manifest, ref_of
from meshportal.mesh.removing import WHOLE, holdings
from meshportal.policies.editing import Editor, Outcome
from meshportal.policies.formkit import Form
from meshportal.policies.live import live_of
from meshportal.policies.nesting import Raw
from meshportal.policies.removing.words import summary

MANAGER = "meshportal"


@dataclass(frozen=True)
class Choice:
    """One object that could go. `managers` are others who write it: (name, time of their last write)."""

    name: str
    summary: str
    ticked: bool
    managers: list[tuple[str, str]]


class RemovalEditor(Editor):
    kind = "removal"
    template = "policies/removing/edit.html"

    def raw_of_post(self, request: HttpRequest) -> Raw:
        return {"objects": request.POST.getlist("objects")}

    def title(self, subject: Subject) -> str:
        return _("Remove the policy of %(service)s") % {"service": subject.service}

    def crumb(self) -> str:
        return _("Remove policy")

    def offers(self, subject: Subject, form: Form, proposal: Outcome) -> Mapping[str, Any]:
        live = live_of(subject)
        ticked = set(form.raw.get("objects") or [])
        choices = [_choice(manifest, ticked) for manifest in holdings(live.facts, live.service).objects]
        return {"choices": choices}


def _choice(manifest: Manifest, ticked: set[str]) -> Choice:
    name = str(ref_of(manifest))
    return Choice(name, summary(manifest), name in ticked, other_managers(manifest, WHOLE, MANAGER))
