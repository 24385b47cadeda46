"""The words of a rollout: its phases, what holds it, its row, what is seen of the world, and what is decided."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from meshportal.mesh.rollouts.verdict import Verdict


class Phase(StrEnum):
    """Where a rollout is. The first and the last three cost no call at all."""

    PENDING = "pending"
    PREFLIGHT = "preflight"
    SHIFTING = "shifting"
    SETTLING = "settling"
    OBSERVING = "observing"
    AWAITING_PROMOTION = "awaiting-promotion"
    PROMOTING = "promoting"
    BAKING = "baking"
    SUCCEEDED = "succeeded"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"


ACTIVE = frozenset(set(Phase) - {Phase.PENDING, Phase.SUCCEEDED, Phase.ROLLED_BACK})
DONE = frozenset({Phase.SUCCEEDED, Phase.ROLLED_BACK})
WRITING = frozenset({Phase.SHIFTING, Phase.PROMOTING, Phase.ROLLING_BACK})


class Hold(StrEnum):
    """Why a rollout does not go on. Several may stand at once; each clears by itself but those of `BY_PEOPLE`."""

    PREFLIGHT = "preflight"
    BLIND = "blind"
    INCONCLUSIVE = "inconclusive"
    FREEZE = "freeze"
    STOPPED = "stopped"
    CAPACITY = "capacity"
    SYNC = "sync"
    WEIGHTS = "weights-not-effective"
    ENVIRONMENT = "environment"
    GATE = "gate"
    DRIFT = "drift"
    FIGHT = "fight"
    GONE = "gone"
    PAUSED = "paused"


BY_PEOPLE = frozenset({Hold.GATE, Hold.DRIFT, Hold.FIGHT, Hold.PAUSED})
"""Holds that only a person clears: nothing that is seen takes them away."""


@dataclass(frozen=True)
class Reason:
    """One hold with what its sentence needs."""

    hold: Hold
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """A rollout's row. `weight` is what was last read back from the cluster; `shifted_at` when that was verified, `due_at` when
    the step was planned to begin, `since` when the phase began, `blind_since` when evidence went missing (in the preflight: when
    it was first refused). `approved` are steps that somebody let begin; `sticky` are holds by people, kept until they resume.
    `failure` is set while rolling back."""

    phase: Phase
    step: int = 0
    weight: int = 0
    since: float = 0.0
    due_at: float = 0.0
    shifted_at: float | None = None
    blind_since: float | None = None
    approved: frozenset[int] = frozenset()
    sticky: tuple[Reason, ...] = ()
    failure: str = ""
    skip: bool = False


@dataclass(frozen=True)
class Seen:
    """What the world looks like to a decision. `verdict` is None where none was asked for. Ask for one in every phase with weight
    on the canary: held on its way to the next weight, lowered or settling, it may fail as well.

    `preflight` are reasons why it may not begin (codes), `guards` the holds that are seen right now: freeze, stopped, capacity,
    sync, drift and so on. `written` says that the weight asked for stands in the cluster, read back with our token.
    """

    verdict: Verdict | None = None
    preflight: tuple[Reason, ...] = ()
    guards: tuple[Reason, ...] = ()
    written: bool = False
    settled: bool = False


@dataclass(frozen=True)
class Decision:
    """The next state, and when to look again. `write` is the canary's weight to be written now, None to write nothing.

    `holds` is everything that stands in the way at this moment; `event` names what happened for the timeline, "" for nothing.
    """

    state: State
    next_at: float
    write: int | None = None
    holds: tuple[Reason, ...] = ()
    event: str = ""
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
