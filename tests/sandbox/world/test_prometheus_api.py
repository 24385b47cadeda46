"""The pure parts of the world's Prometheus: samples, rates, quantiles, numbers and the text formats."""

from __future__ import annotations

import json
import math
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh import promql
from meshportal.sandbox.world.exposition import istiod_samples, parsed, text_of
from meshportal.sandbox.world.httpd import Request
from meshportal.sandbox.world.prometheus import application, number
from meshportal.sandbox.world.rates import extrapolated, growth, quantile
from meshportal.sandbox.world.tsdb import STALE, Series, Store, is_stale, labels_of

UP = labels_of("up", {"pod": "a"})
text = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)


def ask(store: Store, path: str = "/api/v1/query", method: str = "GET", **params: str) -> tuple[int, Any]:
    response = application(store, lambda: 1000.0, lambda: "up 1\n", lambda: False)(Request(method, path, params))
    return response.status, json.loads(response.body)


def values(store: Store, query: str, at: float = 1000) -> list[str]:
    status, answer = ask(store, query=query, time=str(at))
    assert status == 200, answer
    return [row["value"][1] for row in answer["data"]["result"]]


# ---------------------------------------------------------------- samples


def test_a_series_that_is_no_longer_exposed_ends_at_once() -> None:
    store = Store()
    store.scrape("pods", 990_000, [(UP, 1.0)])
    store.scrape("pods", 995_000, [])
    assert values(store, "up", 994) == ["1"]
    assert values(store, "up", 995) == []
    store.scrape("pods", 999_000, [(UP, 0.0)])
    assert values(store, "up") == ["0"]


def test_targets_do_not_end_each_others_series() -> None:
    store = Store()
    store.scrape("pods", 990_000, [(UP, 1.0)])
    store.scrape("istiod", 995_000, [])
    assert values(store, "up") == ["1"]


def test_a_series_without_new_samples_is_gone_after_five_minutes() -> None:
    store = Store()
    store.scrape("pods", 600_000, [(UP, 1.0)])
    assert values(store, "up", 900) == ["1"]
    assert values(store, "up", 900.001) == []


def test_old_samples_are_forgotten_and_then_the_series() -> None:
    store = Store(retention_ms=60_000)
    store.scrape("pods", 0, [(UP, 1.0), (labels_of("once", {}), 1.0)])
    for second in range(1, 121):
        store.scrape("pods", second * 1000, [(UP, 1.0)])
    assert [dict(series.labels)["__name__"] for series in store.series()] == ["up"]
    # what is older than a minute goes at every sixtieth scrape
    assert store.series()[0].times[0] == 59_000


def test_samples_out_of_order_are_refused() -> None:
    series = Series(UP)
    series.append(10, 1.0)
    with pytest.raises(ValueError, match="out of order"):
        series.append(10, 1.0)


def test_only_the_stale_marker_is_stale() -> None:
    series = Series(UP)
    for time, value in enumerate([1.0, math.nan, STALE]):
        series.append(time, value)
    assert [is_stale(value) for value in series.values] == [False, False, True]
    assert len(series.between(0, 2)[1]) == 2


def test_an_empty_label_is_no_label() -> None:
    assert labels_of("up", {"pod": "a", "zone": ""}) == UP


# ---------------------------------------------------------------- rates and quantiles


@given(st.lists(st.tuples(st.integers(1, 30_000), st.floats(0, 1e6)), min_size=2, max_size=20), st.integers(0, 60_000))
def test_a_counter_never_has_a_negative_rate(steps: list[tuple[int, float]], margin: int) -> None:
    times, counters, now = array("q"), [], 0
    for step, value in steps:
        now += step
        times.append(now)
        counters.append(value)
    found = extrapolated(times, counters, times[0] - margin, now + margin)
    assert found is not None
    assert found >= 0
    assert growth(sorted(counters)) == max(counters) - min(counters)


def test_a_steady_counter_grows_by_its_rate_over_the_window() -> None:
    times = array("q", range(102_000, 160_000, 5000))
    assert extrapolated(times, [time / 100 for time in times], 100_000, 160_000) == pytest.approx(600)
    assert extrapolated(times[:1], [5.0], 100_000, 160_000) is None


@given(st.floats(0.01, 0.99), st.lists(st.floats(0, 1000), min_size=3, max_size=3))
def test_a_quantile_lies_within_the_buckets(q: float, gains: list[float]) -> None:
    buckets = [(10.0, gains[0]), (100.0, gains[0] + gains[1]), (math.inf, sum(gains[:2]) + gains[2])]
    found = quantile(q, buckets)
    assert math.isnan(found) if sum(gains) == 0 else 0 <= found <= 100


def test_a_quantile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(quantile(0.5, []))
    assert math.isnan(quantile(0.5, [(1.0, 5.0), (2.0, 6.0)]))
    assert math.isnan(quantile(math.nan, [(1.0, 5.0), (math.inf, 6.0)]))
    assert quantile(0.99, [(1.0, 5.0), (math.inf, 600.0)]) == 1.0


# ---------------------------------------------------------------- the API


def test_what_is_not_evaluated_is_refused_in_words() -> None:
    for query in ("topk(3, up)", "up @ 5", "max_over_time(up[5m])", "up[5m]", "up * on () group_left up", "'x'", "up[5m:1m]"):
        status, answer = ask(Store(), query=query)
        assert (status, answer["status"], answer["errorType"]) == (400, "error", "bad_data")
        assert "the sandbox does not evaluate" in answer["error"]


def test_other_paths_are_not_found_and_say_what_there_is() -> None:
    status, answer = ask(Store(), "/api/v1/labels")
    assert status == 404
    assert "/api/v1/query" in answer["error"]


def test_a_form_works_as_well_as_a_query_string_and_now_is_the_default() -> None:
    status, answer = ask(Store(), method="POST", query="time()")
    assert (status, answer["data"]) == (200, {"resultType": "scalar", "result": [1000, "1000"]})


def test_times_in_rfc_3339() -> None:
    assert ask(Store(), query="time()", time="2026-11-24T08:00:00Z")[1]["data"]["result"][1] == "1795507200"
    assert ask(Store(), query="time()", time="2026-11-24T08:00:00")[0] == 400


def test_every_query_of_the_portal_is_answered_by_an_empty_store() -> None:
    for query in (promql.traffic(60), promql.latency(60), promql.proxies(30), promql.control_plane()):
        assert values(Store(), query) == []


@given(st.floats())
def test_numbers_are_written_without_exponent_and_read_back(value: float) -> None:
    written = number(value)
    assert "e" not in written.lower() or value != value
    assert float(written) == value or math.isnan(value)


# ---------------------------------------------------------------- text formats


@given(st.dictionaries(st.sampled_from(["a", "b", "le"]), text.filter(bool)), st.floats())
def test_what_is_exposed_can_be_read_back(labels: dict[str, str], value: float) -> None:
    [(name, found, read)] = parsed(text_of([(labels_of("metric", labels), value)]))
    assert (name, found) == ("metric", labels)
    assert read == value or math.isnan(value)


def test_istiods_own_numbers_are_kept_and_its_runtimes_are_not() -> None:
    exposed = "\n".join([
        "# HELP pilot_xds Number of endpoints connected to this pilot using XDS.", "# TYPE pilot_xds gauge",
        'pilot_xds{version="1.31.0"} 26', 'pilot_total_xds_rejects{type="lds"} 1 1795507200000', "go_goroutines 400", "",
    ])  # fmt: skip
    assert {(dict(labels)["__name__"], value) for labels, value in istiod_samples(exposed)} == {
        ("pilot_xds", 26.0),
        ("pilot_total_xds_rejects", 1.0),
    }
    with pytest.raises(ValueError, match="not a sample"):
        list(istiod_samples("<html>"))
