"""The page for traffic weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from meshportal.changes.kinds import Subject
from meshportal.policies.editing import Editor, Outcome
from meshportal.policies.formkit import Form
from meshportal.policies.nesting import Raw
from meshportal.policies.traffic.forms import total, weight_rows, weights_in
from meshportal.policies.traffic.live import traffic_live


class TrafficEditor(Editor):
    """Fields are weight_SUBSET: names of subsets may hold what a path may not."""

    kind = "traffic"
    template = "policies/traffic/edit.html"
    preview_template = "policies/traffic/_preview.html"

    def raw_of_post(self, request: HttpRequest) -> Raw:
        return {"weights": weights_in({key: str(value) for key, value in request.POST.items()})}

    def title(self, subject: Subject) -> str:
        return _("Change traffic for %(service)s") % {"service": subject.service}

    def crumb(self) -> str:
        return _("Change traffic")

    def offers(self, subject: Subject, form: Form, proposal: Outcome) -> Mapping[str, Any]:
        rows = weight_rows(traffic_live(subject), form)
        return {"rows": rows, "total": total(rows)}
