"""What a runbook finds: checks in the order in which a person would make them, each with its evidence and, where there is one, a
fix that is asked for like any other change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.findings import Finding, Severity
from meshportal.mesh.snapshot import ORDER, State


@dataclass(frozen=True)
class Evidence:
    """One line of what was seen: a code and values, which `diagnostics` turns into a sentence."""

    code: str
    state: State
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Fix:
    """A change that would mend it: kind and raw intent, as a form or POST /changes takes them. `code` names it in words."""

    code: str
    kind: str
    raw: Mapping[str, Any]
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One question and its answer. `findings` are remarks of rules that answer it."""

    code: str
    state: State
    evidence: Sequence[Evidence] = ()
    findings: Sequence[Finding] = ()
    fixes: Sequence[Fix] = ()


STATES = {Severity.ERROR: State.FAIL, Severity.WARNING: State.WARN, Severity.INFO: State.OK}


def check(
    code: str,
    evidence: Sequence[Evidence],
    findings: Sequence[Finding] = (),
    fixes: Sequence[Fix] = (),
    *,
    otherwise: State = State.OK,
) -> Check:
    """A check whose state is the worst of its evidence and findings; `otherwise` where there is neither."""
    states = [line.state for line in evidence] + [STATES[finding.severity] for finding in findings]
    return Check(code, worst(states, otherwise), tuple(evidence), tuple(findings), tuple(fixes))


def worst(states: Sequence[State], otherwise: State = State.OK) -> State:
    """The first of `states` in the order of the board."""
    return min(states, key=lambda state: ORDER[state], default=otherwise)
