"""Findings of a live mesh, for pipelines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Router, Schema

from meshportal.accounts.permissions import visible_namespaces
from meshportal.api.auth import caller
from meshportal.clusters.queries import cluster_named
from meshportal.mesh.findings import Severity
from meshportal.policies.mesh_findings import Remark, look

router = Router(tags=["diagnostics"])


class ObjectOut(Schema):
    """One object of the cluster, in the version that was judged."""

    kind: str
    namespace: str
    name: str
    resource_version: str


class FindingOut(Schema):
    """One remark of a rule. `object` is null for one about the whole mesh; `path` is the field in the object."""

    code: str
    severity: Severity
    sentence: str
    remedy: str
    object: ObjectOut | None
    path: str


class FindingsOut(Schema):
    """Worst first. `observed_at` is null before an observer has looked: nothing is known then, which is not “nothing found”.
    `stale`: the observer is silent, so what is live now is unknown."""

    mesh: str
    observed_at: datetime | None
    stale: bool
    findings: list[FindingOut]


def finding_out(remark: Remark) -> dict[str, Any]:
    ref = remark.ref
    place = ref and {
        "kind": ref.kind.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "resource_version": remark.resource_version,
    }
    names = ("code", "severity", "sentence", "remedy", "path")
    return {name: getattr(remark, name) for name in names} | {"object": place}


@router.get("/meshes/{mesh}/findings", response=FindingsOut, summary="What rules say of a live mesh")
def findings(request: HttpRequest, mesh: str, namespace: str = "", severity: Severity | None = None) -> dict[str, Any]:
    person, cluster = caller(request), cluster_named(mesh)
    if cluster is None or not visible_namespaces(person, mesh):
        raise Http404
    looked = look(person, cluster, timezone.now(), namespace=namespace, severity=severity or "")
    return {
        "mesh": cluster.name,
        "observed_at": looked.observed_at,
        "stale": looked.stale,
        "findings": [finding_out(remark) for remark in looked.remarks],
    }
