"""A weight in a VirtualService is the share of real requests, and the share that the portal measures in a real Prometheus."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from meshportal.clients.ports import TrafficRow
from tests.dataplane.plane import Answer, Plane

pytestmark = [pytest.mark.dataplane, pytest.mark.xdist_group("dataplane")]
REQUESTS = 5_000
POINTS = 2.0
WARM_UP = 1_000
"""Of a series that is new or still small, Prometheus' rate() tells less than there was: it extrapolates to the window's edge, but
not beyond the time when the counter would have been 0."""


def four_sigma(share: float, count: int) -> float:
    """How far `count` requests may be from their expected share by chance: once in 16,000 runs they are further."""
    return 4 * math.sqrt(share * (1 - share) / count)


def answered_by(answers: Counter[Answer], version: str) -> int:
    return sum(count for (_, who), count in answers.items() if who == version)


@pytest.mark.parametrize("weight", [10, 25, 50])
def test_a_weight_holds_and_the_portal_measures_it(plane: Plane, weight: int) -> None:
    plane.ask_often(WARM_UP)
    plane.shift(weight)
    answers, window = plane.measured(REQUESTS)
    assert {status for status, _ in answers} == {200}
    share = answered_by(answers, "v2") / REQUESTS
    assert abs(share - weight / 100) <= four_sigma(weight / 100, REQUESTS), answers

    rows = plane.metrics.versions([plane.service], window)
    for reporter in ("source", "destination"):
        rates: dict[str, float] = {}
        for row in rows:
            if row.reporter == reporter:
                rates[row.version] = rates.get(row.version, 0) + row.per_second
        assert {version for version, rate in rates.items() if rate} == {"v1", "v2"}
        measured = 100 * rates["v2"] / sum(rates.values())
        assert abs(measured - 100 * share) <= POINTS, (reporter, rates, answers)


def test_a_failing_version_shows_and_only_as_far_as_its_weight_lets_it(plane: Plane) -> None:
    weight, failure_rate, count = 25, 0.8, 2_000
    plane.make("reviews-v2", failure_rate=failure_rate)
    plane.ask_often(WARM_UP)
    plane.shift(weight)
    answers, window = plane.measured(count)
    failed = sum(number for (status, _), number in answers.items() if status == 500)
    assert answers[500, "v1"] == 0
    expected = weight / 100 * failure_rate
    assert abs(failed / count - expected) <= four_sigma(expected, count), answers

    rates = of_service(plane, window)
    measured = sum(row.per_second for row in rates if row.response_code == "500") / sum(row.per_second for row in rates)
    assert abs(measured - failed / count) <= POINTS / 100


def of_service(plane: Plane, window: int) -> list[TrafficRow]:
    return [row for row in plane.metrics.traffic(window) if row.service == plane.service and row.reporter == "source"]
