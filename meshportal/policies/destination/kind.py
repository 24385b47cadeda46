"""How requests reach a service as a kind of change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.urls import reverse

from meshportal.changes.kinds import Current, Problem, Proposal, Subject
from meshportal.mesh.destinations.live import DestinationLive, NotEditable, destination_live
from meshportal.mesh.destinations.reading import kept, read
from meshportal.mesh.destinations.remarks import analyse, assess, field_of
from meshportal.mesh.destinations.rendering import DestinationIntent, render
from meshportal.mesh.destinations.typed import typed
from meshportal.mesh.findings import Finding
from meshportal.mesh.plans import FieldChange, Plan
from meshportal.mesh.rules import analyse_plan
from meshportal.policies.destination import labels, words
from meshportal.policies.destination.errors import error_sentence
from meshportal.policies.live import live_of
from meshportal.policies.titles import titles

PLACE = ("namespace", "service")


class Destination:
    """`raw` has the groups subsets, load_balancer, warmup, locality, connection_pool and outlier_detection (docs/destination.md);
    the intent is the whole of it, normalised, and the service it is about."""

    name = "destination"

    def propose(self, subject: Subject, raw: Mapping[str, Any]) -> Proposal | list[Problem]:
        found = live_of(subject)
        live = destination_live(found.service, found.facts)
        try:
            rule = live.rule
        except NotEditable as error:
            return [Problem("", words.not_editable(error.code, ", ".join(error.names)))]
        asked = typed(raw, rule, live.facts.istio_version)
        if isinstance(asked, list):
            return [Problem(error.field, error_sentence(error)) for error in asked]
        plan = render(DestinationIntent(live.service, asked), live)
        findings = remarks(live, plan)
        after, now = read(plan.items[0].after), read(rule)
        return Proposal(
            intent={"namespace": subject.namespace, "service": subject.service, **asked},
            plan=plan,
            titles=titles(lambda: words.title(subject.service, after, now)),
            findings=findings,
            risk=assess(plan, findings),
        )

    def current(self, subject: Subject) -> Current:
        found = live_of(subject)
        live = destination_live(found.service, found.facts)
        try:
            rule = live.rule
        except NotEditable as error:
            return Current(read(None), "", blocked=words.not_editable(error.code, ", ".join(error.names)))
        raw = read(rule)
        base = render(DestinationIntent(live.service, raw), live).base
        return Current(raw, base, kept=kept(rule), per_second=found.per_second)

    def raw_of(self, intent: Mapping[str, Any]) -> Mapping[str, Any]:
        return {key: value for key, value in intent.items() if key not in PLACE}

    def form_address(self, subject: Subject) -> str:
        return reverse("policies:destination", args=[subject.cluster.name, subject.namespace, subject.service])

    def plain_words(self, intent: Mapping[str, Any], plan: Plan, per_second: float | None) -> list[str]:
        return words.plain_words(plan)

    def field_label(self, change: FieldChange, before: Any, after: Any) -> str:
        return labels.field_label(change, before, after)

    def field_text(self, path: str, value: Any) -> str:
        return labels.field_text(path, value)

    def sentence(self, finding: Finding) -> tuple[str, str]:
        return words.finding_sentence(finding)


def remarks(live: DestinationLive, plan: Plan) -> list[Finding]:
    """What this form says about a plan, and what the rules of the mesh say, beside the fields that they are about."""
    own = analyse(live, plan)
    return [*own, *(_in_form(finding, live) for finding in analyse_plan(live.facts, plan))]


def _in_form(finding: Finding, live: DestinationLive) -> Finding:
    if finding.ref == live.ref:
        return replace(finding, field=field_of(finding.path))
    # a route that loses its subset: the rule speaks of the route, the form has the subset
    return replace(finding, field="subsets" if finding.code == "KIA1107" else "")
