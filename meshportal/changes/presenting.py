"""A plan as people read it: plain words, fields, YAML, findings, and who else writes the same fields."""

from __future__ import annotations

import json
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meshportal.accounts.permissions import Namespaces
from meshportal.changes.confirming import findings_from as findings_from
from meshportal.changes.kinds import ChangeKind, kind_named
from meshportal.mesh.findings import Finding, Level, Risk, Severity
from meshportal.mesh.plans import ABSENT, FieldChange, Plan, PlanItem, field_changes, json_patch, other_managers
from meshportal.mesh.refs import GATEWAY
from meshportal.web.yamldiff import Line, LineKind, differences, flow, to_yaml

MANAGER = "meshportal"
RISK_REASONS = {
    "first-traffic": gettext_lazy("first traffic to a version"),
    "big-shift": gettext_lazy("half of the requests or more move at once"),
    "warnings": gettext_lazy("there are warnings"),
    "new-object": gettext_lazy("it makes an object that was not there"),
    "replaces-object": gettext_lazy("it replaces what an object says"),
    "removes-objects": gettext_lazy("it removes objects that are live"),
    "other-namespace": gettext_lazy("it writes to another namespace than the service's"),
    "subset-changed": gettext_lazy("it changes or removes a subset"),
    "balancing": gettext_lazy("it changes which pod a request goes to"),
    "limits": gettext_lazy("it changes limits beyond which requests fail"),
    "outliers": gettext_lazy("it changes when pods get no requests"),
    "only-offered": gettext_lazy("no request goes another way because of it alone"),
    "other-rules": gettext_lazy("other requests match, or rules are added, removed or moved"),
    "fault": gettext_lazy("requests fail or wait on purpose"),
    "settings-only": gettext_lazy("only settings of rules change"),
    "opens-to-outside": gettext_lazy("it opens a way in from outside"),
    "closes-way-in": gettext_lazy("it closes a way in from outside"),
    "walks": gettext_lazy("requests move by themselves, step by step, and back if it goes wrong"),
    "small-step": gettext_lazy("a small step between versions that already take traffic"),
}
RISK_WORDS = {Level.LOW: gettext_lazy("Low"), Level.MEDIUM: gettext_lazy("Medium"), Level.HIGH: gettext_lazy("High")}
RISK_STATES = {Level.LOW: "OK", Level.MEDIUM: "WARN", Level.HIGH: "FAIL"}
SEVERITY_WORDS = {
    Severity.ERROR: gettext_lazy("Error."),
    Severity.WARNING: gettext_lazy("Warning."),
    Severity.INFO: gettext_lazy("Good to know."),
}


OPERATION_WORDS = {
    "create": gettext_lazy("created"),
    "replace": gettext_lazy("changed"),
    "delete": gettext_lazy("removed"),
}


@dataclass(frozen=True)
class FieldRow:
    """One changed field; `before` or `after` is None where it is not set, `hidden` where the reader may not see it."""

    label: str
    path: str
    before: str | None
    after: str | None
    hidden: bool = False


@dataclass(frozen=True)
class ObjectDiff:
    """One object of a plan as a YAML diff and as a command; neither where `hidden`: the reader may not see its namespace."""

    number: int
    title: str
    operation: str
    lines: Sequence[Line] = ()
    added: int = 0
    removed: int = 0
    command: str = ""
    hidden: bool = False

    @property
    def act(self) -> str:
        """What happens to the object, in a word."""
        return str(OPERATION_WORDS[self.operation])


@dataclass(frozen=True)
class FindingNote:
    """A finding in words. `object` and `path` say where in the mesh, "" where a rule has not looked at objects; `confirmed` is
    whether the author has ticked this warning."""

    code: str
    field: str
    severity: Severity
    word: str
    sentence: str
    remedy: str
    object: str = ""
    path: str = ""
    confirmed: bool = False

    @property
    def place(self) -> str:
        """Object and path as one text, "" for none."""
        return f"{self.object} {self.path}".strip()

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


EVERYWHERE = Namespaces(True, frozenset())


def view_of(
    kind_name: str,
    intent: Mapping[str, Any],
    plan: Plan,
    findings: Sequence[Finding],
    risk: Risk | None,
    per_second: float | None = None,
    *,
    confirmed: Collection[str] = (),
    visible: Container[str] = EVERYWHERE,
) -> PlanView:
    """The view of a plan, saved or only typed. Pure but for the language.

    `confirmed` are the codes of the warnings that were ticked. Of objects in namespaces that are not `visible` to the reader only
    the name is shown.
    """
    kind = kind_named(kind_name)
    readable = [item for item in plan.changing if item.ref.namespace in visible]
    return PlanView(
        words=kind.plain_words(intent, plan, per_second),
        rows=[row for item in plan.changing for row in (_rows(kind, item) if item in readable else [_hidden_row(item)])],
        objects=[_object(number, item, item in readable) for number, item in enumerate(plan.changing, start=1)],
        findings=[_note(kind, finding, confirmed) for finding in findings],
        managers=sorted({pair for item in readable for pair in other_managers(item.before, item.fields, MANAGER)}),
        risk=risk_note(risk) if risk else None,
    )


def risk_from(row: Mapping[str, Any]) -> Risk:
    return Risk(Level(row["level"]), tuple(row["reasons"]))


def risk_note(risk: Risk) -> RiskNote:
    reasons = _("; ").join(str(RISK_REASONS.get(reason, reason)) for reason in risk.reasons)
    return RiskNote(RISK_STATES[risk.level], str(RISK_WORDS[risk.level]), reasons)


def _rows(kind: ChangeKind, item: PlanItem) -> list[FieldRow]:
    name = item.ref.kind.kind
    if item.before is None:
        return [FieldRow(_("New object"), name, None, item.ref.name)]
    if item.after is None:
        return [FieldRow(_("Removed object"), name, item.ref.name, None)]
    return [
        FieldRow(
            label=kind.field_label(change, item.before, item.after),
            path=f"{name} {change.path}".strip(),
            before=_text(kind, change, change.before),
            after=_text(kind, change, change.after),
        )
        for change in field_changes(item)
    ]


def _hidden_row(item: PlanItem) -> FieldRow:
    return FieldRow(_("In a namespace outside your scope"), item.ref.kind.kind, None, None, hidden=True)


def _text(kind: ChangeKind, change: FieldChange, value: Any) -> str | None:
    if value is ABSENT:
        return None
    return kind.field_text(change.path, value) or flow(value)


def _object(number: int, item: PlanItem, readable: bool) -> ObjectDiff:
    if not readable:
        return ObjectDiff(number, str(item.ref), item.operation, hidden=True)
    lines = differences(item.before, item.after)
    return ObjectDiff(
        number=number,
        title=str(item.ref),
        operation=item.operation,
        lines=lines,
        added=sum(line.kind is LineKind.ADDED for line in lines),
        removed=sum(line.kind is LineKind.REMOVED for line in lines),
        command=_command(item),
    )


def _command(item: PlanItem) -> str:
    """The same by hand: a patch of exactly the changed fields, the new object for `kubectl create`, or `kubectl delete`."""
    namespace, name = item.ref.namespace, item.ref.name
    if item.after is None:
        return f"kubectl -n {namespace} delete {_named(item)} {name}"
    if item.before is None:
        return f"kubectl -n {namespace} create -f - <<'EOF'\n{to_yaml(item.after)}EOF"
    patch = json.dumps(json_patch(item), ensure_ascii=False).replace("'", "'\\''")
    return f"kubectl -n {namespace} patch {_named(item)} {name} --type=json -p '{patch}'"


def _named(item: PlanItem) -> str:
    """The kind as kubectl takes it: a bare "gateway" would mean the Gateway API's where that is installed."""
    kind = item.ref.kind
    return f"{kind.plural}.{kind.group}" if kind == GATEWAY else kind.kind.lower()


def _note(kind: ChangeKind, finding: Finding, confirmed: Collection[str]) -> FindingNote:
    sentence, remedy = kind.sentence(finding)
    return FindingNote(
        code=finding.code,
        field=finding.field,
        severity=finding.severity,
        word=str(SEVERITY_WORDS[finding.severity]),
        sentence=sentence,
        remedy=remedy,
        object=str(finding.ref) if finding.ref else "",
        path=finding.path,
        confirmed=finding.severity is Severity.WARNING and finding.code in confirmed,
    )
