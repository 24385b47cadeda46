"""What is computed with the standard library is what SciPy computes, and what SciPy does not have keeps its promise in a
simulation: a healthy canary is blamed in at most `alpha` of the runs, however often one looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from meshportal.mesh.rollouts.statistics import (
    Pair,
    absolute_harm,
    clean_needed,
    relative_harm,
    share_surprise,
    upper_difference,
    wilson,
)
from tests.mesh.rollouts import how_many

counts = st.integers(1, 200_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@given(counts)
def test_wilsons_limits_are_scipys(counted: tuple[int, int]) -> None:
    bad, requests = counted
    # two-sided 90 % is one-sided 95 % at each end
    theirs = binomtest(bad, requests).proportion_ci(0.90, method="wilson")
    assert wilson(bad / requests, requests) == pytest.approx((theirs.low, theirs.high), rel=1e-9, abs=1e-12)


@given(counts, counts)
def test_the_limit_of_a_difference_is_newcombes(canary: tuple[int, int], baseline: tuple[int, int]) -> None:
    """Newcombe 1998, method 10, from SciPy's two Wilson limits: d + sqrt((u1 - p1)² + (p2 - l2)²)."""
    ours, theirs = canary[0] / canary[1], baseline[0] / baseline[1]
    upper = binomtest(*canary).proportion_ci(0.90, method="wilson").high
    lower = binomtest(*baseline).proportion_ci(0.90, method="wilson").low
    newcombe = ours - theirs + math.sqrt((upper - ours) ** 2 + (theirs - lower) ** 2)
    pair = Pair(canary[1], canary[0], baseline[1], baseline[0])
    assert upper_difference([pair]) == pytest.approx(newcombe, rel=1e-9, abs=1e-12)


def test_a_worked_example_of_newcombe() -> None:
    """56 of 70 and 48 of 80 (his table II, a): the 95 % interval of the difference is 0.0524 to 0.3339."""
    # his limits are two-sided, ours is one-sided: the same formula at another z
    above = wilson(56 / 70, 70, 1.959964)[1] - 56 / 70
    below = 48 / 80 - wilson(48 / 80, 80, 1.959964)[0]
    assert 56 / 70 - 48 / 80 + math.hypot(above, below) == pytest.approx(0.3339, abs=5e-5)


@given(st.integers(1, 20), st.integers(10, 2000), st.integers(10, 2000))
def test_strata_of_one_split_add_up(steps: int, canary: int, baseline: int) -> None:
    one = Pair(canary, canary // 10, baseline, baseline // 10)
    sums = Pair(steps * canary, steps * (canary // 10), steps * baseline, steps * (baseline // 10))
    assert upper_difference([one] * steps) == pytest.approx(upper_difference([sums]), rel=1e-9)


def test_a_storm_while_the_baseline_had_all_requests_hides_no_harm() -> None:
    """5 % errors everywhere at first; later 0.1 % in the baseline and 0.9 % in the canary. Added up as they are, the canary
    would look better than the baseline by 3.5 points."""
    storm = Pair(500, 25, 9500, 475)
    calm = Pair(9500, 86, 500, 1)
    assert (25 + 86) / 10_000 < (475 + 1) / 10_000
    assert upper_difference([storm, calm]) == pytest.approx(0.008, abs=0.004)


def test_a_difference_needs_requests_of_both() -> None:
    assert upper_difference([]) is None
    assert upper_difference([Pair(100, 0, 0, 0), Pair(0, 0, 100, 0)]) is None
    assert upper_difference([Pair(1000, 0, 1000, 0), Pair(500, 0, 0, 0)]) == pytest.approx(0.0027, abs=1e-4)


@given(st.integers(1, 100_000), st.integers(1, 99), st.floats(-8, 8))
def test_the_surprise_of_a_share_is_the_binomial_tail(total: int, weight: int, off: float) -> None:
    """Twice SciPy's tail: exact while the spread is under 50 requests, within half of it beyond. SciPy's own two-sided p-value
    counts the other tail by its probabilities, so it lies between one tail and two."""
    share = weight / 100
    spread = math.sqrt(total * share * (1 - share))
    canary = min(total, max(0, round(total * share + off * spread)))
    tail = float(min(binom.cdf(canary, total, share), binom.sf(canary - 1, total, share)))
    ours = share_surprise(canary, total, share)
    if spread < 50:
        assert ours == pytest.approx(min(1.0, 2 * tail), rel=1e-6, abs=1e-300)
        p_value = float(binomtest(canary, total, share).pvalue)
        assert p_value * (1 - 1e-6) <= ours + 1e-300 or ours == pytest.approx(p_value, rel=0.5)
    elif tail > 1e-6:
        assert ours == pytest.approx(min(1.0, 2 * tail), rel=0.5)
    else:
        assert ours < 1e-5


@pytest.mark.parametrize(("canary", "total", "weight"), [(5, 100, 1), (0, 160, 5), (45, 900, 5), (8, 50, 10), (4, 20, 5)])
def test_few_requests_are_weighed_exactly(canary: int, total: int, weight: int) -> None:
    """The normal approximation would call 5 of 100 at 1 % one in 17,000; it is one in 290."""
    assert share_surprise(canary, total, weight / 100) == pytest.approx(binomtest(canary, total, weight / 100).pvalue, rel=1.0)


def test_a_share_that_cannot_be_is_no_chance() -> None:
    assert share_surprise(0, 0, 0.2) == 1.0
    assert (share_surprise(0, 50, 0.0), share_surprise(1, 50, 0.0), share_surprise(50, 50, 1.0)) == (1.0, 0.0, 1.0)


@given(st.floats(0.0005, 0.5), st.sampled_from([0.9, 0.95, 0.99]))
def test_so_many_clean_requests_show_a_limit_and_one_fewer_does_not(limit: float, confidence: float) -> None:
    needed = clean_needed(limit, confidence)

    def highest(clean: int) -> float:
        """The exact upper limit of Clopper and Pearson, with no bad request."""
        return float(binomtest(0, clean).proportion_ci(2 * confidence - 1, method="exact").high)

    assert highest(needed) <= limit * (1 + 1e-9)
    assert needed == 1 or highest(needed - 1) > limit * (1 - 1e-9)


def test_one_percent_takes_299_clean_requests() -> None:
    assert clean_needed(0.01) == 299
    assert (clean_needed(0.0), clean_needed(1.0)) == (0, 0)


# ---------------------------------------------------------------- e-processes


RUNS, LOOKS = how_many(2000, 20_000), 40
RATIO, LIMIT, ALPHA = 1.5, 0.01, 0.01


def walks(generator: np.random.Generator, canary_rate: float, baseline_rate: float) -> list[list[Pair]]:
    """Runs of looks with weights that rise from 5 to 95 %."""
    weights = np.linspace(0.05, 0.95, LOOKS)
    ours, theirs = np.round(200 * weights).astype(int), np.round(200 * (1 - weights)).astype(int)
    bad = generator.binomial(ours, canary_rate, (RUNS, LOOKS))
    base = generator.binomial(theirs, baseline_rate, (RUNS, LOOKS))
    return [
        [Pair(int(n), int(s), int(m), int(f)) for n, s, m, f in zip(ours, b, theirs, c, strict=True)]
        for b, c in zip(bad, base, strict=True)
    ]


def relative_path(pairs: list[Pair]) -> list[float]:
    return [relative_harm(pairs[: looks + 1], RATIO) for looks in range(3, LOOKS, 4)]


def absolute_path(pairs: list[Pair]) -> list[float]:
    path, requests, bad = [], 0, 0
    for pair in pairs:
        requests, bad = requests + pair.canary, bad + pair.canary_bad
        path.append(absolute_harm(requests, bad, LIMIT))
    return path


@pytest.mark.parametrize(
    ("path", "canary", "baseline"),
    [(relative_path, 0.015, 0.01), (relative_path, 0.005, 0.005), (absolute_path, LIMIT, 0.01), (absolute_path, 0.004, 0.01)],
    ids=["at-the-ratio", "as-good", "at-the-limit", "under-the-limit"],
)  # fmt: skip
def test_while_nothing_is_wrong_the_mean_stays_at_one_and_the_bar_is_rarely_crossed(path, canary, baseline) -> None:  # type: ignore[no-untyped-def]  # functions of this file
    """At the border of the hypothesis the mean of E is 1 at every look (within three standard errors), inside it
    less; and at most alpha of the runs ever cross 1/alpha."""
    paths = np.array([path(pairs) for pairs in walks(np.random.default_rng(6), canary, baseline)])
    for looks in (0, len(paths[0]) // 2, len(paths[0]) - 1):
        values = np.exp(paths[:, looks])
        error = values.std() / math.sqrt(RUNS)
        assert values.mean() <= 1 + 3 * error, f"E has a mean of {values.mean():.3f} ± {error:.3f}"
    crossed = float((paths.max(axis=1) >= -math.log(ALPHA)).mean())
    # three standard errors of a share of alpha
    assert crossed <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)


def test_real_harm_crosses_the_bar_soon() -> None:
    pairs = [Pair(100, 3, 100, 0)] * 10
    assert relative_harm(pairs[:1], RATIO) < -math.log(ALPHA) < relative_harm(pairs, RATIO)
    assert absolute_harm(1000, 30, LIMIT) > -math.log(ALPHA) > absolute_harm(1000, 12, LIMIT)


def test_looks_without_one_arm_tell_nothing_of_the_ratio() -> None:
    pairs = [Pair(100, 2, 100, 1)]
    assert relative_harm([*pairs, Pair(0, 0, 100, 50), Pair(100, 50, 0, 0)], RATIO) == relative_harm(pairs, RATIO)


@given(st.sampled_from([0.0, 1.0]) | st.floats(1e-6, 1 - 1e-6), st.integers(0, 10_000), st.integers(0, 10_000))
def test_no_limit_breaks_the_absolute_test_and_none_blames_a_rate_under_it(limit: float, requests: int, bad: int) -> None:
    bad = min(bad, requests)
    log_e = absolute_harm(requests, bad, limit)
    assert not math.isnan(log_e)
    if bad <= limit * requests:
        assert log_e <= 1e-9, "a measured rate within the limit is no evidence against it"


def test_the_limit_of_a_difference_is_above_it_in_95_of_a_hundred_runs_even_where_the_split_changes() -> None:
    """Both arms have 1 %; the baseline nearly all requests at first, the canary at the end. A limit that took the baseline's
    requests at their number, and not at what they say of the canary's time, would be too low in every fifth run."""
    generator, runs = np.random.default_rng(7), 2000
    sizes = ((500, 9500), (9500, 500))
    above = 0
    for _run in range(runs):
        strata = [Pair(n, int(generator.binomial(n, 0.01)), m, int(generator.binomial(m, 0.01))) for n, m in sizes]
        above += (upper_difference(strata) or 0.0) >= 0.0
    assert above / runs >= 0.94
