"""Quantiles of a histogram agree with Prometheus' documentation and never leave the histogram."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.quantiles import histogram_quantile

INF = math.inf


@pytest.mark.parametrize(
    ("q", "buckets", "expected"),
    [
        (0.5, [(100, 10), (200, 10), (INF, 10)], 50),  # all in the first bucket, which starts at 0
        (0.5, [(100, 5), (200, 15), (INF, 20)], 150),
        (0.95, [(100, 5), (200, 15), (INF, 20)], 200),  # in +Inf: the highest finite bound
        (1, [(100, 0), (200, 8), (INF, 8)], 200),
        (0, [(100, 4), (INF, 8)], 0),
        (0.5, [(-10, 6), (INF, 8)], -10),  # a first bucket below zero has no lower end
        (0.5, [(INF, 20), (200, 15), (100, 5)], 150),  # order does not matter
        (0.5, [(100, 2), (100, 3), (200, 15), (INF, 20)], 150),  # equal bounds are added
        (0.75, [(100, 5), (200, 4), (300, 8), (INF, 8)], pytest.approx(233.333, abs=0.001)),  # a falling count is lifted
    ],
)
def test_a_quantile_is_interpolated_as_prometheus_documents(
    q: float, buckets: list[tuple[float, float]], expected: float
) -> None:
    assert histogram_quantile(q, buckets) == expected


@pytest.mark.parametrize(
    "buckets",
    [
        [],
        [(INF, 10)],
        [(100, 5), (200, 10)],
        [(100, 0), (INF, 0)],
        [(100, math.nan), (INF, math.nan)],
        [(100, 1), (INF, INF)],
    ],
)
def test_without_observations_there_is_no_quantile(buckets: list[tuple[float, float]]) -> None:
    assert histogram_quantile(0.95, buckets) is None


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan])
def test_a_quantile_outside_0_to_1_is_a_mistake_of_the_caller(q: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        histogram_quantile(q, [(100, 1), (INF, 1)])


counts = st.lists(st.floats(0, 1e6), min_size=2, max_size=12)


def ladder(parts: list[float]) -> list[tuple[float, float]]:
    """Cumulative buckets 1, 2, 4 … and +Inf from the observations of each bucket."""
    bounds = [2.0**i for i in range(len(parts) - 1)] + [INF]
    return [(bound, math.fsum(parts[: i + 1])) for i, bound in enumerate(bounds)]


@given(counts, st.floats(0.001, 1))
def test_a_quantile_lies_within_the_finite_bounds(parts: list[float], q: float) -> None:
    buckets = ladder(parts)
    value = histogram_quantile(q, buckets)
    if buckets[-1][1] == 0:
        assert value is None
    else:
        assert value is not None and 0 <= value <= buckets[-2][0]


@given(counts, st.floats(0.001, 1), st.floats(0.001, 1))
def test_a_higher_quantile_is_never_lower(parts: list[float], one: float, other: float) -> None:
    low, high = (histogram_quantile(q, ladder(parts)) for q in sorted((one, other)))
    if low is not None and high is not None:
        assert low <= high * (1 + 1e-9)


@given(counts, st.floats(0.001, 1))
def test_a_quantile_falls_into_the_bucket_that_holds_its_rank(parts: list[float], q: float) -> None:
    buckets = ladder(parts)
    value = histogram_quantile(q, buckets)
    if value is not None:
        rank = q * buckets[-1][1]
        below = [count for bound, count in buckets if bound < value * (1 - 1e-9)]
        at = [count for bound, count in buckets if bound >= value or bound == buckets[-2][0]]
        assert not below or below[-1] <= rank * (1 + 1e-9)
        assert at[0] >= rank * (1 - 1e-9) or value == buckets[-2][0]
