"""Which durations Istio takes, and how long they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.durations import parse, write


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3s", 3.0),
        ("1.5s", 1.5),
        ("300ms", 0.3),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("1h30m", 5400.0),
        ("1m0.5s", 60.5),
        ("1ms", 0.001),
        ("2000us", 0.002),
        ("1000µs", 0.001),
        (".5s", 0.5),
        ("1.s", 1.0),
        (" 2s ", 2.0),
    ],
)
def test_reads_what_istio_reads(text: str, seconds: float) -> None:
    assert parse(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5",
        "3 s",
        "3sec",
        "s",
        "3S",
        "-1s",
        "+1s",
        "5000ms0",
        "0s",
        "0.5ms",
        "1.5ms",
        "500us",
        "1e3s",
        "٣s",
        "1d",
        "9999999h",
        "nan",
        "1s" * 60,
    ],
)
def test_refuses_what_istio_refuses(text: str) -> None:
    assert parse(text) is None


def test_zero_passes_only_where_it_means_off() -> None:
    assert parse("0s", zero=True) == 0.0
    assert parse("0", zero=True) is None
    assert parse("0.5ms", zero=True) is None


@pytest.mark.parametrize(("seconds", "text"), [(3, "3s"), (0.3, "300ms"), (300, "5m"), (5400, "90m"), (0, "0s"), (1.5, "1500ms")])
def test_writes_the_largest_whole_unit(seconds: float, text: str) -> None:
    assert write(seconds) == text


@given(st.integers(1, 10**9))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    assert parse(write(milliseconds / 1000)) == milliseconds / 1000


@given(st.text(max_size=12))
def test_no_text_breaks_it(text: str) -> None:
    seconds = parse(text)
    assert seconds is None or seconds >= 0.001
