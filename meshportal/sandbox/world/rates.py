"""What rate(), increase() and histogram_quantile() make of samples, as Prometheus 2.42 does it.

Documented at https://prometheus.io/docs/prometheus/2.42/querying/functions/
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from itertools import pairwise

_NEAR = 1.1
"""How many average sample distances an edge of the window may be away for the trend to be extended up to it."""


def growth(values: Sequence[float]) -> float:
    """What a counter gained over `values`. After a reset it counts from zero."""
    gained = values[-1] - values[0]
    for before, after in pairwise(values):
        if after < before:
            gained += before
    return gained


def extrapolated(times: array[int], values: Sequence[float], start_ms: int, end_ms: int) -> float | None:
    """Growth over the whole window from start to end, although samples seldom lie on its edges. None below two samples."""
    if len(values) < 2:
        return None
    gained = growth(values)
    to_start, to_end = (times[0] - start_ms) / 1000, (end_ms - times[-1]) / 1000
    sampled = (times[-1] - times[0]) / 1000
    distance = sampled / (len(values) - 1)
    if gained > 0 and values[0] >= 0:
        # a counter cannot have been below zero, so the trend is not followed further back than that
        to_start = min(to_start, sampled * (values[0] / gained))
    covered = sampled
    for gap in (to_start, to_end):
        covered += gap if gap < distance * _NEAR else distance / 2
    return gained * (covered / sampled)


def quantile(q: float, buckets: Sequence[tuple[float, float]]) -> float:
    """The q-quantile of a histogram given as (upper bound, cumulative count). NaN without observations or +Inf bucket."""
    if math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return -math.inf if q < 0 else math.inf
    bounds, counts = _monotonic(buckets)
    if len(bounds) < 2 or bounds[-1] != math.inf or counts[-1] == 0:
        return math.nan
    rank = q * counts[-1]
    index = next((i for i, count in enumerate(counts[:-1]) if count >= rank), len(bounds) - 1)
    if index == len(bounds) - 1:
        return bounds[-2]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    lower, below = (bounds[index - 1], counts[index - 1]) if index else (0.0, 0.0)
    inside = counts[index] - below
    if inside == 0:
        # Go divides 0 by 0 here
        return math.nan
    return lower + (bounds[index] - lower) * ((rank - below) / inside)


def _monotonic(buckets: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Sorted bounds, each once, and counts that never fall (samples of one scrape may be torn apart)."""
    bounds: list[float] = []
    counts: list[float] = []
    for bound, count in sorted(buckets, key=lambda bucket: bucket[0]):
        if bounds and bounds[-1] == bound:
            counts[-1] += count
        else:
            bounds.append(bound)
            counts.append(count)
    highest = -math.inf
    for index, count in enumerate(counts):
        highest = max(highest, count)
        counts[index] = highest
    return bounds, counts
