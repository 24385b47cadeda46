"""Timeouts and retries: how far they hide failures, what they cost the destination, and how both ends count it."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.sandbox.world.graph import LATENCY
from tests.sandbox.world.builders import destination, pod
from tests.sandbox.world.small_mesh import HEALTHY, PODS, REVIEWS, asked, at_destination, at_source, failing, mesh, routed

MEDIAN, SIGMA = LATENCY[REVIEWS].median_ms, LATENCY[REVIEWS].sigma


def slower_than(milliseconds: float) -> float:
    return 1 - NormalDist(math.log(MEDIAN), SIGMA).cdf(math.log(milliseconds))


def test_a_timeout_cuts_off_what_is_slower() -> None:
    found = asked(mesh(routed(timeout="25ms"))).flows
    late = slower_than(25)
    assert 0.1 < late < 0.9
    assert at_source(found) == pytest.approx({("200", "-", "v1"): 1 - late, ("504", "UT", "v1"): late})
    # the destination's proxy sees that its client has gone
    assert at_destination(found) == pytest.approx({("200", "-", "v1"): 1 - late, ("0", "DC", "v1"): late})


def test_nobody_waits_longer_than_the_timeout() -> None:
    for flow in asked(mesh(routed(timeout="25ms"))).flows:
        assert flow.latency.within(25) == pytest.approx(1)
        assert flow.latency.mean_ms() <= 25


def test_the_app_works_even_for_those_who_have_gone() -> None:
    assert sum(asked(mesh(routed(timeout="25ms"))).worked.values()) == pytest.approx(1)


@pytest.mark.parametrize("code", ["500", "503"])
def test_without_a_wish_for_retries_a_failure_of_the_app_is_not_tried_again(code: str) -> None:
    found = asked(mesh(routed()), failing("v1", 0.3, code)).flows
    assert at_source(found) == pytest.approx({("200", "-", "v1"): 0.7, (code, "-", "v1"): 0.3})
    assert at_destination(found) == pytest.approx(at_source(found))


@given(st.integers(1, 6), st.floats(0.01, 0.95))
def test_retries_leave_the_share_that_fails_every_time_and_cost_the_destination(attempts: int, share: float) -> None:
    found = asked(mesh(routed(retries={"attempts": attempts, "retryOn": "5xx"})), failing("v1", share)).flows
    lost = share ** (attempts + 1)
    source, arrived = at_source(found), at_destination(found)
    assert source.get(("503", "URX", "v1"), 0.0) == pytest.approx(lost, abs=1e-6)
    assert source["200", "-", "v1"] == pytest.approx(1 - lost, abs=1e-6)
    assert sum(arrived.values()) == pytest.approx(sum(share**number for number in range(attempts + 1)), abs=1e-6)


@pytest.mark.parametrize(
    ("retry_on", "code", "again"),
    [
        ("5xx", "500", True),
        ("gateway-error", "500", False),
        ("gateway-error", "502", True),
        ("503", "503", True),
        ("503", "500", False),
        ("retriable-4xx", "409", True),
        ("retriable-4xx", "404", False),
        ("connect-failure,refused-stream", "503", False),
        ("retriable-status-codes", "503", False),
        ("reset", "503", False),
    ],
)
def test_what_is_tried_again_depends_on_the_conditions(retry_on: str, code: str, again: bool) -> None:
    found = at_source(asked(mesh(routed(retries={"attempts": 1, "retryOn": retry_on})), failing("v1", 0.5, code)).flows)
    assert found == pytest.approx({("200", "-", "v1"): 0.75, (code, "URX", "v1"): 0.25} if again else {
        ("200", "-", "v1"): 0.5, (code, "-", "v1"): 0.5,
    })  # fmt: skip


def test_no_attempts_are_none_and_leave_no_flag() -> None:
    found = at_source(asked(mesh(routed(retries={"attempts": 0})), failing("v1", 1.0)).flows)
    assert found == {("503", "-", "v1"): 1.0}


def test_a_retry_goes_to_another_pod() -> None:
    """Of two pods the second is well: only a retry that finds the first one again fails, once in 64 times."""
    pods = [one for one in PODS if one["metadata"]["labels"].get("version") != "v3"][:3]
    two = [*pods[:2], pod("bookinfo", "reviews", "v1"), pod("bookinfo", "reviews", "v2")]
    of = mesh(routed(destination("reviews"), retries={"attempts": 1, "retryOn": "5xx"}), pods=two)
    found = at_source(asked(of, failing("v2", 1.0)).flows)
    assert found["503", "URX", "v2"] == pytest.approx(0.5 / 64)
    assert found["200", "-", "v1"] == pytest.approx(1 - 0.5 / 64)


def test_a_try_that_takes_too_long_is_tried_again_where_resets_are() -> None:
    per_try = {"attempts": 2, "perTryTimeout": "25ms"}
    late = slower_than(25)
    found = asked(mesh(routed(retries=per_try | {"retryOn": "gateway-error"}))).flows
    assert at_source(found)["504", "URX,UT", "v1"] == pytest.approx(late**3)
    assert at_destination(found)["0", "DC", "v1"] == pytest.approx(late + late**2 + late**3)
    once = at_source(asked(mesh(routed(retries=per_try | {"retryOn": "connect-failure"}))).flows)
    assert once["504", "UT", "v1"] == pytest.approx(late)


def test_the_timeout_bounds_all_tries_together() -> None:
    retries = {"attempts": 5, "perTryTimeout": "100ms", "retryOn": "5xx"}
    found = asked(mesh(routed(timeout="0.28s", retries=retries)), failing("v1", 0, slowness=1000.0)).flows
    assert at_source(found) == pytest.approx({("504", "UT", "v1"): 1.0})
    # two whole tries and the beginning of a third, as waiting comes in between
    assert sum(at_destination(found).values()) == pytest.approx(3)
    assert all(flow.latency.mean_ms() == pytest.approx(280) for flow in found if flow.at_source)


def test_no_try_begins_when_the_time_is_up() -> None:
    """Failures that take long enough, with the wait after them, leave no time for a second try."""
    of = mesh(routed(timeout="26ms", retries={"attempts": 3, "retryOn": "5xx"}))
    found = asked(of, failing("v1", 1.0)).flows
    assert at_source(found) == pytest.approx({("504", "UT", "v1"): 1.0})
    assert sum(at_destination(found).values()) == pytest.approx(1)
    assert all(flow.latency.mean_ms() == pytest.approx(26) for flow in found if flow.at_source)


def test_the_end_of_the_whole_time_is_not_tried_again() -> None:
    of = mesh(routed(timeout="25ms", retries={"attempts": 3, "perTryTimeout": "1s", "retryOn": "5xx"}))
    found = asked(of).flows
    assert at_source(found)["504", "UT", "v1"] == pytest.approx(slower_than(25))
    assert sum(at_destination(found).values()) == pytest.approx(1)


def test_a_last_try_that_the_whole_timeout_ends_was_not_one_too_many() -> None:
    of = mesh(routed(timeout="40ms", retries={"attempts": 1, "perTryTimeout": "20ms", "retryOn": "5xx"}))
    assert at_source(asked(of, failing("v1", 0, slowness=1000.0)).flows) == pytest.approx({("504", "UT", "v1"): 1.0})


def test_retries_make_requests_slower() -> None:
    of = mesh(routed(retries={"attempts": 1, "retryOn": "5xx"}))
    second = [flow for flow in asked(of, failing("v1", 0.5)).flows if flow.at_source and flow.latency.shift_ms]
    assert sum(flow.rate for flow in second) == pytest.approx(0.5)
    usual = LATENCY[REVIEWS].mean_ms()
    assert all(flow.latency.mean_ms() == pytest.approx(2 * usual + 12.5, abs=0.01) for flow in second)


def test_shares_stay_whole_whatever_is_combined() -> None:
    of = mesh(routed(
        destination("reviews", "v1", 60), destination("reviews", "v2", 40), timeout="60ms",
        retries={"attempts": 3, "perTryTimeout": "20ms", "retryOn": "5xx"},
        fault={"abort": {"httpStatus": 418, "percentage": {"value": 7}}, "delay": {"fixedDelay": "1s", "percent": 9}},
    ))  # fmt: skip
    assert sum(at_source(asked(of, failing("v2", 0.4)).flows).values()) == pytest.approx(1)
    assert sum(at_source(asked(of, HEALTHY).flows).values()) == pytest.approx(1)
