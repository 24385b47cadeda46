"""A canary as a kind of change: reviewed once, then it walks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.urls import reverse

from meshportal.changes.kinds import Current, Problem, Proposal, Subject
from meshportal.changes.models import ChangeRequest, Status
from meshportal.changes.queries import current_revision
from meshportal.mesh.findings import Finding
from meshportal.mesh.plans import FieldChange, Plan
from meshportal.mesh.rollouts.asking import EVEN, asked, raw_of
from meshportal.mesh.rollouts.spec import Spec, ladder
from meshportal.mesh.rollouts.starting import assess, base_of, elsewhere, first_spec, plan_of, remarks
from meshportal.mesh.rules import analyse_plan
from meshportal.mesh.traffic import NotEditable, editable_route, subset_labels
from meshportal.policies.live import live_of
from meshportal.policies.titles import titles
from meshportal.policies.traffic import words as traffic
from meshportal.policies.traffic.live import traffic_live
from meshportal.rollouts import asking_words as words
from meshportal.rollouts import services


class RolloutKind:
    """`raw` is what docs/rollouts.md lists; the intent is the canary in whole ("spec"), and the service it is about."""

    name = "rollout"

    def propose(self, subject: Subject, raw: Mapping[str, Any]) -> Proposal | list[Problem]:
        live = traffic_live(subject)
        try:
            editable_route(live)
        except NotEditable as error:
            return [Problem("", traffic.not_editable(error.code, ", ".join(error.names)))]
        spec = asked(raw, live.service, list(subset_labels(live)))
        if isinstance(spec, list):
            return [Problem(error.field, words.error_sentence(error)) for error in spec]
        if others := elsewhere(spec, live):
            return [Problem("baseline", words.others_get_traffic(others))]
        plan = plan_of(spec, live)
        return Proposal(
            intent={"namespace": subject.namespace, "service": subject.service, "spec": spec.to_json()},
            plan=plan,
            titles=titles(lambda: words.title(spec)),
            findings=[*remarks(spec, live, plan), *_of_rules(subject, plan)],
            risk=assess(spec, live),
        )

    def current(self, subject: Subject) -> Current:
        live = traffic_live(subject)
        try:
            spec, base = first_spec(live), base_of(live)
        except NotEditable as error:
            return Current({}, "", blocked=traffic.not_editable(error.code, ", ".join(error.names)), suggested=True)
        blocked = "" if spec.canary else words.one_version(spec.baseline)
        return Current(raw_of(spec, EVEN), base, blocked=blocked, per_second=live.per_second, suggested=True)

    def raw_of(self, intent: Mapping[str, Any]) -> Mapping[str, Any]:
        spec = Spec.from_json(dict(intent["spec"]))
        return raw_of(spec, EVEN if _is_even(spec) else "listed")

    def form_address(self, subject: Subject) -> str:
        return reverse("rollouts:rollout", args=[subject.cluster.name, subject.namespace, subject.service])

    def plain_words(self, intent: Mapping[str, Any], plan: Plan, per_second: float | None) -> list[str]:
        return words.plain_words(Spec.from_json(dict(intent["spec"])), plan, per_second)

    def field_label(self, change: FieldChange, before: Any, after: Any) -> str:
        return traffic.field_label(change, before, after)

    def field_text(self, path: str, value: Any) -> str:
        return traffic.field_text(path, value)

    def sentence(self, finding: Finding) -> tuple[str, str]:
        return words.finding_sentence(finding)

    def applied(self, change: ChangeRequest, *, now: datetime) -> Status:
        """The objects stand, the baseline has everything: from here on it walks."""
        spec = Spec.from_json(dict(current_revision(change).intent["spec"]))
        services.start(change, spec, now=now)
        return Status.WATCHING


def _of_rules(subject: Subject, plan: Plan) -> list[Finding]:
    """What the rules of the mesh say. None of it is about a field of this form."""
    return [replace(finding, field="") for finding in analyse_plan(live_of(subject).facts, plan)]


def _is_even(spec: Spec) -> bool:
    """Whether the seed's three fields say it all."""
    first = spec.steps[0]
    more = spec.steps[1].weight - first.weight if len(spec.steps) > 1 else 100
    return spec.steps == ladder(first.weight, max(more, 1), first.seconds)
