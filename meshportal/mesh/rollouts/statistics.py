"""Tests on counts that stay valid however often one looks.

An e-process is a product of likelihood ratios whose mean is at most 1 while the hypothesis holds; by Ville's inequality it
exceeds 1/alpha at any time with probability alpha at most (Lindon & Malek, Anytime-Valid Inference for Multinomial Count Data,
NeurIPS 2022). Everything works on sums of rows, so recomputing from stored looks gives the same number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Z_95 = 1.6448536269514722  # one-sided 95 % of the normal distribution
GRID = 12
WORST_RATIO = 40.0
WORST_RATE = 0.5


@dataclass(frozen=True)
class Pair:
    """Counts of one look: requests and bad ones (errors, or slow) of canary and baseline."""

    canary: int
    canary_bad: int
    baseline: int
    baseline_bad: int


def relative_harm(pairs: Iterable[Pair], ratio: float) -> float:
    """log E against "the canary's rate is at most `ratio` times the baseline's".

    Given the bad requests of a look, each is the canary's with probability rho n / (rho n + m). A mixture over 12 ratios, spaced
    geometrically from 1.2 `ratio` to 40. Looks in which an arm had no requests tell nothing of the ratio.
    """
    looks = [pair for pair in pairs if pair.canary and pair.baseline]
    return _log_mean_exp([sum(_gain(pair, worse, ratio) for pair in looks) for worse in _geometric(1.2 * ratio, WORST_RATIO)])


def _gain(pair: Pair, worse: float, ratio: float) -> float:
    ours, held = (worse * pair.canary, pair.baseline), (ratio * pair.canary, pair.baseline)
    of_canary = math.log(ours[0] / sum(ours)) - math.log(held[0] / sum(held))
    of_baseline = math.log(ours[1] / sum(ours)) - math.log(held[1] / sum(held))
    return pair.canary_bad * of_canary + pair.baseline_bad * of_baseline


def absolute_harm(requests: int, bad: int, limit: float) -> float:
    """log E against "the rate is at most `limit`" (a ratio). A mixture over 12 rates from 1.2 `limit` to one half."""
    if limit <= 0:
        return math.inf if bad else 0.0
    top = max(WORST_RATE, min(1.2 * limit, 0.99))
    rates = [rate for rate in _geometric(min(1.2 * limit, top), top) if rate > limit] or [top]
    good = requests - bad
    terms = [bad * math.log(rate / limit) + good * (math.log1p(-rate) - math.log1p(-limit)) for rate in rates]
    return _log_mean_exp(terms)


def upper_difference(pairs: Sequence[Pair]) -> float | None:
    """The one-sided 95 % upper limit of the canary's rate minus the baseline's (Newcombe 1998: two Wilson limits combined).

    None where an arm has no requests.
    """
    canary, baseline = sum(pair.canary for pair in pairs), sum(pair.baseline for pair in pairs)
    if not canary or not baseline:
        return None
    ours = sum(pair.canary_bad for pair in pairs) / canary
    theirs = sum(pair.baseline_bad for pair in pairs) / baseline
    above = wilson(ours, canary)[1] - ours
    below = theirs - wilson(theirs, baseline)[0]
    return ours - theirs + math.hypot(above, below)


def wilson(rate: float, requests: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's limits of a rate measured over `requests`; with the default z each is one-sided 95 %."""
    middle = rate + z * z / (2 * requests)
    reach = z * math.sqrt(rate * (1 - rate) / requests + z * z / (4 * requests * requests))
    scale = 1 + z * z / requests
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def share_surprise(canary: int, total: int, share: float) -> float:
    """Two-sided probability that a share as far off as `canary` of `total` arises by chance where `share` (0–1) is configured.

    The normal approximation with continuity correction; 1 where nothing was counted, 0 for what cannot be.
    """
    if not total:
        return 1.0
    spread = math.sqrt(total * share * (1 - share))
    if not spread:
        return 1.0 if canary == round(total * share) else 0.0
    return math.erfc(max(0.0, abs(canary - total * share) - 0.5) / spread / math.sqrt(2))


def clean_needed(limit: float, confidence: float = 0.95) -> int:
    """How many requests without a bad one show that the rate is under `limit`: ln(1 - confidence) / ln(1 - limit)."""
    return math.ceil(math.log(1 - confidence) / math.log1p(-limit)) if 0 < limit < 1 else 0


def _geometric(low: float, high: float) -> list[float]:
    if high <= low:
        return [low]
    return [low * (high / low) ** (place / (GRID - 1)) for place in range(GRID)]


def _log_mean_exp(terms: Sequence[float]) -> float:
    top = max(terms)
    return top + math.log(sum(math.exp(term - top) for term in terms) / len(terms))
