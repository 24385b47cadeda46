from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rows import LatencyRow, TrafficRow, VersionRow
from meshportal.mesh.signals import Signals, latencies, mesh_p95, shares, signals

CART = ServiceRef("shop", "cart")


def row(rate: float, code: str = "200", reporter: str = "destination", policy: str = "mutual_tls") -> TrafficRow:
    return TrafficRow(reporter, CART, code, "unknown" if reporter == "source" else policy, rate)


def cart(*rows: TrafficRow) -> Signals:
    return signals(rows)[CART]


def test_the_two_sides_of_one_request_are_never_added() -> None:
    found = cart(row(10, reporter="source"), row(9, reporter="destination"))
    assert (found.per_second, found.reporter) == (10, "source")


def test_the_callers_side_sees_what_never_arrived() -> None:
    found = cart(row(8, reporter="source"), row(2, "503", "source"), row(8))
    assert (found.error_percent, found.success_percent, found.worst_code) == (20, 80, "503")


def test_without_callers_that_have_a_sidecar_the_services_own_side_counts() -> None:
    assert cart(row(5)).reporter == "destination"
    # a caller with a sidecar that fell silent does not hide those without one
    assert cart(row(0, reporter="source"), row(5)).per_second == 5


def test_no_answer_at_all_is_a_failure_and_a_client_error_is_none() -> None:
    found = cart(row(90, reporter="source"), row(6, "0", "source"), row(4, "404", "source"))
    assert (found.error_percent, found.worst_code) == (6, "0")


def test_mtls_is_told_by_the_serving_side_alone() -> None:
    found = cart(row(100, reporter="source"), row(3, policy="mutual_tls"), row(1, policy="none"))
    assert (found.mtls_percent, found.served_per_second) == (75, 4)


def test_all_plaintext_is_0_percent_and_no_traffic_is_no_data() -> None:
    assert cart(row(4, policy="none")).mtls_percent == 0
    quiet = cart(row(0))
    assert (quiet.per_second, quiet.mtls_percent, quiet.success_percent, quiet.error_percent) == (0, None, None, None)
    assert cart(row(4, reporter="source")).mtls_percent is None


def test_a_service_without_series_has_no_numbers_at_all() -> None:
    assert signals([]) == {}
    assert signals([row(math.nan)]) == {}


RATES = st.floats(0, 1e6, allow_nan=False)
CODES = st.sampled_from(["200", "404", "500", "503", "0"])
REPORTERS = st.sampled_from(["source", "destination", "waypoint"])
ROWS = st.lists(st.builds(row, RATES, CODES, REPORTERS, st.sampled_from(["mutual_tls", "none"])), min_size=1)


@given(ROWS)
def test_numbers_are_shares_of_what_one_reporter_counted(rows: list[TrafficRow]) -> None:
    found = cart(*rows)
    counted = sum(r.per_second for r in rows if r.reporter == found.reporter)
    assert found.per_second == pytest.approx(counted)
    for share in (found.mtls_percent, found.error_percent, found.success_percent):
        assert share is None or -1e-6 <= share <= 100 + 1e-6
    assert (found.error_percent is None) == (found.per_second == 0)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1))
def test_when_everything_is_encrypted_it_is_exactly_100_percent(rates: list[float]) -> None:
    found = cart(*(row(rate) for rate in rates))
    assert (found.mtls_percent, found.success_percent) == (100, 100)


def test_versions_share_what_reached_a_pod() -> None:
    def of(version: str, rate: float, code: str = "200", reporter: str = "source") -> VersionRow:
        return VersionRow(reporter, CART, version, code, rate)

    lost, twice = of("unknown", 50, "503"), of("v1", 70, reporter="destination")
    found = shares([of("v1", 90), of("v2", 9), of("v2", 1, "500"), lost, twice])
    assert {version: share.percent for version, share in found[CART].items()} == {"v1": 90, "v2": 10}
    assert found[CART]["v2"].error_percent == 10
    assert shares([of("v1", 0)])[CART]["v1"].percent is None


def test_latency_is_kept_by_the_side_that_measured_it() -> None:
    rows = [LatencyRow("source", CART, 20.0), LatencyRow("destination", CART, 10.0), LatencyRow("waypoint", CART, math.nan)]
    assert latencies(rows) == {CART: {"source": 20.0, "destination": 10.0}}
    assert mesh_p95({"destination": 10.0, "source": 20.0}) == 20.0
    assert mesh_p95({}) is None
