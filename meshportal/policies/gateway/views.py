"""The page that opens a way to a service from outside, and the list of all such ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from meshportal.accounts.permissions import visible_namespaces
from meshportal.accounts.requests import PersonRequest
from meshportal.catalog import queries
from meshportal.changes.kinds import Subject
from meshportal.clusters.models import Cluster
from meshportal.mesh.facts import Facts
from meshportal.mesh.gateways.binding import TLS_PROTOCOLS, port_of, servers_of, workloads
from meshportal.mesh.gateways.defaults import with_defaults
from meshportal.mesh.gateways.typed import FIELDS
from meshportal.mesh.refs import GATEWAY, ServiceRef
from meshportal.policies.editing import Editor, Outcome
from meshportal.policies.formkit import Form, Row
from meshportal.policies.freshness import silent_since
from meshportal.policies.gateway.hosts import host_rows
from meshportal.policies.live import live_of
from meshportal.policies.nesting import Raw

Options = list[tuple[str, str]]


@dataclass(frozen=True)
class ExposureRow:
    """One row of the form. `at` are the paths of its fields by name, `paths` the rows of its list of paths; `secure` is whether
    its protocol takes a certificate."""

    row: Row
    at: Mapping[str, str]
    paths: list[Row]
    is_new: bool
    secure: bool


class GatewayEditor(Editor):
    kind = "gateway"
    template = "policies/gateway/edit.html"

    def raw_of_post(self, request: HttpRequest) -> Raw:
        """The rows alone: what stands beside them on the page is not the form's."""
        raw = super().raw_of_post(request)
        return {"exposures": raw.get("exposures", [])}

    def title(self, subject: Subject) -> str:
        return _("Expose %(service)s on a gateway") % {"service": subject.service}

    def crumb(self) -> str:
        return _("Gateways")

    def offers(self, subject: Subject, form: Form, proposal: Outcome) -> Mapping[str, Any]:
        live = live_of(subject)
        form = replace(form, raw=_filled(form.raw, live.facts, live.service))
        return {
            "form": form,
            "exposures": [_row(form, row) for row in form.rows("exposures")],
            "gateways": _gateways(live.facts),
            "workloads": _workloads(live.facts),
            "protocols": [("HTTP", "HTTP"), ("HTTPS", "HTTPS")],
            "modes": [
                ("SIMPLE", _("SIMPLE: the gateway shows a certificate")),
                ("MUTUAL", _("MUTUAL: callers show one too")),
            ],
            "hows": [("prefix", _("starts with")), ("exact", _("is exactly"))],
            "ports": _ports(live.facts, live.service),
            "whole": live.facts.whole,
        }


def _filled(raw: Mapping[str, Any], facts: Facts, service: ServiceRef) -> dict[str, Any]:
    """New rows with what they start from, as the validator fills it in."""
    rows = raw.get("exposures")
    if not isinstance(rows, list):
        return dict(raw)
    shown = [with_defaults(row, facts, service) if isinstance(row, Mapping) and not row.get("origin") else row for row in rows]
    return {**raw, "exposures": shown}


def _row(form: Form, row: Row) -> ExposureRow:
    return ExposureRow(
        row=row,
        at={name: f"{row.path}.{name}" for name in ("origin", "paths", *FIELDS)},
        paths=form.rows(f"{row.path}.paths"),
        is_new=not form.value(f"{row.path}.origin"),
        secure=form.value(f"{row.path}.protocol").upper() in TLS_PROTOCOLS,
    )


def _gateways(facts: Facts) -> Options:
    """The Gateways that are there, with their ports, and a new one."""
    options: Options = [("", _("a new Gateway"))]
    for gateway in facts.of(GATEWAY):
        name = f"{gateway['metadata'].get('namespace', '')}/{gateway['metadata']['name']}"
        ports = ", ".join(str(port) for port in sorted({port_of(server) for server in servers_of(gateway)}))
        options.append((name, _("%(name)s (ports %(ports)s)") % {"name": name, "ports": ports}))
    return options


def _workloads(facts: Facts) -> Options:
    return [
        (
            found.labels,
            _("%(labels)s in %(namespace)s (%(ready)d of %(total)d pods ready)")
            % {"labels": found.labels, "namespace": found.namespace, "ready": found.ready, "total": found.total},
        )
        for found in workloads(facts)
    ]


def _ports(facts: Facts, service: ServiceRef) -> Options:
    known = facts.service(service)
    return [(str(port.number), f"{port.number} {port.name}".strip()) for port in known.ports] if known else []


@require_safe
def hosts(request: HttpRequest, cluster: str) -> HttpResponse:
    """Every host that the gateways of a mesh answer, in the reader's scope."""
    person = cast(PersonRequest, request).user
    if not visible_namespaces(person, cluster):
        raise Http404
    mesh = get_object_or_404(Cluster, name=cluster)
    context = {
        "section": "services",
        "cluster": mesh.name,
        "rows": host_rows(mesh, person),
        "snapshot": queries.latest(mesh),
        "silent_since": silent_since(mesh, timezone.now()),
    }
    return render(request, "policies/gateway/hosts.html", context)
