"""The page of all findings of a mesh."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from meshportal.accounts.permissions import visible_namespaces
from meshportal.accounts.requests import PersonRequest
from meshportal.clusters.queries import cluster_named
from meshportal.mesh.findings import Severity
from meshportal.mesh.snapshot import State
from meshportal.policies.mesh_findings import Remark, look

SHOWN = 300
STATES = {Severity.ERROR: State.FAIL, Severity.WARNING: State.WARN}


@dataclass(frozen=True)
class Group:
    """The remarks of one severity, by object; `state` is None for what only informs."""

    severity: Severity
    title: str
    state: State | None
    count: int
    objects: list[tuple[Remark, list[Remark]]]


@require_safe
def findings(request: HttpRequest, cluster: str) -> HttpResponse:
    """By severity, then by object; ?namespace= and ?severity= narrow it. Http404 for a mesh that the person may not see."""
    person = cast(PersonRequest, request).user
    mesh = cluster_named(cluster)
    if mesh is None or not visible_namespaces(person, cluster):
        raise Http404
    now = timezone.now()
    namespace, severity = request.GET.get("namespace", "")[:63], request.GET.get("severity", "")[:20]
    looked = look(person, mesh, now, namespace=namespace, severity=severity)
    context = {
        "section": "findings",
        "cluster": mesh.name,
        "looked": looked,
        "groups": grouped(looked.remarks[:SHOWN]),
        "left_out": max(0, len(looked.remarks) - SHOWN),
        "severities": [(name, title_of(name)) for name in Severity],
        "namespace": namespace,
        "severity": severity,
        "now": now,
    }
    return render(request, "diagnostics/findings.html", context)


def grouped(remarks: list[Remark]) -> list[Group]:
    groups = []
    for severity, same in groupby(remarks, key=lambda remark: remark.severity):
        found = list(same)
        objects = [
            (of_one[0], of_one) for of_one in (list(entry) for _ref, entry in groupby(found, key=lambda remark: remark.ref))
        ]
        groups.append(Group(severity, title_of(severity), STATES.get(severity), len(found), objects))
    return groups


def title_of(severity: Severity) -> str:
    titles = {Severity.ERROR: _("Errors"), Severity.WARNING: _("Warnings"), Severity.INFO: _("Good to know")}
    return titles[severity]
