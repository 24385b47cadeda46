"""A plan as people read it: plain words, fields, YAML, findings, and who else writes the same fields."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meshportal.changes.kinds import ChangeKind, kind_named
from meshportal.mesh.findings import Finding, Level, Risk, Severity
from meshportal.mesh.plans import ABSENT, FieldChange, Plan, PlanItem, field_changes, json_patch, other_managers
from meshportal.web.yamldiff import Line, LineKind, differences, flow, to_yaml

MANAGER = "meshportal"
RISK_REASONS = {
    "first-traffic": gettext_lazy("first traffic to a version"),
    "big-shift": gettext_lazy("half of the requests or more move at once"),
    "warnings": gettext_lazy("there are warnings"),
    "small-step": gettext_lazy("a small step between versions that already take traffic"),
}
RISK_WORDS = {Level.LOW: gettext_lazy("Low"), Level.MEDIUM: gettext_lazy("Medium"), Level.HIGH: gettext_lazy("High")}
RISK_STATES = {Level.LOW: "OK", Level.MEDIUM: "WARN", Level.HIGH: "FAIL"}
SEVERITY_WORDS = {
    Severity.ERROR: gettext_lazy("Error."),
    Severity.WARNING: gettext_lazy("Warning."),
    Severity.INFO: gettext_lazy("Good to know."),
}


@dataclass(frozen=True)
class FieldRow:
    """One changed field; `before` or `after` is None where it is not set."""

    label: str
    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class ObjectDiff:
    """One object of a plan as a YAML diff and as a command."""

    number: int
    title: str
    lines: Sequence[Line]
    added: int
    removed: int
    command: str


@dataclass(frozen=True)
class FindingNote:
    code: str
    field: str
    severity: Severity
    word: str
    sentence: str
    remedy: str

    @property
    def css(self) -> str:
        return {Severity.ERROR: "is-fail", Severity.WARNING: "is-warn", Severity.INFO: ""}[self.severity]

    @property
    def icon(self) -> str:
        return {Severity.ERROR: "fail", Severity.WARNING: "warn", Severity.INFO: "info"}[self.severity]


@dataclass(frozen=True)
class RiskNote:
    state: str
    word: str
    reasons: str


@dataclass(frozen=True)
class PlanView:
    """Everything a page says about one plan."""

    words: Sequence[str]
    rows: Sequence[FieldRow]
    objects: Sequence[ObjectDiff]
    findings: Sequence[FindingNote]
    managers: Sequence[tuple[str, str]]
    risk: RiskNote | None


def view_of(
    kind_name: str,
    intent: Mapping[str, Any],
    plan: Plan,
    findings: Sequence[Finding],
    risk: Risk | None,
    per_second: float | None = None,
) -> PlanView:
    """The view of a plan, saved or only typed. Pure but for the language."""
    kind = kind_named(kind_name)
    return PlanView(
        words=kind.plain_words(intent, plan, per_second),
        rows=[row for item in plan.changing for row in _rows(kind, item)],
        objects=[_object(number, item) for number, item in enumerate(plan.changing, start=1)],
        findings=[_note(kind, finding) for finding in findings],
        managers=sorted({pair for item in plan.changing for pair in other_managers(item.before, item.fields, MANAGER)}),
        risk=risk_note(risk) if risk else None,
    )


def findings_from(rows: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Findings as they were saved with a revision."""
    return [Finding(row["code"], Severity(row["severity"]), row["field"], row["values"]) for row in rows]


def risk_from(row: Mapping[str, Any]) -> Risk:
    return Risk(Level(row["level"]), tuple(row["reasons"]))


def risk_note(risk: Risk) -> RiskNote:
    reasons = "; ".join(str(RISK_REASONS.get(reason, reason)) for reason in risk.reasons)
    return RiskNote(RISK_STATES[risk.level], str(RISK_WORDS[risk.level]), reasons)


def _rows(kind: ChangeKind, item: PlanItem) -> list[FieldRow]:
    created = [FieldChange("", ABSENT, _("new object"))]
    changes = created if item.before is None else field_changes(item)
    return [
        FieldRow(
            label=_("New object") if item.before is None else kind.field_label(change, item.before, item.after),
            path=f"{item.ref.kind.kind} {change.path}".strip(),
            before=_text(kind, change, change.before),
            after=_text(kind, change, change.after),
        )
        for change in changes
    ]


def _text(kind: ChangeKind, change: FieldChange, value: Any) -> str | None:
    if value is ABSENT:
        return None
    return kind.field_text(change.path, value) or flow(value)


def _object(number: int, item: PlanItem) -> ObjectDiff:
    lines = differences(item.before, item.after)
    return ObjectDiff(
        number=number,
        title=str(item.ref),
        lines=lines,
        added=sum(line.kind is LineKind.ADDED for line in lines),
        removed=sum(line.kind is LineKind.REMOVED for line in lines),
        command=_command(item),
    )


def _command(item: PlanItem) -> str:
    """The same by hand: a patch of exactly the changed fields, or the new object for `kubectl create`."""
    namespace = item.ref.namespace
    if item.before is None:
        return f"kubectl -n {namespace} create -f - <<'EOF'\n{to_yaml(item.after)}EOF"
    patch = json.dumps(json_patch(item), ensure_ascii=False).replace("'", "'\\''")
    return f"kubectl -n {namespace} patch {item.ref.kind.kind.lower()} {item.ref.name} --type=json -p '{patch}'"


def _note(kind: ChangeKind, finding: Finding) -> FindingNote:
    sentence, remedy = kind.sentence(finding)
    word = str(SEVERITY_WORDS[finding.severity])
    return FindingNote(finding.code, finding.field, finding.severity, word, sentence, remedy)
