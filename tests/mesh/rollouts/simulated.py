"""Canaries whose true error rates are known, walked by the real `judge` and `decide`: how often does each rule roll back?

Requests and errors are random, the rest is the product. NumPy draws them, from a seed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np

from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rollouts.machine import decide
from meshportal.mesh.rollouts.phases import Phase, Seen, State
from meshportal.mesh.rollouts.spec import Criteria, Rule, Spec, Step
from meshportal.mesh.rollouts.verdict import Arm, Look, judge

SECONDS = 10.0
PATIENCE = 60  # looks at a step beyond which a walk that does not go on is held: an hour of steps of five minutes
LADDER = tuple(Step(weight, SECONDS) for weight in (*range(5, 100, 5), 100))


@dataclass(frozen=True)
class World:
    """True error rates, requests to both arms in one step, and shocks: the rates of a look are multiplied by a lognormal
    factor with this sigma, `common` to both arms or each arm's own (`apart`)."""

    canary: float
    baseline: float
    requests: int = 2000
    common: float = 0.0
    apart: float = 0.0

    def look(self, generator: np.random.Generator, weight: int, looks: int) -> tuple[Arm, Arm]:
        """One look's baseline and canary, `looks` of which make a step."""
        total = self.requests // looks
        ours = int(generator.binomial(total, weight / 100))
        shock = _shock(generator, self.common)
        rates = [min(0.9, rate * shock * _shock(generator, self.apart)) for rate in (self.baseline, self.canary)]
        theirs, bad = int(generator.binomial(total - ours, rates[0])), int(generator.binomial(ours, rates[1]))
        return Arm(total - ours, theirs), Arm(ours, bad)


def _shock(generator: np.random.Generator, sigma: float) -> float:
    return math.exp(generator.normal(-sigma * sigma / 2, sigma)) if sigma else 1.0


@dataclass
class Outcome:
    """What became of the runs: how many ended how ("promoted", "rolled back", "held"), why, and what each failure cost."""

    ends: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    spent: list[int] = field(default_factory=list)  # requests of the canary until it was rolled back

    @property
    def rolled_back(self) -> float:
        return self.ends["rolled back"] / max(1, self.ends.total())

    @property
    def median_spent(self) -> int | None:
        return int(np.median(self.spent)) if self.spent else None


def simulate(world: World, rule: Rule, runs: int, *, seed: int = 6, looks: int = 5) -> Outcome:
    """`looks` a step, of which the threshold rule, as the seed had it, decides at the last only."""
    outcome = Outcome()
    for number in range(runs):
        generator = np.random.default_rng([seed, number])
        end, reason, spent = _walk(world, rule, generator, looks)
        outcome.ends[end] += 1
        outcome.reasons[reason] += 1
        if end == "rolled back":
            outcome.spent.append(spent)
    return outcome


def _walk(world: World, rule: Rule, generator: np.random.Generator, looks: int) -> tuple[str, str, int]:
    spec = Spec(ServiceRef("shop", "reviews"), "v1", "v2", LADDER, Criteria(rule=rule), step_timeout=1e9, bake=0.0)
    for state, step_looks, reason in _steps(spec, world, generator, looks):
        if state.phase in {Phase.ROLLING_BACK, Phase.ROLLED_BACK}:
            return "rolled back", state.failure, sum(look.canary.total for look in step_looks if look.canary)
        if reason:
            return "held", reason, 0
        if state.phase is Phase.PROMOTING:
            return "promoted", "all", 0
    raise AssertionError("a walk has an end")


def _steps(spec: Spec, world: World, generator: np.random.Generator, looks: int) -> Iterator[tuple[State, list[Look], str]]:
    """The state after every look, every look so far, and why it is held for good ("" where it is not)."""
    state = State(Phase.OBSERVING, step=0, weight=spec.steps[0].weight, shifted_at=0.0)
    seen: list[Look] = []
    patience = PATIENCE
    every = looks if spec.criteria.rule is Rule.THRESHOLD else 1
    for number in count(1):
        now = number * SECONDS / looks
        baseline, canary = world.look(generator, state.weight, looks)
        seen.append(Look(state.step, state.weight, now - SECONDS / looks, now, baseline, canary))
        if number % every:
            continue
        verdict = judge(spec, seen, state.step, elapsed=now - state.due_at)
        decision = decide(spec, state, Seen(verdict=verdict), now)
        patience = patience - 1 if decision.write is None else PATIENCE
        yield decision.state, seen, verdict.reason if patience <= 0 else ""
        state = decision.state
        if decision.write is not None:
            # written and settled in no time
            state = replace(state, phase=Phase.OBSERVING, weight=decision.write, shifted_at=now, due_at=now, since=now)


def row(world: World, rule: Rule, runs: int) -> dict[str, Any]:
    """One line of the table, for the bench."""
    outcome = simulate(world, rule, runs)
    return {
        "rolled_back": outcome.rolled_back,
        "ends": dict(outcome.ends),
        "reasons": dict(outcome.reasons),
        "median_canary_requests": outcome.median_spent,
    }
