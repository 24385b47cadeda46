from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.health import CONFIRM, CONFIRM_LATENCY, CONFIRM_PROXIES, FORGET_SECONDS, Facts, Limits, Memory, judge
from meshportal.mesh.signals import Signals
from meshportal.mesh.snapshot import State, Why

WINDOW = 60
LIMITS = Limits()


def facts(requests: float = 600, errors: float = 0, metrics: bool = True, inventory: bool = True, **known: Any) -> Facts:
    """A service with so many requests and failures in the window, two ready pods and two live Envoys."""
    numbers = Signals("source", requests / WINDOW, errors / WINDOW, "503" if errors else "", None, None)
    usual: dict[str, Any] = {"pods_ready": 2, "pods_total": 2, "envoys_ready": 2, "envoys_total": 2, "selects": True}
    return Facts(metrics=metrics, inventory=inventory, window_seconds=WINDOW, **{"signals": numbers} | usual | known)


def after(*ticks: Facts, before: Memory | None = None, start: float = 0) -> Memory:
    """What is believed after these ticks, five seconds apart."""
    for place, tick in enumerate(ticks):
        before = judge(tick, before, LIMITS, start + 5 * place)
    assert before is not None
    return before


def states(ticks: Iterable[Facts], before: Memory | None = None) -> list[str]:
    found = []
    for place, tick in enumerate(ticks):
        before = judge(tick, before, LIMITS, 5.0 * place)
        found.append(before.verdict.state.value)
    return found


WELL = after(facts())


@given(st.floats(1, 2000), st.integers(1, 12))
def test_one_failed_request_pages_nobody_however_long_it_stays_in_the_window(requests: float, ticks: int) -> None:
    # Prometheus extrapolates: a single failure reads as up to 1.33
    assert set(states([facts(requests, min(requests, 1.33))] * ticks, WELL)) == {"OK"}


def test_many_failures_among_many_requests_are_believed_at_once() -> None:
    found = after(facts(600, 60), before=WELL, start=100)
    assert (found.verdict.state, found.verdict.why, found.since) == (State.FAIL, Why.ERRORS, 100)
    assert (found.verdict.value, found.verdict.limit) == (10, 5)


def test_failures_among_few_requests_are_believed_when_they_stay() -> None:
    assert states([facts(10, 5)] * CONFIRM, WELL) == ["OK"] * (CONFIRM - 1) + ["FAIL"]


def test_a_state_is_left_below_a_lower_limit_and_not_at_the_first_glance() -> None:
    failing = after(facts(600, 60))
    between = facts(600, 26)  # 4.3 %: under the limit of 5, above the 4 that ends it
    assert states([between] * 9, failing) == ["FAIL"] * 9
    assert after(between, before=failing).verdict.limit == 4
    assert states([facts()] * 3, failing) == ["FAIL", "FAIL", "OK"]


def test_a_single_good_tick_does_not_end_a_failure_nor_start_its_clock_anew() -> None:
    failing = after(facts(600, 60))
    found = after(facts(), facts(600, 60), facts(), facts(600, 60), before=failing, start=5)
    assert (found.verdict.state, found.since) == (State.FAIL, 0)


def test_while_a_state_still_stands_its_number_is_todays() -> None:
    found = after(facts(600, 6), before=after(facts(600, 60)))
    assert (found.verdict.state, found.verdict.value) == (State.FAIL, 1)


def test_slow_answers_warn_after_two_measurements_and_never_fail() -> None:
    slow = facts(p95_ms=612.0)
    assert states([slow] * CONFIRM_LATENCY, WELL) == ["OK"] * (CONFIRM_LATENCY - 1) + ["WARN"]
    assert after(*[facts(p95_ms=60_000.0)] * 20, before=WELL).verdict.state is State.WARN
    # of five requests the p95 is merely the slowest
    assert set(states([facts(5, p95_ms=9000.0)] * 20, WELL)) == {"OK"}


def test_the_worst_is_told_first() -> None:
    both = facts(600, 60, p95_ms=612.0, envoys_ready=1)
    assert after(*[both] * 20).verdict.why is Why.ERRORS


def test_no_ready_pod_fails_and_scaled_to_zero_only_warns_unless_somebody_calls() -> None:
    down = facts(pods_ready=0, envoys_ready=0)
    assert states([down] * 3, WELL) == ["OK", "OK", "FAIL"]
    assert after(*[down] * 3, before=WELL).verdict.why is Why.NO_READY_PODS
    gone = facts(0, pods_ready=0, pods_total=0, envoys_ready=0, envoys_total=0)
    assert after(*[gone] * 3, before=WELL).verdict.state is State.WARN
    assert after(*[replace(gone, signals=facts().signals)] * 3, before=WELL).verdict.state is State.FAIL


def test_a_proxy_that_does_not_report_warns_when_it_had_time_to() -> None:
    missing = facts(envoys_ready=1)
    assert states([missing] * CONFIRM_PROXIES, WELL)[-2:] == ["OK", "WARN"]
    found = after(*[missing] * CONFIRM_PROXIES, before=WELL)
    assert (found.verdict.why, found.verdict.value, found.verdict.limit) == (Why.PROXIES, 1, 2)


def test_measured_silence_is_well() -> None:
    assert after(facts(0)).verdict.why is Why.NO_TRAFFIC


def test_a_service_that_was_never_called_is_well_while_its_proxies_report() -> None:
    assert after(facts(signals=None)).verdict.why is Why.NO_TRAFFIC
    assert after(facts(signals=None, envoys_ready=None)).verdict.why is Why.NOT_SEEN
    assert after(facts(signals=None, envoys_ready=0, envoys_total=0)).verdict.why is Why.NOT_MEASURED


def test_series_that_vanish_make_unknown_then_are_forgotten_after_an_hour() -> None:
    vanished = facts(signals=None)
    found = after(*[vanished] * 3, before=WELL)
    assert (found.verdict.state, found.verdict.why) == (State.UNKNOWN, Why.NOT_SEEN)
    assert after(vanished, before=found, start=FORGET_SECONDS + 60).verdict.why is Why.NO_TRAFFIC


def test_a_tick_that_only_repeats_the_last_one_confirms_nothing() -> None:
    assert states([facts(10, 5)] + [facts(10, 5, news=False)] * 9, WELL) == ["OK"] * 10


@given(st.sampled_from([facts(), facts(600, 60), facts(10, 5), facts(p95_ms=612.0)]))
def test_without_prometheus_nothing_is_green_or_red_but_what_kubernetes_knows(before: Facts) -> None:
    known = after(*[before] * 6)
    gone = facts(metrics=False)
    assert after(gone, before=known).verdict.why is Why.METRICS_GONE
    no_pods = facts(metrics=False, pods_ready=0)
    assert after(*[no_pods] * 4, before=known).verdict.why is Why.NO_READY_PODS


def test_without_kubernetes_what_prometheus_knows_still_counts() -> None:
    gone = facts(inventory=False, pods_ready=None, pods_total=None, envoys_ready=None)
    assert after(gone, before=WELL).verdict.why is Why.INVENTORY_GONE
    failing = replace(gone, signals=facts(600, 60).signals)
    assert after(failing, before=WELL).verdict.why is Why.ERRORS


def test_back_from_unknown_the_first_look_counts() -> None:
    unknown = after(facts(metrics=False), before=WELL)
    assert after(facts(), before=unknown, start=50).verdict.state is State.OK
    assert after(facts(600, 60), before=unknown, start=50).since == 50


@pytest.mark.parametrize("text", ["", "many", "nan", "inf", "-1", "0"])
def test_a_limit_that_is_no_number_is_ignored(text: str) -> None:
    assert Limits.of({"meshportal.io/errors-fail-percent": text}, LIMITS) == LIMITS


def test_a_service_may_set_its_own_limits() -> None:
    own = Limits.of({"meshportal.io/errors-fail-percent": "20", "meshportal.io/p95-warn-ms": "900.5"}, LIMITS)
    assert own == Limits(errors_warn_percent=0.5, errors_fail_percent=20, p95_warn_ms=900.5)
    assert judge(facts(600, 60), WELL, own, 5).verdict.state is State.WARN


TICKS = st.lists(
    st.builds(
        facts,
        st.floats(0, 1000),
        st.floats(0, 10),
        metrics=st.booleans(),
        inventory=st.booleans(),
        pods_ready=st.integers(0, 2),
        p95_ms=st.one_of(st.none(), st.floats(0, 2000)),
    ),
    min_size=1,
    max_size=30,
)


@given(TICKS)
def test_since_moves_exactly_when_the_state_does(ticks: list[Facts]) -> None:
    before = judge(ticks[0], None, LIMITS, 0)
    for place, tick in enumerate(ticks[1:], 1):
        now = judge(tick, before, LIMITS, 5.0 * place)
        assert now.since == (before.since if now.verdict.state == before.verdict.state else 5.0 * place)
        before = now


@given(TICKS)
def test_green_needs_both_sources(ticks: list[Facts]) -> None:
    for tick, state in zip(ticks, states(ticks), strict=True):
        assert state != "OK" or (tick.metrics and tick.inventory)


def test_pods_that_restart_while_prometheus_is_away_do_not_make_the_service_green_or_red() -> None:
    blip = facts(metrics=False, pods_ready=0)
    assert states([blip, blip, facts(metrics=False), facts()], WELL) == ["UNKNOWN", "UNKNOWN", "UNKNOWN", "OK"]
