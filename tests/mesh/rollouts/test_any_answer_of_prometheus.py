"""Whatever Prometheus answers: nothing rises without fresh evidence, and worse evidence never gives a better verdict.

Answers are generated from a seed: counters of two versions as proxies write them, then broken in every way that counters break.
By default a share of a few seconds; MESHPORTAL_THOROUGH=1 takes 100,000.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rollouts.counting import arms, reading, remembered
from meshportal.mesh.rollouts.machine import decide
from meshportal.mesh.rollouts.phases import DONE, Decision, Phase, Seen, State
from meshportal.mesh.rollouts.spec import Criteria, Rule, Spec, Step
from meshportal.mesh.rollouts.verdict import RANK, Answer, Arm, Look, Pods, Verdict, judge
from meshportal.mesh.rows import CounterRow
from tests.mesh.rollouts import how_many

FRESH_SECONDS = 30.0
SERIES = [(side, pod) for side in ("destination", "source") for pod in ("a", "b")]
GOOD, BAD = ("200", "", "-"), [("503", "", "UF"), ("500", "", "-"), ("200", "14", "-")]


@dataclass
class Said:
    """What was asked of Prometheus at one look: rows and ages, or None where it did not answer; `fault` names what is wrong."""

    rows: list[CounterRow] | None
    ages: dict[str, float]
    fault: str = ""


@dataclass
class Proxies:
    """Counters of two versions that only rise, unless a pod is replaced."""

    dice: random.Random
    counters: dict[CounterRow, float] = field(default_factory=lambda: defaultdict(float))

    def serve(self, weight: int) -> None:
        total = self.dice.choice([0, 3, 40, 400, 4000])
        # mostly healthy, or nothing would ever rise
        rates = [self.dice.choice([0.0, 0.0, 0.001, 0.005, 0.03, 1.0]) if self.dice.random() < 0.3 else 0.0 for _arm in range(2)]
        for version, requests, rate in (("v1", total * (100 - weight) / 100, rates[0]), ("v2", total * weight / 100, rates[1])):
            for side, pod in SERIES:
                bad = float(round(requests / 2 * rate))
                self._count(side, version, pod, GOOD, requests / 2 - bad)
                self._count(side, version, pod, self.dice.choice(BAD), bad)
                # the bucket of what was fast enough: mostly nearly everything
                slow = self.dice.choice([0.0, 0.0, 0.01, 0.2]) if self.dice.random() < 0.1 else 0.0
                self.counters[CounterRow(side, version, pod, 0.0, le="500")] += requests / 2 * (1 - slow)
        if self.dice.random() < 0.05:
            gone = self.dice.choice(SERIES)[1]
            for row in [row for row in self.counters if row.source == gone]:
                self.counters[row] = 0.0

    def _count(self, side: str, version: str, pod: str, how: tuple[str, str, str], more: float) -> None:
        if more:
            code, grpc, flags = how
            self.counters[CounterRow(side, version, pod, 0.0, code, grpc, flags)] += more

    def answer(self) -> Said:
        rows = [replace(row, value=value) for row, value in self.counters.items()]
        ages = {row.version: self.dice.uniform(0, 15) for row in rows}
        whole = Said(rows, ages)
        return self.dice.choice(FAULTS)(whole, self.dice) if self.dice.random() < 0.25 else whole


def _down(_answer: Said, _dice: random.Random) -> Said:
    return Said(None, {}, "down")


def _empty(_answer: Said, _dice: random.Random) -> Said:
    return Said([], {}, "empty")


def _old(answer: Said, dice: random.Random) -> Said:
    late = {version: dice.choice([31.0, 300.0, 1e9]) for version in answer.ages if dice.random() < 0.7}
    return Said(answer.rows, answer.ages | late, "old" if late else answer.fault)


def _odd_age(answer: Said, dice: random.Random) -> Said:
    return Said(answer.rows, answer.ages | dict.fromkeys(answer.ages, dice.choice([math.nan, math.inf])), "odd age")


def _odd_value(answer: Said, dice: random.Random) -> Said:
    rows = list(answer.rows or [])
    if not rows:
        return answer
    place = dice.randrange(len(rows))
    rows[place] = replace(rows[place], value=dice.choice([math.nan, math.inf, -math.inf, -1.0]))
    return Said(rows, answer.ages, "odd value")


def _twice(answer: Said, dice: random.Random) -> Said:
    rows = list(answer.rows or [])
    return Said([*rows, dice.choice(rows)], answer.ages, "twice") if rows else answer


def _others_only(answer: Said, _dice: random.Random) -> Said:
    rows = [replace(row, version="v9") for row in answer.rows or []]
    return Said(rows, {"v9": 1.0}, "no arm of ours")


FAULTS: list[Callable[[Said, random.Random], Said]] = [_down, _empty, _old, _odd_age, _odd_value, _twice, _others_only]


def specs(dice: random.Random) -> Spec:
    criteria = Criteria(
        rule=dice.choice(list(Rule)),
        max_error_rate=dice.choice([0.0, 0.01, 0.05]),
        min_request_count=dice.choice([0, 1, 100, 500]),
        max_slow_rate=dice.choice([None, 0.05]),
    )
    steps = tuple(Step(weight, 30.0) for weight in (10, 30, 60, 90, 100))
    return Spec(
        ServiceRef("shop", "reviews"), "v1", "v2", steps, criteria, blind_rollback_after=dice.choice([60.0, 900.0]), bake=60.0
    )


@dataclass
class Tick:
    """One look of one walk: what was answered, what the product made of it, and what it decided."""

    spec: Spec
    before: State
    answer: Said
    looks: list[Look]
    elapsed: float
    pods: Pods
    verdict: Verdict
    decision: Decision
    now: float


def ticks(answers: int, seed: int) -> Iterator[Tick]:
    """Walks through so many answers; each is written and settles at once, so that only evidence stops it."""
    left, number = answers, 0
    while left > 0:
        number += 1
        for tick in walk(random.Random(seed * 1_000_003 + number)):
            left -= 1
            yield tick
            if not left:
                return


def walk(dice: random.Random) -> Iterator[Tick]:
    spec, proxies, now = specs(dice), Proxies(dice), 10_000.0
    state = State(Phase.OBSERVING, weight=10, since=now, due_at=now, shifted_at=now)
    proxies.serve(state.weight)
    counted, since, looks = _read(proxies, spec), now, list[Look]()
    while state.phase not in DONE | {Phase.ROLLING_BACK} and len(looks) < 60:
        now += dice.choice([6.0, 6.0, 6.0, 31.0])
        proxies.serve(state.weight)
        answer = proxies.answer()
        latency = spec.criteria.max_slow_rate is not None
        found = reading(answer.rows or [], answer.ages, ("v1", "v2"), FRESH_SECONDS, latency=latency)
        problem = "prometheus-down" if answer.rows is None else found.problem
        baseline, canary = (None, None) if problem else arms(counted, found.counters, "v1", "v2")
        looks.append(Look(state.step, state.weight, since, now, baseline, canary, problem))
        if not problem:
            counted, since = remembered(counted, found.counters), now
        pods = Pods(dice.choice([None, 1, 3]) if dice.random() < 0.97 else 0)
        elapsed = now - state.due_at
        verdict = judge(spec, looks, state.step, elapsed=elapsed, pods=pods)
        decision = decide(spec, state, Seen(verdict), now)
        yield Tick(spec, state, answer, list(looks), elapsed, pods, verdict, decision, now)
        state = decision.state
        if decision.write:
            state = decide(spec, state, Seen(written=True), now).state
            state = decide(spec, state, Seen(settled=True), now).state


def _read(proxies: Proxies, spec: Spec) -> dict[str, float]:
    rows = [replace(row, value=value) for row, value in proxies.counters.items()]
    return dict(reading(rows, {"v1": 1.0, "v2": 1.0}, (spec.baseline, spec.canary), FRESH_SECONDS).counters)


def test_nothing_rises_without_fresh_evidence() -> None:
    rises, faults = 0, defaultdict[str, int](int)
    for tick in ticks(how_many(6_000, 100_000), seed=1):
        faults[tick.answer.fault] += 1
        if not tick.decision.write:
            continue
        rises += 1
        assert tick.answer.fault == "", f"it rose on an answer that was {tick.answer.fault}"
        assert tick.verdict.answer is Answer.PASS
        here = [look.canary for look in tick.looks if look.step == tick.before.step and look.canary]
        assert sum(arm.total for arm in here) >= max(1, tick.spec.criteria.min_request_count)
        assert tick.elapsed >= tick.spec.steps[tick.before.step].seconds
        assert tick.pods.ready != 0
        assert tick.decision.write == tick.spec.steps[tick.before.step + 1].weight
    assert rises > 200, "the walks go up often enough to say something"
    assert all(faults[name] > 50 for name in ("", "down", "empty", "old", "odd age", "odd value", "twice", "no arm of ours"))


# ---------------------------------------------------------------- worse is never better


def failing(tick: Tick, dice: random.Random) -> Tick:
    """Some good requests of the canary were errors, as either side saw them."""
    looks = list(tick.looks)
    place = dice.randrange(len(looks))
    arm = looks[place].canary
    if arm is None:
        return tick
    errors = dice.randint(arm.errors, max(arm.errors, arm.requests))
    source = dice.randint(arm.source_errors, max(arm.source_errors, arm.source_requests))
    looks[place] = replace(looks[place], canary=replace(arm, errors=errors, source_errors=source))
    return replace(tick, looks=looks)


def slower(tick: Tick, dice: random.Random) -> Tick:
    looks = list(tick.looks)
    place = dice.randrange(len(looks))
    arm = looks[place].canary
    if arm is None:
        return tick
    looks[place] = replace(looks[place], canary=replace(arm, slow=dice.randint(arm.slow, max(arm.slow, arm.total))))
    return replace(tick, looks=looks)


def fewer_pods(tick: Tick, dice: random.Random) -> Tick:
    ready = None if tick.pods.ready is None else dice.randint(0, tick.pods.ready)
    return replace(tick, pods=Pods(ready, crash_looping=tick.pods.crash_looping or dice.random() < 0.2))


def sooner(tick: Tick, dice: random.Random) -> Tick:
    return replace(tick, elapsed=tick.elapsed * dice.random())


def _verdict(tick: Tick) -> Verdict:
    return judge(tick.spec, tick.looks, tick.before.step, elapsed=tick.elapsed, pods=tick.pods)


def _weight(tick: Tick, verdict: Verdict, now: float | None = None) -> int:
    """The canary's weight after the decision that follows from a verdict."""
    decision = decide(tick.spec, tick.before, Seen(verdict), tick.now if now is None else now)
    return tick.before.weight if decision.write is None else decision.write


@pytest.mark.parametrize("worsened", [failing, slower, fewer_pods, sooner])
def test_worse_evidence_never_gives_a_better_verdict(worsened: Callable[[Tick, random.Random], Tick]) -> None:
    dice, changed = random.Random(3), 0
    for tick in ticks(how_many(1_500, 25_000), seed=2):
        worse = tick
        for _more in range(dice.randint(1, 4)):
            worse = worsened(worse, dice)
        verdict = _verdict(worse)
        assert RANK[verdict.answer] <= RANK[tick.verdict.answer], f"{verdict} after {tick.verdict}"
        assert _weight(tick, verdict) <= _weight(tick, tick.verdict)
        changed += verdict.answer is not tick.verdict.answer
    assert changed > 30, "worse evidence does change something"


def test_evidence_that_is_missing_or_old_lets_nothing_rise() -> None:
    """It may take away what proved a failure; what it never does is to let through what was not let through."""
    rises = 0
    for tick in ticks(how_many(1_500, 25_000), seed=4):
        rises += bool(tick.decision.write)
        older = _weight(tick, tick.verdict, tick.now + 61.0)
        assert older <= tick.before.weight, "it rose on a look of a minute ago"
        last = tick.looks[-1]
        for problem, arm in (("stale", last.canary), ("no-data", None), ("", None)):
            lost = replace(tick, looks=[*tick.looks[:-1], replace(last, canary=arm, problem=problem)])
            verdict = _verdict(lost)
            assert verdict.answer in {Answer.UNKNOWN, Answer.FAIL}
            assert _weight(tick, verdict) <= tick.before.weight
    assert rises > 30


def test_a_canary_without_requests_never_passes() -> None:
    """Not even where nobody asked for any, nor at 100 %."""
    spec = Spec(ServiceRef("shop", "reviews"), "v1", "v2", (Step(10, 30.0), Step(100, 30.0)), Criteria(min_request_count=0))
    for step, weight in ((0, 10), (1, 100)):
        looks = [Look(step, weight, 0.0, 30.0, Arm(0, 0), Arm(0, 0))]
        assert judge(spec, looks, step, elapsed=60.0).answer is Answer.CONTINUE
