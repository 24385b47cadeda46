"""Runbooks as pipelines read them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Schema

from meshportal.accounts.permissions import Scope, Verb, can
from meshportal.api.auth import caller
from meshportal.changes.kinds import Subject, SubjectUnknown
from meshportal.clusters.queries import cluster_named
from meshportal.policies.runbooks.traffic import run

router = Router(tags=["diagnostics"])


class LineOut(Schema):
    state: str
    sentence: str
    remedy: str
    code: str
    object: str
    path: str


class FixOut(Schema):
    """Send `kind` with `spec` (`weights` for kind traffic) to POST /changes to ask for it."""

    words: str
    kind: str
    spec: dict[str, Any]


class CheckOut(Schema):
    """`state` is OK, WARN, FAIL or UNKNOWN: no evidence, which is never OK."""

    code: str
    state: str
    question: str
    evidence: list[LineOut]
    fixes: list[FixOut]


class RunbookOut(Schema):
    observed_at: datetime
    checks: list[CheckOut]


@router.get(
    "/services/{cluster}/{namespace}/{name}/runbooks/traffic", response=RunbookOut, summary="Why traffic of a service goes wrong"
)
def traffic(request: HttpRequest, cluster: str, namespace: str, name: str) -> dict[str, Any]:
    found = cluster_named(cluster)
    if found is None or not can(caller(request), Verb.VIEW, Scope(cluster, namespace)):
        raise Http404
    try:
        runbook = run(Subject(found, namespace, name))
    except SubjectUnknown:
        raise Http404 from None
    checks = [
        {
            "code": answer.code,
            "state": answer.state,
            "question": answer.question,
            "evidence": [{field: str(getattr(line, field)) for field in LineOut.model_fields} for line in answer.lines],
            "fixes": [{"words": offer.words, "kind": offer.kind, "spec": dict(offer.raw)} for offer in answer.offers],
        }
        for answer in runbook.answers
    ]
    return {"observed_at": runbook.observed_at, "checks": checks}
