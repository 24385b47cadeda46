"""What `changes` asks of a kind of change. It does not know the kinds: settings.CHANGE_KINDS names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from django.conf import settings
from django.utils.module_loading import import_string

from meshportal.accounts.permissions import Scope
from meshportal.changes.models import ChangeRequest, Status
from meshportal.clusters.models import Cluster
from meshportal.mesh.findings import Finding, Risk
from meshportal.mesh.plans import FieldChange, Plan


@dataclass(frozen=True)
class Subject:
    """What a change is about: one service of one mesh."""

    cluster: Cluster
    namespace: str
    service: str


@dataclass(frozen=True)
class Problem:
    """A sentence about one field of the form or of the request's body; field "" is about the whole."""

    field: str
    sentence: str


@dataclass(frozen=True)
class Proposal:
    """A valid intent, and all that is derived from it and from what is live: nothing here has been saved."""

    intent: Mapping[str, Any]
    plan: Plan
    titles: Mapping[str, str]  # by language code, "en" among them
    findings: Sequence[Finding] = ()
    risk: Risk | None = None
    live_base: str = ""  # set by kinds whose plan names other objects for other intents; else the plan's own base counts

    @property
    def base(self) -> str:
        """Digest of what is live, whatever is asked: a form that was opened on another is stale."""
        return self.live_base or self.plan.base


@dataclass(frozen=True)
class Current:
    """What is live, as a form or a pipeline starts from it.

    `raw` has the shape that `propose` takes, so that sending it back unchanged changes nothing. `kept` are paths of live fields
    that it cannot show; they survive. `blocked` is why nothing can be asked at all, "" if something can. `suggested`: what it
    starts from is no setting of the mesh.
    """

    raw: Mapping[str, Any]
    base: str
    kept: Sequence[str] = ()
    blocked: str = ""
    per_second: float | None = None
    suggested: bool = False


class SubjectUnknown(LookupError):
    """There is no such service in the catalog."""


class ChangeKind(Protocol):
    """One self-service form's knowledge. Every method works from rows: none talks to a cluster."""

    name: str

    def propose(self, subject: Subject, raw: Mapping[str, Any]) -> Proposal | list[Problem]:
        """From what was typed or sent to a proposal, or to every reason why not. Raises SubjectUnknown."""

    def current(self, subject: Subject) -> Current:
        """What is live now. Raises SubjectUnknown."""

    def raw_of(self, intent: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was asked in a change, as `propose` takes it."""

    def form_address(self, subject: Subject) -> str:
        """Where its form is; with ?change=ID it edits that change."""

    def plain_words(self, intent: Mapping[str, Any], plan: Plan, per_second: float | None) -> list[str]:
        """What the change does, in sentences for somebody who does not read YAML."""

    def field_label(self, change: FieldChange, before: Any, after: Any) -> str:
        """A name for a field in the diff, "" where its path has to do. `before` and `after` are the whole objects."""

    def field_text(self, path: str, value: Any) -> str:
        """A value of a changed field in words (90 %), "" where its YAML has to do."""

    def sentence(self, finding: Finding) -> tuple[str, str]:
        """A finding in words, and its remedy ("" where there is none)."""


@runtime_checkable
class ReadsElsewhere(Protocol):
    """A kind whose plans are made from objects of other places than the one that is changed."""

    def reads(self, raw: Mapping[str, Any]) -> list[Scope]:
        """The places that a proposal for `raw` would be made from: whoever asks has to be allowed to see them."""

    def not_found(self) -> Problem:
        """What is said where there is nothing, and just so to those who may not see what is there."""


@runtime_checkable
class GoesOn(Protocol):
    """A kind with which something goes on after its objects are written."""

    def applied(self, change: ChangeRequest, *, now: datetime) -> Status:
        """The status after the last write: WATCHING keeps the host claimed until `watching.finish_watch`. Called inside the
        transaction that finishes the apply, so that what goes on is started exactly once."""


def kind_named(name: str) -> ChangeKind:
    """The kind of that name. Raises KeyError."""
    kind: ChangeKind = import_string(settings.CHANGE_KINDS[name])()
    return kind
