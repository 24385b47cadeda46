"""Judging a canary again from what it saw: every verdict is a function of stored looks, so it must come out the same."""

from __future__ import annotations

from dataclasses import dataclass

from meshportal.mesh.rollouts.verdict import Pods, judge
from meshportal.rollouts.evidence import look_of, tests_of
from meshportal.rollouts.models import Look, Rollout


@dataclass(frozen=True)
class Difference:
    """A look whose verdict comes out otherwise. Both are answer and reason, with the tests that differ."""

    look: Look
    kept: str
    again: str
    tests: tuple[str, ...]


def replay(rollout: Rollout) -> tuple[int, list[Difference]]:
    """How many looks there were, and every one that would be judged otherwise today."""
    spec, rows = rollout.wanted, list(rollout.looks.order_by("end", "id"))
    looks = [look_of(row) for row in rows]
    differing = []
    for number, row in enumerate(rows, start=1):
        verdict = judge(spec, looks[:number], row.step, elapsed=row.elapsed, pods=Pods(**row.pods))
        tests = {test["code"] for test in tests_of(verdict) if test not in row.tests}
        tests |= {test["code"] for test in row.tests if test not in tests_of(verdict)}
        if tests or (verdict.answer.value, verdict.reason) != (row.answer, row.reason):
            kept, again = f"{row.answer} ({row.reason})", f"{verdict.answer.value} ({verdict.reason})"
            differing.append(Difference(row, kept, again, tuple(sorted(tests))))
    return len(rows), differing
