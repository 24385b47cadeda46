"""Copying the policy of a service to another one, as a change of the one that gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.urls import reverse

from meshportal.accounts.permissions import Scope
from meshportal.changes.kinds import Current, Problem, Proposal, Subject
from meshportal.mesh.copying import NotCopyable, Side, assess, live_base, remarks, render
from meshportal.mesh.findings import Finding
from meshportal.mesh.plans import FieldChange, Plan
from meshportal.mesh.refs import ref_of
from meshportal.mesh.rules import analyse_plan
from meshportal.policies.copying import words
from meshportal.policies.copying.sources import KEYS, namespaces_in, side_of, written
from meshportal.policies.live import live_of
from meshportal.policies.titles import titles


class Copy:
    """`raw` is {"from": {"mesh", "namespace", "service"}, "objects": ["VirtualService shop/cart", …]}; the intent is the same."""

    name = "copy"

    def reads(self, raw: Mapping[str, Any]) -> list[Scope]:
        given = written(raw)
        return [Scope(given[0], namespace) for namespace in (given[1], *namespaces_in(raw))] if given else []

    def not_found(self) -> Problem:
        return Problem("from", words.no_source())

    def propose(self, subject: Subject, raw: Mapping[str, Any]) -> Proposal | list[Problem]:
        live = live_of(subject)
        target, given, source = Side(live.service, live.facts), written(raw), side_of(raw)
        if given is None:
            return [Problem("from", words.choose_source())]
        if source is None:
            return [self.not_found()]
        if given == (subject.cluster.name, subject.namespace, subject.service):
            return [Problem("from", words.same_service())]
        typed = raw.get("objects")
        names = [str(name) for name in typed] if isinstance(typed, list) else []
        chosen = [manifest for manifest in source.objects() if str(ref_of(manifest)) in names]
        known = {str(ref_of(manifest)) for manifest in chosen}
        if unknown := [name for name in names if name not in known]:
            return [Problem("objects", words.unknown_object(name[:300], source.service)) for name in unknown]
        if not chosen:
            return [Problem("objects", words.nothing_chosen(bool(source.objects())))]
        try:
            copied = render(source, chosen, target)
        except NotCopyable as error:
            return [Problem("objects", words.not_copyable(error.code, ", ".join(error.names)))]
        found = [replace(finding, field="objects") for finding in analyse_plan(live.facts, copied.plan)]
        return Proposal(
            intent={
                "namespace": subject.namespace,
                "service": subject.service,
                "from": dict(zip(KEYS, given, strict=True)),
                "objects": [str(ref_of(manifest)) for manifest in chosen],
            },
            plan=copied.plan,
            titles=titles(lambda: words.title("/".join(given), subject.service)),
            findings=[*remarks(copied, target.service), *found],
            risk=assess(copied, target.service),
            live_base=live_base(source, target),
        )

    def current(self, subject: Subject) -> Current:
        live = live_of(subject)
        return Current({"from": dict.fromkeys(KEYS, ""), "objects": []}, "", per_second=live.per_second)

    def raw_of(self, intent: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"from": dict(intent["from"]), "objects": list(intent["objects"])}

    def form_address(self, subject: Subject) -> str:
        return reverse("policies:copy", args=[subject.cluster.name, subject.namespace, subject.service])

    def plain_words(self, intent: Mapping[str, Any], plan: Plan, per_second: float | None) -> list[str]:
        return words.plain_words(intent, plan)

    def field_label(self, change: FieldChange, before: Any, after: Any) -> str:
        return ""

    def field_text(self, path: str, value: Any) -> str:
        return ""

    def sentence(self, finding: Finding) -> tuple[str, str]:
        return words.finding_sentence(finding)
