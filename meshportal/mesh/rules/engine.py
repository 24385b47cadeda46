"""Every rule over a whole mesh, and what a plan would change about what they say."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from meshportal.mesh.facts import Facts
from meshportal.mesh.findings import Finding, Severity
from meshportal.mesh.plans import Plan
from meshportal.mesh.rules.catalogue import RULES
from meshportal.mesh.rules.table import CODES
from meshportal.mesh.rules.view import Mesh

Rule = Callable[[Mesh], Iterator[Finding]]

MILDER = {Severity.ERROR: Severity.WARNING, Severity.WARNING: Severity.INFO, Severity.INFO: Severity.INFO}
_WORST_FIRST = {severity: place for place, severity in enumerate(Severity)}
_DIGITS = re.compile(r"(\d+)")


def analyse(facts: Facts) -> list[Finding]:
    """Everything the rules say of a mesh, worst first, then by object and place. Never raises: live objects may be odd."""
    mesh = Mesh(facts)
    findings = [finding for rule in RULES for finding in rule(mesh)]
    return sorted({_identity(finding): finding for finding in findings}.values(), key=_order)


def analyse_plan(facts: Facts, plan: Plan) -> list[Finding]:
    """What the rules will say once `plan` is carried out: of the objects it touches, and of any object what is new.

    What a plan brings about counts as `in_plan` of its code. What was there before counts one step less: an error is a warning,
    or nobody could mend a broken object step by step; a warning is a remark, or people would tick without reading.
    """
    touched = {item.ref for item in plan.items}
    before = Counter(_sameness(finding) for finding in analyse(facts))
    found: list[Finding] = []
    for finding in analyse(facts.after(plan)):
        old = before[_sameness(finding)] > 0
        before[_sameness(finding)] -= 1
        if old and finding.ref is not None and finding.ref not in touched:
            continue
        severity = CODES[finding.code].in_plan
        # what is only a remark until somebody writes is about the writing, however long it has been so
        if old and finding.severity is not Severity.INFO:
            severity = MILDER[severity]
        found.append(replace(finding, severity=severity))
    return sorted(found, key=_order)


def _identity(finding: Finding) -> tuple[object, ...]:
    return finding.code, finding.ref, finding.path, _written(finding)


def _sameness(finding: Finding) -> tuple[object, ...]:
    """What makes a remark the same before and after. Not its place: another route before it moves it."""
    return finding.code, finding.ref, _written(finding)


def _written(finding: Finding) -> str:
    return json.dumps(finding.values, sort_keys=True, default=str)


def _order(finding: Finding) -> tuple[object, ...]:
    """Parts of a path that are numbers count as numbers: http[2] comes before http[10]."""
    places = [int(part) if part.isdigit() else -1 for part in _DIGITS.split(finding.path)]
    return _WORST_FIRST[finding.severity], str(finding.ref or ""), places, finding.path, finding.code, _written(finding)


def concerning(findings: Iterable[Finding], visible: Callable[[str], bool]) -> list[Finding]:
    """Those about objects of namespaces that somebody may see, and those about no object. Objects elsewhere, which a finding
    names in `names`, are only counted, as `hidden`; one that only tells of the namespace `told` is left out with it."""
    shown = [
        finding
        for finding in findings
        if finding.ref is None or (visible(finding.ref.namespace) and visible(finding.values.get("told", finding.ref.namespace)))
    ]
    return [_without_others(finding, visible) for finding in shown]


def _without_others(finding: Finding, visible: Callable[[str], bool]) -> Finding:
    names = finding.values.get("names")
    if not isinstance(names, list):
        return finding
    kept = [name for name in names if visible(name.partition("/")[0])]
    return replace(finding, values={**finding.values, "names": kept, "hidden": len(names) - len(kept)})
