"""What a rollout was asked to do, and what can be told of it beforehand.

Rates are ratios (0.01 is 1 %), weights whole percent, times seconds.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rollouts.statistics import clean_needed

MAX_STEPS = 100
LOOKS_PER_STEP = 5
SHORTEST_LOOK = 2.0
LONGEST_LOOK = 60.0


class Rule(StrEnum):
    """How a step is judged. THRESHOLD is the seed's: an error rate after a number of requests."""

    SEQUENTIAL = "sequential"
    THRESHOLD = "threshold"


class OnTimeout(StrEnum):
    """What happens to a step that could not be decided in time."""

    HOLD = "hold"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Step:
    """`seconds` is the least time at this weight. `approval`: somebody has to let it begin."""

    weight: int
    seconds: float
    approval: bool = False


@dataclass(frozen=True)
class Criteria:
    """When a step passes and when it fails.

    `max_slow_rate` is the share of requests over `slow_ms` that is too much, None where latency is only shown. `alpha` is the
    chance to blame a healthy canary, `ratio` how much worse than the baseline is harm, `delta` the difference that must be ruled
    out from `gate_weight` on.
    """

    rule: Rule = Rule.SEQUENTIAL
    max_error_rate: float = 0.01
    min_request_count: int = 100
    max_slow_rate: float | None = None
    slow_ms: float = 500.0
    alpha: float = 0.01
    ratio: float = 1.5
    delta: float = 0.005
    gate_weight: int = 50


@dataclass(frozen=True)
class Spec:
    """One canary. `steps` rise to 100, the last of them. `baseline` and `canary` are subsets of the DestinationRule."""

    service: ServiceRef
    baseline: str
    canary: str
    steps: tuple[Step, ...]
    criteria: Criteria = field(default_factory=Criteria)
    step_timeout: float = 3600.0
    on_timeout: OnTimeout = OnTimeout.HOLD
    max_blind: float = 120.0
    blind_rollback_after: float = 900.0
    bake: float = 600.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Spec:
        """The inverse of `to_json`. Raises KeyError, TypeError, ValueError for anything else."""
        criteria = dict(body["criteria"])
        return cls(
            **body
            | {
                "service": ServiceRef(**body["service"]),
                "steps": tuple(Step(**step) for step in body["steps"]),
                "criteria": Criteria(**criteria | {"rule": Rule(criteria["rule"])}),
                "on_timeout": OnTimeout(body["on_timeout"]),
            }
        )

    def look_seconds(self, step: int) -> float:
        """How often the evidence of a step is looked at: five times in its least time, within bounds."""
        return min(max(self.steps[step].seconds / LOOKS_PER_STEP, SHORTEST_LOOK), LONGEST_LOOK)


def ladder(initial_weight: int, increment: int, interval: float) -> tuple[Step, ...]:
    """The seed's steps: from `initial_weight` up by `increment` to 100, `interval` seconds each."""
    weights = [*range(initial_weight, 100, increment), 100]
    return tuple(Step(weight, interval) for weight in weights[:MAX_STEPS])


@dataclass(frozen=True)
class StepOutlook:
    """What a step can decide at the traffic measured now. Requests are those of the canary in the step's least time, None where
    the traffic is unknown; `enough_after` is how long the requests needed take, None where they never come."""

    weight: int
    seconds: float
    requests: float | None
    needed: int
    enough_after: float | None


@dataclass(frozen=True)
class Outlook:
    """What can be told before anybody approves. `smallest_visible` is the error rate that 95 of 100 canaries show at least once
    in the first step, None where the traffic is unknown."""

    at_least: float
    steps: tuple[StepOutlook, ...]
    clean_for_limit: int
    smallest_visible: float | None


def outlook(spec: Spec, per_second: float | None) -> Outlook:
    """Time at least, and requests for each decision, at `per_second` requests to the whole service."""
    criteria = spec.criteria
    steps = []
    for step in spec.steps:
        needed = criteria.min_request_count
        if criteria.rule is Rule.SEQUENTIAL and criteria.gate_weight <= step.weight < 100:
            # to rule out a difference of delta takes about 3 / delta clean requests
            needed = max(needed, math.ceil(3 / criteria.delta))
        rate = None if per_second is None else per_second * step.weight / 100
        requests = None if rate is None else rate * step.seconds
        steps.append(StepOutlook(step.weight, step.seconds, requests, needed, needed / rate if rate else None))
    times = [max(step.seconds, step.enough_after or 0.0) for step in steps]
    # the last step is the one that bakes
    at_least = sum(times[:-1]) + max(times[-1], spec.bake)
    first = steps[0].requests if steps else None
    visible = None if first is None or first < 1 else 1 - 0.05 ** (1 / first)
    return Outlook(at_least, tuple(steps), clean_needed(criteria.max_error_rate), visible)
