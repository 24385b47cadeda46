"""Routes of a service as a kind of change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.urls import reverse

from meshportal.changes.kinds import Current, Problem, Proposal, Subject
from meshportal.mesh.findings import Finding
from meshportal.mesh.plans import FieldChange, Plan, PlanItem
from meshportal.mesh.refs import VIRTUAL_SERVICE, ServiceRef
from meshportal.mesh.routes.comparing import assess, compare, remarks
from meshportal.mesh.routes.keeping import kept
from meshportal.mesh.routes.live import RoutesLive, new_ref
from meshportal.mesh.routes.places import field_of
from meshportal.mesh.routes.reading import proposed, read
from meshportal.mesh.routes.rendering import base_of, render
from meshportal.mesh.routes.typed import parse
from meshportal.mesh.rules import analyse_plan
from meshportal.mesh.traffic import NotEditable, Pods
from meshportal.policies.findings import sentence
from meshportal.policies.live import Live, live_of
from meshportal.policies.routes import errors, sentences, words
from meshportal.policies.titles import titles


class Routes:
    """`raw` is {"routes": [rule, …]} in the order in which they are tried; docs/routes.md names every field. The intent is the
    same, complete and as text, and the service it is about."""

    name = "routes"

    def propose(self, subject: Subject, raw: Mapping[str, Any]) -> Proposal | list[Problem]:
        around = live_of(subject)
        live = routes_live(around)
        intent = parse(raw, live)
        if isinstance(intent, list):
            return [Problem(error.field, errors.error_sentence(error)) for error in intent]
        plan = render(intent, live)
        before = read(live)["routes"]
        compared = compare(intent.routes, before)
        findings = [_in_form(finding, plan) for finding in (*remarks(plan, live), *analyse_plan(around.facts, plan))]
        return Proposal(
            intent={"namespace": subject.namespace, "service": subject.service, "domain": live.domain, **intent.raw},
            plan=plan,
            titles=titles(lambda: words.title(subject.service, compared, bool(before))),
            findings=findings,
            risk=assess(compared, before, plan),
            live_base=base_of(live),
        )

    def current(self, subject: Subject) -> Current:
        around = live_of(subject)
        live = routes_live(around)
        try:
            return Current(proposed(live), base_of(live), kept=kept(live), per_second=around.per_second)
        except NotEditable as error:
            return Current({"routes": []}, "", blocked=errors.not_editable(error.code, ", ".join(error.names)))

    def raw_of(self, intent: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"routes": list(intent["routes"])}

    def form_address(self, subject: Subject) -> str:
        return reverse("policies:routes", args=[subject.cluster.name, subject.namespace, subject.service])

    def plain_words(self, intent: Mapping[str, Any], plan: Plan, per_second: float | None) -> list[str]:
        service = ServiceRef(intent["namespace"], intent["service"])
        live = RoutesLive(service, (before,) if (before := _routes(plan).before) else (), domain=intent["domain"])
        compared = compare(intent["routes"], read(live)["routes"])
        return sentences.plain_words(service.name, intent["routes"], compared, plan)

    def field_label(self, change: FieldChange, before: Any, after: Any) -> str:
        return words.field_label(change)

    def field_text(self, path: str, value: Any) -> str:
        return words.field_text(path, value)

    def sentence(self, finding: Finding) -> tuple[str, str]:
        return words.remark(finding) or sentence(finding)


def routes_live(around: Live) -> RoutesLive:
    """What is live around a service, as far as its routes are concerned."""
    live = RoutesLive(
        service=around.service,
        virtual_services=around.virtual_services,
        destination_rules=around.destination_rules,
        pods={version.version: Pods(version.pods_ready, version.pods_total) for version in around.now.versions},
        domain=around.facts.domain,
    )
    taken = not around.virtual_services and around.facts.get(new_ref(live)) is not None
    return replace(live, taken=taken)


def _routes(plan: Plan) -> PlanItem:
    return next(item for item in plan.items if item.ref.kind == VIRTUAL_SERVICE)


def _in_form(finding: Finding, plan: Plan) -> Finding:
    """A finding of the mesh's rules beside the field that it is about."""
    if finding.ref != _routes(plan).ref:
        return finding
    return replace(finding, field=field_of(finding.path))
