"""Policies as pipelines read them, and what a change would do before anybody asks for it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Schema

from meshportal.accounts.permissions import Scope, Verb, can
from meshportal.api.asking import NO_SUCH_SERVICE, Wanted, raw_of, subject_of
from meshportal.api.auth import caller
from meshportal.catalog import queries
from meshportal.changes import services
from meshportal.changes.kinds import Proposal, Subject, SubjectUnknown, kind_named
from meshportal.changes.presenting import PlanView, view_of
from meshportal.clusters.queries import cluster_named
from meshportal.mesh.effective import effective, subsets_of
from meshportal.mesh.refs import ServiceRef

router = Router(tags=["policies"])


class CurrentOut(Schema):
    """`spec` is what POST /changes takes (`weights` for kind traffic), `kept` are live fields it cannot show, `blocked` is why
    nothing can be asked, "" if something can."""

    kind: str
    spec: dict[str, Any]
    base: str
    kept: list[str]
    blocked: str


class FindingOut(Schema):
    code: str
    severity: str
    field: str
    object: str
    path: str
    sentence: str
    remedy: str


class FieldOut(Schema):
    """null is “not set”."""

    label: str
    path: str
    before: str | None
    after: str | None


class ObjectOut(Schema):
    object: str
    diff: str
    command: str


class PreviewOut(Schema):
    title: str
    words: list[str]
    risk: str
    risk_reasons: str
    base: str
    digest: str
    confirm: list[str]
    findings: list[FindingOut]
    fields: list[FieldOut]
    objects: list[ObjectOut]


class SettingOut(Schema):
    """One thing that applies. `object` is "" for Istio's default; `value` null is “nothing”. `clients` is the namespace of the
    callers it holds for, "" for all without one of their own; `change` is the portal's change that set it last, if one did."""

    topic: str
    value: Any
    object: str
    path: str
    route: int | None
    subset: str
    port: int | None
    clients: str
    set_by: str
    set_at: str
    change: int | None


class SubsetOut(Schema):
    """Pods are null where nobody knows them."""

    name: str
    labels: dict[str, str]
    object: str
    pods_ready: int | None
    pods_total: int | None


class EffectiveOut(Schema):
    settings: list[SettingOut]
    subsets: list[SubsetOut]


@router.get(
    "/services/{cluster}/{namespace}/{name}/effective", response=EffectiveOut, summary="What applies to a service, and from where"
)
def in_effect(request: HttpRequest, cluster: str, namespace: str, name: str) -> dict[str, Any]:
    found, ref = cluster_named(cluster), ServiceRef(namespace, name)
    if found is None or not can(caller(request), Verb.VIEW, Scope(cluster, namespace)):
        raise Http404
    snapshot = queries.latest(found)
    if snapshot is None or snapshot.service(namespace, name) is None:
        raise Http404
    facts = queries.facts(found)
    settings = [
        {
            **{name: getattr(one, name) for name in ("topic", "value", "path", "route", "subset", "port", "clients")},
            "object": str(one.ref or ""),
            "set_by": one.author.manager if one.author else "",
            "set_at": one.author.at if one.author else "",
            "change": one.author.change if one.author else None,
        }
        for one in effective(facts, ref)
    ]
    subsets = [
        {
            "name": one.name,
            "labels": one.labels,
            "object": str(one.ref),
            "pods_ready": one.ready if facts.whole else None,
            "pods_total": one.total if facts.whole else None,
        }
        for one in subsets_of(facts, ref)
    ]
    return {"settings": settings, "subsets": subsets}


@router.get(
    "/services/{cluster}/{namespace}/{name}/policies/{kind}", response=CurrentOut, summary="A policy as it is live, to be edited"
)
def current(request: HttpRequest, cluster: str, namespace: str, name: str, kind: str) -> dict[str, Any]:
    found = cluster_named(cluster)
    if found is None or not can(caller(request), Verb.VIEW, Scope(cluster, namespace)):
        raise Http404
    try:
        live = kind_named(kind).current(Subject(found, namespace, name))
    except (SubjectUnknown, KeyError):
        raise Http404 from None
    return {"kind": kind, "spec": dict(live.raw), "base": live.base, "kept": list(live.kept), "blocked": live.blocked}


@router.post("/changes/preview", response=PreviewOut, summary="What a change would do; nothing is saved")
def preview(request: HttpRequest, payload: Wanted) -> dict[str, Any]:
    subject, raw = subject_of(request, payload), raw_of(payload)
    try:
        proposal = services.propose(payload.kind, subject, raw, by=caller(request))
        per_second = kind_named(payload.kind).current(subject).per_second
    except SubjectUnknown:
        raise services.Invalid([NO_SUCH_SERVICE]) from None
    shown = view_of(payload.kind, proposal.intent, proposal.plan, proposal.findings, proposal.risk, per_second)
    return _preview_out(proposal, shown)


def _preview_out(proposal: Proposal, shown: PlanView) -> dict[str, Any]:
    findings = [
        {name: str(getattr(note, name)) for name in ("code", "severity", "field", "object", "path", "sentence", "remedy")}
        for note in shown.findings
    ]
    return {
        "title": proposal.titles["en"],
        "words": list(shown.words),
        "risk": proposal.risk.level if proposal.risk else "",
        "risk_reasons": shown.risk.reasons if shown.risk else "",
        "base": proposal.base,
        "digest": proposal.plan.digest,
        "confirm": sorted({note.code for note in shown.findings if note.severity == "warning"}),
        "findings": findings,
        "fields": [{name: getattr(row, name) for name in ("label", "path", "before", "after")} for row in shown.rows],
        "objects": [
            {"object": found.title, "diff": "\n".join(line.text for line in found.lines), "command": found.command}
            for found in shown.objects
        ],
    }
