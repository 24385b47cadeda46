"""Remarks of rules about a plan, and what a plan risks: codes and values, which `policies` turns into sentences."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from meshportal.mesh.refs import ResourceRef


class Severity(StrEnum):
    ERROR = "error"  # blocks
    WARNING = "warning"  # raises the risk
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One remark. `code` is Kiali's (KIA…) or Istio's (IST…) where they have one, else ours (MP…); `field` is the form field it
    is about, "" for the whole plan; `values` fill its sentence. `ref` and `path` (spec.http[0].timeout) say where in which
    object, where a rule has looked at objects."""

    code: str
    severity: Severity
    field: str = ""
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    ref: ResourceRef | None = None
    path: str = ""


class Level(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True)
class Risk:
    """How much a plan may hurt, and the codes of the reasons."""

    level: Level
    reasons: tuple[str, ...]


def blocking(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that keep a plan from being submitted."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]
