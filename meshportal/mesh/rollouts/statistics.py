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
WIDE = 50.0
NOTHING = 1e-12


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
    geometrically from 1.2 `ratio` to 40. Looks in which an arm had no requests, or nothing went wrong, tell nothing of the ratio.
    """
    looks = [
        (float(pair.canary), float(pair.baseline), pair.canary_bad, pair.canary_bad + pair.baseline_bad)
        for pair in pairs
        if pair.canary and pair.baseline and pair.canary_bad + pair.baseline_bad
    ]
    ours = sum(bad for _canary, _baseline, bad, _all in looks)
    return _log_mean_exp(
        [
            # the log likelihood of `worse` over that of `ratio`: one logarithm a look, which a thousand looks notice
            ours * math.log(worse / ratio)
            - sum(every * math.log((worse * n + m) / (ratio * n + m)) for n, m, _bad, every in looks)
            for worse in _geometric(1.2 * ratio, max(WORST_RATIO, 1.2 * ratio))
        ]
    )


def absolute_harm(requests: int, bad: int, limit: float) -> float:
    """log E against "the rate is at most `limit`" (a ratio). A mixture over 12 rates from 1.2 `limit` to one half.

    From a limit of about 0.42 on the rates lie between it and 1. Where everything may fail nothing is harm.
    """
    if limit <= 0:
        return math.inf if bad else 0.0
    if limit >= 1:
        return 0.0
    low = min(1.2 * limit, (1 + limit) / 2)
    good = requests - bad
    terms = [
        bad * math.log(rate / limit) + good * (math.log1p(-rate) - math.log1p(-limit))
        for rate in _geometric(low, max(WORST_RATE, low))
    ]
    return _log_mean_exp(terms)


def upper_difference(strata: Sequence[Pair]) -> float | None:
    """The one-sided 95 % upper limit of the canary's rate minus the baseline's (Newcombe 1998: two Wilson limits combined).

    Each stratum has counts of one weight. The baseline's rate is standardised to the canary's requests: added up as they are,
    errors of a time in which the baseline had nearly all requests would hide those of a time in which the canary has them. None
    where no stratum has requests of both.
    """
    both = [pair for pair in strata if pair.canary and pair.baseline]
    if not both:
        return None
    requests = sum(pair.canary for pair in both)
    ours = sum(pair.canary_bad for pair in both) / requests
    shares = [(pair.canary / requests, pair) for pair in both]
    theirs = min(1.0, sum(share * pair.baseline_bad / pair.baseline for share, pair in shares))
    # as many requests as would measure a rate with the variance of this sum
    worth = 1 / sum(share * share / pair.baseline for share, pair in shares)
    above = wilson(ours, requests)[1] - ours
    below = theirs - wilson(theirs, worth)[0]
    return ours - theirs + math.hypot(above, below)


def wilson(rate: float, requests: float, z: float = Z_95) -> tuple[float, float]:
    """Wilson's limits of a rate measured over `requests`; with the default z each is one-sided 95 %."""
    middle = rate + z * z / (2 * requests)
    reach = z * math.sqrt(rate * (1 - rate) / requests + z * z / (4 * requests * requests))
    scale = 1 + z * z / requests
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def share_surprise(canary: int, total: int, share: float) -> float:
    """Two-sided probability that a share as far off as `canary` of `total` arises by chance where `share` (0–1) is configured.

    Twice the tail of the binomial distribution; from a spread of 50 requests on its normal approximation with continuity
    correction. 1 where nothing was counted, 0 for what cannot be.
    """
    if not total:
        return 1.0
    expected, spread = total * share, math.sqrt(total * share * (1 - share))
    if not spread:
        return 1.0 if canary == round(expected) else 0.0
    if spread >= WIDE:
        return math.erfc(max(0.0, abs(canary - expected) - 0.5) / spread / math.sqrt(2))
    if canary < expected:
        return min(1.0, 2 * _tail(total - canary, total, 1 - share))
    return min(1.0, 2 * _tail(canary, total, share))


def _tail(least: int, total: int, share: float) -> float:
    """The probability of `least` or more of `total`, for a `least` from the mean on, where the terms only shrink."""
    odds = share / (1 - share)
    term = math.exp(
        math.lgamma(total + 1)
        - math.lgamma(least + 1)
        - math.lgamma(total - least + 1)
        + least * math.log(share)
        + (total - least) * math.log1p(-share)
    )
    sum_ = 0.0
    for count in range(least, total + 1):
        sum_ += term
        term *= (total - count) / (count + 1) * odds
        if term < sum_ * NOTHING:
            break
    return sum_


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
