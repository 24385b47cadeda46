"""What the counts say of a canary: PASS, FAIL, CONTINUE or UNKNOWN, with every test behind it. Pure, from stored looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from meshportal.mesh.rollouts.spec import Criteria, Rule, Spec
from meshportal.mesh.rollouts.statistics import Pair, absolute_harm, relative_harm, share_surprise, upper_difference, wilson

SHARE_ALPHA = 0.001
SHARE_POINTS = 0.02
SHARE_OF_WEIGHT = 0.2
NO_LOOK = "no-look-yet"
OBVIOUS = 10.0  # so many times the limit needs no second look with errors


class Answer(StrEnum):
    """Worst first: this is the order in which answers outweigh each other."""

    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    CONTINUE = "CONTINUE"
    PASS = "PASS"  # noqa: S105  a verdict, not a secret


RANK = {answer: place for place, answer in enumerate(Answer)}


@dataclass(frozen=True)
class Arm:
    """Counts of one version in one look: where they arrive, and as its callers saw them, those that never arrived included."""

    requests: int
    errors: int
    slow: int = 0
    source_requests: int = 0
    source_errors: int = 0

    @property
    def total(self) -> int:
        """Requests, of whichever side saw more: a pod that is gone reports nothing, a caller without a sidecar neither."""
        return max(self.requests, self.source_requests)

    @property
    def bad(self) -> int:
        """Errors, of whichever side saw more."""
        return min(max(self.errors, self.source_errors), self.total)


@dataclass(frozen=True)
class Look:
    """One look at the evidence: what was counted between `start` and `end` at a step, both seconds since 1970.

    An arm is None where Prometheus had no answer, or one that is no number. `problem` says why, "" where all is well.
    """

    step: int
    weight: int
    start: float
    end: float
    baseline: Arm | None
    canary: Arm | None
    problem: str = ""

    @property
    def known(self) -> bool:
        return self.baseline is not None and self.canary is not None and not self.problem


@dataclass(frozen=True)
class Test:
    """One question put to the counts. `measured` and `limit` are numbers whose unit the code tells; None where not asked."""

    __test__ = False  # a class of that name is otherwise collected by pytest

    code: str
    answer: Answer | None
    measured: float | None = None
    limit: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The answer and its reason. `reason` is the code of the test that decided, or of what is missing.

    `values` are the numbers of its sentence. `seen_at` is the end of the youngest look, None where there was none or none was
    needed: a PASS of long ago is no PASS.
    """

    answer: Answer
    reason: str
    tests: tuple[Test, ...] = ()
    values: tuple[tuple[str, Any], ...] = ()
    seen_at: float | None = None


@dataclass(frozen=True)
class Pods:
    """Pods of the canary: ready ones, and whether one of them crashes over and over. None where Kubernetes does not say."""

    ready: int | None = None
    crash_looping: bool = False


def judge(spec: Spec, looks: Sequence[Look], step: int, *, elapsed: float, pods: Pods = Pods()) -> Verdict:
    """The verdict on `step` from every look since the rollout began, oldest first. `elapsed` is the time in seconds at this
    step's weight since it was verified. Hard facts about pods need no counts."""
    if pods.crash_looping:
        return Verdict(Answer.FAIL, "crash-looping")
    if pods.ready == 0 and spec.steps[step].weight:
        return Verdict(Answer.FAIL, "no-ready-pods")
    ours = [look for look in looks if look.step == step]
    if not ours:
        return Verdict(Answer.CONTINUE, NO_LOOK)
    last = ours[-1]
    known = [look for look in looks if look.known]
    here = [look for look in ours if look.known]
    tests = _tests(spec, known, here, step, elapsed)
    failed = [test for test in tests if test.answer is Answer.FAIL]
    if failed:
        return _verdict(failed[0], tests, here, last)
    if not last.known:
        # what came before may have passed; what is now, nobody knows
        return Verdict(Answer.UNKNOWN, last.problem or "no-data", tests, seen_at=last.end)
    asked = [test for test in tests if test.answer is not None]
    return _verdict(min(asked, key=lambda test: RANK[test.answer or Answer.PASS]), tests, here, last)


def _verdict(decided: Test, tests: tuple[Test, ...], here: Sequence[Look], last: Look) -> Verdict:
    """The verdict by the test that decided, with the numbers of its sentence."""
    answer = decided.answer or Answer.CONTINUE
    if answer is Answer.PASS:
        return Verdict(answer, "all", tests, seen_at=last.end)
    values: dict[str, Any] = {"measured": decided.measured, "limit": decided.limit}
    if decided.code == "share":
        received, total = _received(here)
        values = {"received": received, "expected": round(total * last.weight / 100)}
    elif decided.code == "requests":
        values = {"received": decided.measured, "expected": decided.limit}
    return Verdict(answer, decided.code, tests, tuple(values.items()), last.end)


def _tests(spec: Spec, known: Sequence[Look], here: Sequence[Look], step: int, elapsed: float) -> tuple[Test, ...]:
    criteria = spec.criteria
    requests = sum(look.canary.total for look in here if look.canary)
    tests = [
        # nothing passes without a single request, whatever was asked
        _at_least("requests", requests, max(criteria.min_request_count, 1)),
        _at_least("time", elapsed, spec.steps[step].seconds),
    ]
    if criteria.rule is Rule.THRESHOLD:
        tests += _threshold(criteria, here, enough=requests >= criteria.min_request_count)
    else:
        tests += _sequential(criteria, known, spec.steps[step].weight)
    share = _share(here)
    return (*tests, share) if share else tuple(tests)


def _at_least(code: str, measured: float, limit: float) -> Test:
    return Test(code, Answer.PASS if measured >= limit else Answer.CONTINUE, measured, limit)


# ---------------------------------------------------------------- threshold


def _threshold(criteria: Criteria, here: Sequence[Look], *, enough: bool) -> list[Test]:
    tests = [_rate("error-rate", here, "errors", criteria.max_error_rate, enough=enough)]
    if criteria.max_slow_rate is not None:
        tests.append(_rate("slow-rate", here, "slow", criteria.max_slow_rate, enough=enough))
    return tests


def _rate(code: str, here: Sequence[Look], field: str, limit: float, *, enough: bool) -> Test:
    requests = sum(look.canary.total for look in here if look.canary)
    bad = sum(_bad(look.canary, field) for look in here if look.canary)
    if not enough or not requests:
        return Test(code, Answer.CONTINUE, bad / requests if requests else None, limit)
    return Test(code, Answer.PASS if bad <= limit * requests else Answer.FAIL, bad / requests, limit)


# ---------------------------------------------------------------- sequential


def _sequential(criteria: Criteria, known: Sequence[Look], weight: int) -> list[Test]:
    tests = _harm(criteria, known, "errors", criteria.max_error_rate, weight, prefix="")
    if criteria.max_slow_rate is not None:
        tests += _harm(criteria, known, "slow", criteria.max_slow_rate, weight, prefix="slow-")
    return tests


def _harm(criteria: Criteria, known: Sequence[Look], field: str, limit: float, weight: int, *, prefix: str) -> list[Test]:
    pairs = [_pair(look, field) for look in known]
    bar = -math.log(criteria.alpha)
    requests, bad = sum(pair.canary for pair in pairs), sum(pair.canary_bad for pair in pairs)
    burst = sum(1 for pair in pairs if pair.canary_bad) < 2 and bad <= OBVIOUS * limit * requests
    relative = relative_harm(pairs, criteria.ratio)
    tests = [Test(f"{prefix}relative", _held_back(relative, bar, burst=burst), math.exp(min(relative, 700)), 1 / criteria.alpha)]
    absolute = absolute_harm(requests, bad, limit)
    theirs = absolute_harm(sum(pair.baseline for pair in pairs), sum(pair.baseline_bad for pair in pairs), limit)
    answer = _held_back(absolute, bar, burst=burst)
    code = f"{prefix}absolute"
    if answer is Answer.FAIL and theirs >= bar:
        # both arms fail: whatever is wrong is not the canary
        answer, code = Answer.UNKNOWN, f"{prefix}environment"
    tests.append(Test(code, answer, bad / requests if requests else None, limit))
    if criteria.gate_weight <= weight < 100:
        # at 100 % there is no baseline to compare with
        upper = upper_difference(_by_weight(known, field))
        ruled_out = upper is not None and upper <= criteria.delta
        tests.append(Test(f"{prefix}difference", Answer.PASS if ruled_out else Answer.CONTINUE, upper, criteria.delta))
    return tests


def _by_weight(known: Sequence[Look], field: str) -> list[Pair]:
    """The counts of every weight, added up."""
    sums: dict[int, tuple[int, int, int, int]] = {}
    for look in known:
        pair = _pair(look, field)
        so_far = sums.get(look.weight, (0, 0, 0, 0))
        more = (pair.canary, pair.canary_bad, pair.baseline, pair.baseline_bad)
        sums[look.weight] = (so_far[0] + more[0], so_far[1] + more[1], so_far[2] + more[2], so_far[3] + more[3])
    return [Pair(*counts) for counts in sums.values()]


def _held_back(log_e: float, bar: float, *, burst: bool) -> Answer:
    """FAIL beyond the bar. Errors of one single look are a burst until another look has some too."""
    if log_e < bar:
        return Answer.PASS
    return Answer.CONTINUE if burst else Answer.FAIL


def _pair(look: Look, field: str) -> Pair:
    canary, baseline = look.canary or Arm(0, 0), look.baseline or Arm(0, 0)
    return Pair(canary.total, _bad(canary, field), baseline.total, _bad(baseline, field))


def _bad(arm: Arm, field: str) -> int:
    return arm.bad if field == "errors" else min(arm.slow, arm.total)


# ---------------------------------------------------------------- weights


def _share(here: Sequence[Look]) -> Test | None:
    """Whether the weight takes effect: None at 0 and 100 %, where no share can be off."""
    if not here or not 0 < here[-1].weight < 100:
        return None
    share = here[-1].weight / 100
    canary, total = _received(here)
    if not total:
        return Test("share", Answer.CONTINUE, None, share)
    off = abs(canary / total - share)
    wrong = share_surprise(canary, total, share) < SHARE_ALPHA and off > min(SHARE_POINTS, SHARE_OF_WEIGHT * share)
    return Test("share", Answer.UNKNOWN if wrong else Answer.PASS, canary / total, share)


def _received(here: Sequence[Look]) -> tuple[int, int]:
    """Requests of the canary and of both arms at the weight of the last look: somebody may have lowered it meanwhile."""
    now = [look for look in here if look.weight == here[-1].weight]
    canary = sum(look.canary.total for look in now if look.canary)
    return canary, canary + sum(look.baseline.total for look in now if look.baseline)


def at_most(bad: int, requests: int) -> float | None:
    """The one-sided 95 % upper limit of a rate, to be shown beside it; None without requests."""
    return wilson(bad / requests, requests)[1] if requests else None
