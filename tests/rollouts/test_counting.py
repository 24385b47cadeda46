"""From two readings of counters to what each version got in between."""

from __future__ import annotations

import math

import pytest

from meshportal.mesh.rollouts.counting import arms, bound_of, key_of, reading, remembered
from meshportal.mesh.rollouts.verdict import Arm
from meshportal.mesh.rows import CounterRow

FRESH = {"v1": 3.0, "v2": 4.0}


def row(version: str, value: float, code: str = "200", reporter: str = "destination", **more: str) -> CounterRow:
    return CounterRow(reporter, version, more.pop("source", "a"), value, code, **more)


def counters(*rows: CounterRow) -> dict[str, float]:
    found = reading(rows, FRESH, ("v1", "v2"), 30)
    assert found.problem == ""
    return dict(found.counters)


def canary(before: dict[str, float], after: dict[str, float]) -> Arm:
    return arms(before, after, "v1", "v2")[1]


def test_what_came_in_between_counts() -> None:
    before = counters(row("v1", 100), row("v2", 10))
    after = counters(row("v1", 190), row("v2", 20))
    assert arms(before, after, "v1", "v2") == (Arm(90, 0), Arm(10, 0))


def test_a_canary_that_fails_everything_is_seen_from_its_first_request() -> None:
    after = counters(row("v1", 100), row("v2", 7, "503"))
    assert canary(counters(row("v1", 10)), after) == Arm(7, 7)


def test_a_counter_that_began_anew_counts_from_0() -> None:
    before, after = counters(row("v1", 1), row("v2", 500)), counters(row("v1", 1), row("v2", 30))
    assert canary(before, after) == Arm(30, 0)


def test_each_proxy_has_its_own_counter() -> None:
    before = counters(row("v1", 1), row("v2", 500, source="a"), row("v2", 500, source="b"))
    after = counters(row("v1", 1), row("v2", 510, source="a"), row("v2", 5, source="b"))
    assert canary(before, after) == Arm(15, 0)


def test_a_counter_that_was_away_is_not_counted_twice() -> None:
    first = counters(row("v1", 1), row("v2", 500))
    gap = remembered(first, counters(row("v1", 1)))
    assert canary(gap, counters(row("v1", 1), row("v2", 520))) == Arm(20, 0)


@pytest.mark.parametrize(
    ("failure", "bad"),
    [
        (row("v2", 5, "500"), True),
        (row("v2", 5, "0"), True),
        (row("v2", 5, "404"), False),
        (row("v2", 5, grpc_status="14"), True),
        (row("v2", 5, grpc_status="0"), False),
        *((row("v2", 5, reporter="source", flags=flag), True) for flag in ("UH", "UF", "UO", "NR", "NC", "URX", "UT", "UF,URX")),
        (row("v2", 5, reporter="source", flags="-"), False),
        (row("v2", 5, flags="UF"), False),
    ],
)
def test_what_is_an_error(failure: CounterRow, bad: bool) -> None:
    assert (canary({}, counters(row("v1", 1), failure)).bad == 5) is bad


def test_both_sides_are_kept_and_never_added() -> None:
    after = counters(row("v1", 1), row("v2", 8), row("v2", 8, reporter="source"), row("v2", 2, "503", "source", flags="UF"))
    arm = canary({}, after)
    assert (arm.requests, arm.source_requests, arm.errors, arm.source_errors) == (8, 10, 0, 2)
    assert (arm.total, arm.bad) == (10, 2)


def test_requests_that_found_nobody_are_the_canarys_where_it_got_none() -> None:
    lost = row("unknown", 12, "503", "source", flags="UH")
    assert canary({}, counters(row("v1", 90, reporter="source"), lost)) == Arm(0, 0, 0, 12, 12)
    served = counters(row("v1", 90, reporter="source"), row("v2", 10, reporter="source"), lost)
    assert canary({}, served).bad == 0, "where it got some, nobody knows whose they were"


def test_slow_is_what_did_not_come_within_the_bound() -> None:
    before = counters(row("v1", 1), row("v2", 100), row("v2", 90, "", le="500.0"))
    after = counters(row("v1", 1), row("v2", 200), row("v2", 130, "", le="500.0"))
    assert canary(before, after).slow == 60


@pytest.mark.parametrize(("slow_ms", "bound"), [(500, 500), (600, 500), (499, 250), (0.1, 0.5), (1e9, 60000)])
def test_nothing_slow_counts_as_fast(slow_ms: float, bound: float) -> None:
    assert bound_of(slow_ms) == bound


@pytest.mark.parametrize(
    ("rows", "ages", "problem"),
    [
        ([], {}, "no-data"),
        ([row("v3", 5)], {"v3": 1.0}, "no-data"),
        ([row("v1", 5), row("v2", 1)], {"v1": 2.0, "v2": 31.0}, "stale"),
        ([row("v1", 5), row("v2", math.nan)], FRESH, "nan"),
        ([row("v1", 5), row("v2", math.inf)], FRESH, "nan"),
        ([row("v1", 5), row("v2", -1)], FRESH, "nan"),
        ([row("v1", 5)], {"v1": math.nan}, "nan"),
        ([row("v1", 5), row("v1", 5)], FRESH, "ambiguous"),
    ],
)
def test_what_says_nothing_is_no_reading(rows: list[CounterRow], ages: dict[str, float], problem: str) -> None:
    assert reading(rows, ages, ("v1", "v2"), 30).problem == problem


def test_without_buckets_nobody_knows_what_is_slow() -> None:
    rows = [row("v1", 5), row("v2", 5)]
    assert reading(rows, FRESH, ("v1", "v2"), 30, latency=True).problem == "no-latency"
    assert arms({}, counters(*rows), "v1", "v2")[1].slow == 0


def test_a_version_without_series_got_nothing_where_the_other_proves_that_it_would_be_seen() -> None:
    after = dict(reading([row("v1", 90)], {"v1": 1.0}, ("v1", "v2"), 30).counters)
    assert canary({}, after) == Arm(0, 0)


def test_a_name_cannot_pretend_to_be_another() -> None:
    assert key_of(row("v1|200", 1)).split("|")[1] == "v1_200"


def test_a_histogram_that_is_late_makes_nothing_slow() -> None:
    """Envoy adds to its histograms every five seconds, to its counters at once: measured on real proxies."""
    before = counters(row("v1", 1), row("v2", 100), row("v2", 100, "", le="500.0"), row("v2", 100, "", le="+Inf"))
    between = counters(row("v1", 1), row("v2", 140), row("v2", 100, "", le="500.0"), row("v2", 100, "", le="+Inf"))
    after = counters(row("v1", 1), row("v2", 180), row("v2", 170, "", le="500.0"), row("v2", 180, "", le="+Inf"))
    assert [arm.slow for arm in arms(before, between, "v1", "v2")] == [0, 0]
    assert arms(between, after, "v1", "v2")[1].slow == 10
