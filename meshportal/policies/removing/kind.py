"""Removing the policy of a service as a kind of change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.urls import reverse

from meshportal.changes.kinds import Current, Problem, Proposal, Subject
from meshportal.mesh.findings import Finding
from meshportal.mesh.plans import FieldChange, Plan
from meshportal.mesh.refs import ref_of
from meshportal.mesh.removing import aftermath, assess, holdings, plan_of, remarks
from meshportal.mesh.rules import analyse_plan
from meshportal.mesh.snapshot import ServiceNow
from meshportal.policies.live import live_of
from meshportal.policies.removing import words
from meshportal.policies.titles import titles


class Removal:
    """`raw` is {"objects": ["VirtualService shop/cart", …]}: names of objects that belong to the service. The intent is the same,
    with what follows from it for the words."""

    name = "removal"

    def propose(self, subject: Subject, raw: Mapping[str, Any]) -> Proposal | list[Problem]:
        live = live_of(subject)
        held = holdings(live.facts, live.service)
        typed = raw.get("objects")
        names = [str(name) for name in typed] if isinstance(typed, list) else []
        chosen = held.named(names)
        known = {str(ref_of(manifest)) for manifest in chosen}
        if unknown := [name for name in names if name not in known]:
            return [Problem("objects", words.unknown_object(name[:300], subject.service)) for name in unknown]
        if not chosen:
            return [Problem("objects", words.nothing_chosen(bool(held.objects)))]
        plan, after = plan_of(chosen), aftermath(held, chosen, idle(live.now))
        findings = [*remarks(held, chosen, after), *(in_form(finding) for finding in analyse_plan(live.facts, plan))]
        intent = {
            "namespace": subject.namespace,
            "service": subject.service,
            "objects": [str(ref_of(manifest)) for manifest in chosen],
            "stays": [str(ref) for ref in after.stays],
            "unrouted": after.unrouted,
        }
        return Proposal(
            intent=intent,
            plan=plan,
            titles=titles(lambda: words.title(subject.service, plan, bool(after.stays))),
            findings=findings,
            risk=assess(plan, live.service, after, live.per_second),
            live_base=held.base,
        )

    def current(self, subject: Subject) -> Current:
        live = live_of(subject)
        held = holdings(live.facts, live.service)
        blocked = "" if held.objects else words.nothing_chosen(False)
        return Current({"objects": []}, held.base, blocked=blocked, per_second=live.per_second)

    def raw_of(self, intent: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"objects": list(intent["objects"])}

    def form_address(self, subject: Subject) -> str:
        return reverse("policies:removal", args=[subject.cluster.name, subject.namespace, subject.service])

    def plain_words(self, intent: Mapping[str, Any], plan: Plan, per_second: float | None) -> list[str]:
        return words.plain_words(intent, plan)

    def field_label(self, change: FieldChange, before: Any, after: Any) -> str:
        return ""

    def field_text(self, path: str, value: Any) -> str:
        return ""

    def sentence(self, finding: Finding) -> tuple[str, str]:
        return words.finding_sentence(finding)


def in_form(finding: Finding) -> Finding:
    """A finding of the mesh's rules beside the only field of this form."""
    return replace(finding, field="objects")


def idle(now: ServiceNow) -> dict[str, int]:
    """Ready pods by version, of the versions that the route gives nothing. Nothing where no version has a share."""
    if not any(version.configured_percent for version in now.versions):
        return {}
    return {version.version: version.pods_ready or 0 for version in now.versions if not version.configured_percent}
