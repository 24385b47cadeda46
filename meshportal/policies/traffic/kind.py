"""Traffic weights as a kind of change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from meshportal.catalog import queries
from meshportal.changes.kinds import Current, Problem, Proposal, Subject
from meshportal.mesh.facts import Facts
from meshportal.mesh.findings import Finding, Severity
from meshportal.mesh.plans import FieldChange, Plan
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rules import analyse_plan
from meshportal.mesh.traffic import NotEditable, TrafficIntent, live_weights, render, whole_percents
from meshportal.mesh.traffic_rules import analyse, assess, parse_weights
from meshportal.policies import findings as finding_words
from meshportal.policies.titles import titles
from meshportal.policies.traffic import words
from meshportal.policies.traffic.live import traffic_live


class Traffic:
    """`raw` is {"weights": {subset: percent}}; the intent is the same with whole numbers, and the service it is about."""

    name = "traffic"

    def propose(self, subject: Subject, raw: Mapping[str, Any]) -> Proposal | list[Problem]:
        live = traffic_live(subject)
        typed = raw.get("weights")
        if not isinstance(typed, Mapping):
            typed = {}
        intent, errors = parse_weights(typed, live)
        if intent is None:
            return [Problem(error.field, words.error_sentence(error)) for error in errors]
        plan = render(intent, live)
        findings = [*analyse(intent, live, plan), *_of_the_mesh(queries.facts(subject.cluster), plan)]
        return Proposal(
            intent={"namespace": subject.namespace, "service": subject.service, "weights": dict(intent.weights)},
            plan=plan,
            titles=titles(lambda: words.title(subject.service, intent.weights, live_weights(live) or {})),
            findings=findings,
            risk=assess(intent, live, findings),
        )

    def current(self, subject: Subject) -> Current:
        live = traffic_live(subject)
        try:
            weights = whole_percents(live_weights(live) or {})
            base = render(TrafficIntent(live.service, {}), live).base
        except NotEditable as error:
            return Current({"weights": {}}, "", blocked=words.not_editable(error.code, ", ".join(error.names)))
        return Current({"weights": weights}, base, per_second=live.per_second)

    def raw_of(self, intent: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"weights": dict(intent["weights"])}

    def form_address(self, subject: Subject) -> str:
        return reverse("policies:traffic", args=[subject.cluster.name, subject.namespace, subject.service])

    def plain_words(self, intent: Mapping[str, Any], plan: Plan, per_second: float | None) -> list[str]:
        service = ServiceRef(intent["namespace"], intent["service"])
        return words.plain_words(service.name, intent["weights"], plan, per_second)

    def field_label(self, change: FieldChange, before: Any, after: Any) -> str:
        return words.field_label(change, before, after)

    def field_text(self, path: str, value: Any) -> str:
        return words.field_text(path, value)

    def sentence(self, finding: Finding) -> tuple[str, str]:
        return finding_words.sentence(finding)


SAID_HERE = frozenset({"KIA0203", "MP0202"})
"""What the form says in its own words, beside the weight."""


def _of_the_mesh(facts: Facts, plan: Plan) -> list[Finding]:
    """What the rules over the whole mesh say of the plan, as far as it is of weight and new."""
    found = [finding for finding in analyse_plan(facts, plan) if finding.severity is not Severity.INFO]
    return [finding for finding in found if finding.code not in SAID_HERE]
