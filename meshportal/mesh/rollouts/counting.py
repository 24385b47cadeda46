"""From counters of Prometheus to the two arms of a look. Pure; whoever calls keeps the counters of the look before.

A counter that is smaller than before began anew: its pod was replaced, and all it has is new. One that is new is new as a whole.
Counters that are away for a while are remembered, so that what comes back is not counted twice.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from meshportal.mesh.inventory import UNKNOWN_VERSION
from meshportal.mesh.rollouts.verdict import Arm
from meshportal.mesh.rows import CounterRow
from meshportal.mesh.signals import SERVING, is_error

BOUNDS = (0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0, 30000.0, 60000.0)
"""Istio's buckets of latency in milliseconds, as far as a person waits."""
FAILED_FLAGS = frozenset({"UH", "UF", "UO", "NR", "NC", "URX", "UT"})
"""Why a request never got an answer of the service, as its caller's proxy writes it
(https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags)."""
SERVED, SENT = "served", "sent"
_SEPARATOR = "|"

Counters = Mapping[str, float]
"""Values by `key_of` their row."""


@dataclass(frozen=True)
class Reading:
    """What one answer of Prometheus says: its counters, or why they are none: no-data, stale, nan, ambiguous, no-latency."""

    counters: Counters
    problem: str = ""


@dataclass
class _Side:
    requests: float = 0.0
    errors: float = 0.0
    fast: float = 0.0
    timed: float = 0.0


def bound_of(slow_ms: float) -> float:
    """The bucket's bound that stands for `slow_ms`: the largest that is not larger, so that nothing slow counts as fast."""
    return max((bound for bound in BOUNDS if bound <= slow_ms), default=BOUNDS[0])


def key_of(row: CounterRow) -> str:
    parts = (row.reporter, row.version, row.response_code, row.grpc_status, row.flags, row.le, row.source)
    return _SEPARATOR.join(part.replace(_SEPARATOR, "_") for part in parts)


def reading(
    rows: Iterable[CounterRow],
    ages: Mapping[str, float],
    versions: Iterable[str],
    fresh_seconds: float,
    *,
    latency: bool = False,
) -> Reading:
    """An answer, checked. `versions` are the two arms; with `latency` there have to be buckets, for without them all is slow.

    An arm without series has 0 requests, as long as the other proves that Prometheus sees the service; where neither has any,
    nobody knows.
    """
    mine = [age for version, age in ages.items() if version in set(versions)]
    rows = list(rows)
    if not rows or not mine:
        return Reading({}, "no-data")
    if any(not math.isfinite(age) for age in mine):
        return Reading({}, "nan")
    if max(mine) > fresh_seconds:
        return Reading({}, "stale")
    keys = Counter(key_of(row) for row in rows)
    if max(keys.values()) > 1:
        return Reading({}, "ambiguous")
    if any(not math.isfinite(row.value) or row.value < 0 for row in rows):
        return Reading({}, "nan")
    if latency and not any(row.le for row in rows):
        return Reading({}, "no-latency")
    return Reading({key_of(row): row.value for row in rows})


def remembered(before: Counters, after: Counters) -> dict[str, float]:
    """What to count from next time."""
    return {**before, **after}


def arms(before: Counters, after: Counters, baseline: str, canary: str) -> tuple[Arm, Arm]:
    """What the two versions (baseline, canary) got between two readings.

    A request whose caller found nobody to send it to belongs to no version. Where the canary got none at all and the baseline
    did, such requests were the canary's: only a subset without endpoints loses them.
    """
    sides: dict[tuple[str, str], _Side] = {}
    for key, value in after.items():
        reporter, version, code, grpc, flags, le, _source = key.split(_SEPARATOR)
        old = before.get(key, 0.0)
        more = value - old if value >= old else value
        where = SERVED if reporter in SERVING else SENT
        side = sides.setdefault((version, where), _Side())
        if le and math.isinf(float(le)):
            side.timed += more
            continue
        if le:
            side.fast += more
            continue
        side.requests += more
        side.errors += more if _failed(code, grpc, flags if where == SENT else "") else 0.0
    buckets = any(key.split(_SEPARATOR)[5] for key in after)
    timing = any(key.split(_SEPARATOR)[5] == "+Inf" for key in after)
    theirs, ours = (_arm(sides, version, buckets=buckets, timing=timing) for version in (baseline, canary))
    lost = round(sum(sides[version, SENT].errors for version in ("", UNKNOWN_VERSION) if (version, SENT) in sides))
    if lost and not ours.total and theirs.total:
        ours = Arm(0, 0, 0, lost, lost)
    return theirs, ours


def _failed(code: str, grpc: str, flags: str) -> bool:
    return is_error(code) or grpc not in {"", "0"} or bool(FAILED_FLAGS & set(flags.split(",")))


def _arm(sides: Mapping[tuple[str, str], _Side], version: str, *, buckets: bool, timing: bool) -> Arm:
    """`timing`: the histograms say how many requests they have timed; where they had no new one, nothing is known to be slow."""
    served, sent = sides.get((version, SERVED), _Side()), sides.get((version, SENT), _Side())
    fuller = served if served.requests >= sent.requests else sent
    late = not fuller.timed and timing
    return Arm(
        requests=round(served.requests),
        errors=round(served.errors),
        slow=max(0, round((fuller.timed or fuller.requests) - fuller.fast)) if buckets and not late else 0,
        source_requests=round(sent.requests),
        source_errors=round(sent.errors),
    )
