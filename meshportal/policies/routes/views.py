"""The page for the routes of a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from meshportal.changes.kinds import Subject
from meshportal.mesh.routes.comparing import other_hosts
from meshportal.mesh.routes.live import RoutesLive, offered_subsets, there_subsets
from meshportal.mesh.traffic import TrafficLive, pods_of
from meshportal.policies.editing import Editor, Outcome
from meshportal.policies.formkit import Form
from meshportal.policies.live import live_of
from meshportal.policies.nesting import Raw
from meshportal.policies.routes import choices
from meshportal.policies.routes.kind import routes_live


class RoutesEditor(Editor):
    kind = "routes"
    template = "policies/routes/edit.html"

    def raw_of_post(self, request: HttpRequest) -> Raw:
        """Only the rules: the other fields of the page are not the kind's."""
        return {name: value for name, value in super().raw_of_post(request).items() if name == "routes"}

    def title(self, subject: Subject) -> str:
        return _("Routes of %(service)s") % {"service": subject.service}

    def crumb(self) -> str:
        return _("Routes")

    def offers(self, subject: Subject, form: Form, proposal: Outcome) -> Mapping[str, Any]:
        around = live_of(subject)
        live = routes_live(around)
        service = around.facts.service(around.service)
        return {
            "rules": [choices.rule_of(form, row, subject.service, _subsets(live)) for row in form.rows("routes")],
            "new": not live.virtual_services,
            "others": ", ".join(other_hosts(live)),
            "ports": ", ".join(str(port.number) for port in service.ports) if service and len(service.ports) > 1 else "",
            "path_hows": choices.path_hows(),
            "methods": choices.methods(),
            "method_hows": choices.method_hows(),
            "codes": choices.codes(),
        }


def _subsets(live: RoutesLive) -> list[tuple[str, str]]:
    """Subsets to choose from, with how many of their pods are ready."""
    around = TrafficLive(live.service, destination_rules=live.destination_rules, pods=live.pods)
    there = there_subsets(live)
    return [("", _("any pod")), *((name, _offer(name, around, name in there)) for name in offered_subsets(live))]


def _offer(name: str, around: TrafficLive, there: bool) -> str:
    pods = pods_of(around, name)
    values = {"subset": name, "ready": pods.ready, "total": pods.total}
    if pods.ready is None or pods.total is None:
        return name if there else _("%(subset)s, new") % values
    return (_("%(subset)s (%(ready)d/%(total)d)") if there else _("%(subset)s, new (%(ready)d/%(total)d)")) % values
