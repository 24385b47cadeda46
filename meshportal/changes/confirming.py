"""Warnings: they raise the risk, and each needs a tick before a plan is saved. Who ticked which is kept with the revision."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from meshportal.changes.kinds import Problem, Proposal
from meshportal.mesh.findings import Finding, Level, Risk, Severity
from meshportal.mesh.refs import KINDS, ResourceRef

FIELD = "confirm"
WARNINGS = "warnings"  # the code of this reason for a risk
RAISED = {Level.LOW: Level.MEDIUM, Level.MEDIUM: Level.HIGH, Level.HIGH: Level.HIGH}


def warning_codes(findings: Sequence[Finding]) -> list[str]:
    """The codes that need a tick, each once, in the order of the findings."""
    return list(dict.fromkeys(finding.code for finding in findings if finding.severity is Severity.WARNING))


def unconfirmed(findings: Sequence[Finding], confirm: Collection[str]) -> list[Problem]:
    """One problem that names every warning without a tick, or none."""
    missing = [code for code in warning_codes(findings) if code not in confirm]
    if not missing:
        return []
    sentence = _("Confirm the warnings first (%(codes)s): tick them on the page, or send their codes in “confirm”.")
    return [Problem(FIELD, sentence % {"codes": ", ".join(missing)})]


def said_of(confirmed: Sequence[str]) -> str:
    """The end of a record's sentence that says which warnings its author has accepted."""
    return f" (confirmed the warnings {', '.join(confirmed)})" if confirmed else ""


def weighed(proposal: Proposal) -> Proposal:
    """The proposal with a risk one level higher if it has warnings that its kind has not counted already."""
    risk = proposal.risk or Risk(Level.LOW, ())
    if not warning_codes(proposal.findings) or WARNINGS in risk.reasons:
        return proposal
    return replace(proposal, risk=Risk(RAISED[risk.level], (*risk.reasons, WARNINGS)))


def finding_row(finding: Finding) -> dict[str, Any]:
    """A finding as it is saved with a revision."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "field": finding.field,
        "values": dict(finding.values),
        "object": str(finding.ref) if finding.ref else "",
        "path": finding.path,
    }


def findings_from(rows: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Findings as they were saved with a revision; those of before objects were kept name none."""
    return [
        Finding(
            row["code"],
            Severity(row["severity"]),
            row["field"],
            row["values"],
            _ref(row.get("object", "")),
            row.get("path", ""),
        )
        for row in rows
    ]


def _ref(text: str) -> ResourceRef | None:
    """The inverse of str(ResourceRef); None for a kind that this version of the portal does not know."""
    kind, _space, place = text.partition(" ")
    if kind not in KINDS or not place:
        return None
    namespace, slash, name = place.partition("/")
    return ResourceRef(KINDS[kind], namespace, name) if slash else ResourceRef(KINDS[kind], "", place)
