"""Hosts that the ingress gateways of a mesh answer, for pipelines."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Schema

from meshportal.accounts.permissions import visible_namespaces
from meshportal.api.auth import caller
from meshportal.clusters.queries import cluster_named
from meshportal.policies.gateway.hosts import HostRow, host_rows

router = Router(tags=["gateways"])


class HostOut(Schema):
    """One host at one port of one Gateway, and where one path of it leads.

    `how` is prefix, exact, regex, any (every path), redirect (the port only sends to HTTPS), sni (TLS passed through), tcp, or
    nothing (no VirtualService answers). `services` are those you may see, `hidden_services` counts the others; `elsewhere` are
    hosts outside the mesh. `credential` is the name of a Secret, which nobody here reads. `change` is the portal's change that
    set it last.
    """

    host: str
    port: int
    protocol: str
    tls_mode: str
    credential: str
    gateway: str
    selector: str
    how: str
    path: str
    virtual_service: str
    services: list[str]
    hidden_services: int
    elsewhere: list[str]
    set_by: str
    change: int | None


@router.get("/meshes/{mesh}/hosts", response=list[HostOut], summary="Hosts exposed on ingress gateways, in your scope")
def hosts(request: HttpRequest, mesh: str) -> list[dict[str, Any]]:
    person, found = caller(request), cluster_named(mesh)
    if found is None or not visible_namespaces(person, mesh):
        raise Http404
    return [_out(row) for row in host_rows(found, person)]


def _out(row: HostRow) -> dict[str, Any]:
    names = ("host", "port", "protocol", "tls_mode", "credential", "selector", "how", "path")
    found = row.found
    return {
        **{name: getattr(found, name) for name in names},
        "gateway": f"{found.gateway.namespace}/{found.gateway.name}",
        "virtual_service": f"{found.virtual_service.namespace}/{found.virtual_service.name}" if found.virtual_service else "",
        "services": [str(service) for service in row.services],
        "hidden_services": row.hidden,
        "elsewhere": list(found.elsewhere),
        "set_by": found.author.manager if found.author else "",
        "change": row.change.pk if row.change else None,
    }
