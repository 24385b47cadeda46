"""Quantiles of a histogram, computed as Prometheus does.

https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def histogram_quantile(q: float, buckets: Sequence[tuple[float, float]]) -> float | None:
    """The `q`-quantile (0–1) of cumulative `buckets`, each (upper bound, count or rate), in any order.

    Interpolates linearly within a bucket. A quantile in the +Inf bucket is the highest finite bound: the histogram cannot say
    more. Returns None where Prometheus answers NaN: no observations, no +Inf bucket, or fewer than two buckets.
    Raises ValueError for a `q` outside 0–1.
    """
    if not 0 <= q <= 1:
        raise ValueError(f"a quantile lies between 0 and 1, not at {q}")
    ladder = _ladder(buckets)
    if len(ladder) < 2 or ladder[-1][0] != math.inf or not 0 < ladder[-1][1] < math.inf:
        return None
    rank = q * ladder[-1][1]
    index = next((i for i, (_, count) in enumerate(ladder[:-1]) if count >= rank), len(ladder) - 1)
    upper, count = ladder[index]
    if upper == math.inf:
        return ladder[-2][0]
    if index == 0 and upper <= 0:
        return upper
    lower, below = ladder[index - 1] if index else (0.0, 0.0)
    if count == below:  # only for q = 0 over an empty first bucket; Prometheus divides 0 by 0 here
        return None
    return min(lower + (upper - lower) * ((rank - below) / (count - below)), upper)


def _ladder(buckets: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Buckets by upper bound: equal bounds added, counts never falling (Prometheus forgives rounding and lost scrapes so)."""
    by_bound: dict[float, float] = {}
    for bound, count in buckets:
        by_bound[bound] = by_bound.get(bound, 0.0) + count
    ladder: list[tuple[float, float]] = []
    highest = -math.inf
    for bound in sorted(by_bound):
        highest = max(highest, by_bound[bound])
        ladder.append((bound, highest))
    return ladder
