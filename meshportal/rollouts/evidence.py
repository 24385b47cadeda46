"""What Prometheus says of all canaries that are due: asked once for a whole mesh, then made into looks one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.conf import settings

from meshportal.clients.ports import CanaryCounts, CanaryTarget, ClientError, MetricsPort
from meshportal.mesh.rollouts.counting import arms, bound_of, reading, remembered
from meshportal.mesh.rollouts.phases import State
from meshportal.mesh.rollouts.spec import Spec
from meshportal.mesh.rollouts.verdict import Arm, Look, Pods, Verdict
from meshportal.rollouts.guards import Around
from meshportal.rollouts.models import Look as LookRow
from meshportal.rollouts.models import Rollout

SCRAPES_PER_WINDOW = 4
DOWN = "prometheus-down"


def two_scrapes() -> float:
    """Seconds after which a sample is too old, and for which a new weight has to stand before it is measured."""
    return 2.0 * settings.METRICS_WINDOW_SECONDS / SCRAPES_PER_WINDOW


@dataclass(frozen=True)
class Answers:
    """What one Prometheus said to one sweep, by canary; or why it said nothing."""

    asked: frozenset[str] = frozenset()
    counts: Mapping[str, CanaryCounts | None] = field(default_factory=dict)
    error: str = ""


def target_of(rollout: Rollout, spec: Spec) -> CanaryTarget:
    asked = spec.criteria.max_slow_rate is not None
    return CanaryTarget(str(rollout.pk), spec.service, bound_of(spec.criteria.slow_ms) if asked else None)


def ask(metrics: Callable[[], MetricsPort], targets: Sequence[CanaryTarget]) -> Answers:
    """At most two queries. Never raises ClientError."""
    if not targets:
        return Answers()
    asked = frozenset(target.key for target in targets)
    try:
        return Answers(asked, metrics().canary(targets))
    except ClientError as error:
        return Answers(asked, error=str(error))


@dataclass(frozen=True)
class Glance:
    """One answer about one canary. `look` is None where there is nothing yet to count from; `counters` are to be kept in the row,
    None to leave it. `problem` says why nothing is known, "" where all is well."""

    look: Look | None = None
    counters: dict[str, Any] | None = None
    problem: str = ""
    queries: tuple[str, ...] = ()


def glance(rollout: Rollout, spec: Spec, state: State, there: Around, answers: Answers, now: float) -> Glance:
    """What can be counted since the look before. After each write of weights counting begins anew, two scrapes later."""
    if str(rollout.pk) not in answers.asked:
        return Glance()
    kept = rollout.counters
    begins = kept.get("from", 0.0)
    counted = answers.counts.get(str(rollout.pk))
    queries = counted.queries if counted else ()
    versions = (there.version(spec.baseline), there.version(spec.canary))
    if answers.error:
        problem, found = DOWN, None
    elif counted is None:
        problem, found = "no-data", None
    else:
        found = reading(counted.rows, counted.ages, versions, two_scrapes(), latency=spec.criteria.max_slow_rate is not None)
        problem = found.problem
    if problem or found is None:
        start = kept.get("at", max(begins, state.shifted_at or now))
        look = Look(state.step, state.weight, min(start, now), now, None, None, problem)
        return Glance(look if now >= begins else None, None, problem, queries)
    if "series" not in kept:
        counters = {"at": now, "series": dict(found.counters)} if now >= begins else None
        return Glance(None, counters, "", queries)
    baseline, canary = arms(kept["series"], found.counters, *versions)
    look = Look(state.step, state.weight, kept["at"], now, baseline, canary)
    return Glance(look, {"at": now, "series": remembered(kept["series"], found.counters)}, "", queries)


# ---------------------------------------------------------------- rows


def past(rollout: Rollout) -> list[Look]:
    """Every look of a rollout, oldest first."""
    return [look_of(row) for row in rollout.looks.all()]


def look_of(row: LookRow) -> Look:
    baseline, canary = (_arm(row.counts.get(name)) for name in ("baseline", "canary"))
    return Look(row.step, row.weight, row.start, row.end, baseline, canary, row.problem)


def _arm(body: Mapping[str, Any] | None) -> Arm | None:
    return Arm(**body) if body is not None else None


def columns(look: Look, verdict: Verdict, *, elapsed: float, pods: Pods, queries: Sequence[str]) -> dict[str, Any]:
    """A look with its verdict, as its row keeps them."""
    return {
        "step": look.step,
        "weight": look.weight,
        "start": look.start,
        "end": look.end,
        "counts": {
            "baseline": asdict(look.baseline) if look.baseline else None,
            "canary": asdict(look.canary) if look.canary else None,
        },
        "problem": look.problem,
        "pods": asdict(pods),
        "elapsed": elapsed,
        "answer": verdict.answer.value,
        "reason": verdict.reason,
        "tests": tests_of(verdict),
        "queries": list(queries),
    }


def tests_of(verdict: Verdict) -> list[dict[str, Any]]:
    return [
        {"code": t.code, "answer": t.answer.value if t.answer else None, "measured": t.measured, "limit": t.limit}
        for t in verdict.tests
    ]
