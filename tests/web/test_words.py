"""Numbers, ages and moments as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings
from django.utils import translation

from meshportal.web import words

NOON = datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1842, 0, "1,842"),
        (0.0812, 2, "0.08"),
        (8.4, 1, "8.4"),
        (-0.001, 2, "0.00"),
        (-12.5, 1, "-12.5"),
        (1_234_567.8, 0, "1,234,568"),
    ],
)
def test_numbers_have_fixed_digits_and_commas(value: float, digits: int, text: str) -> None:
    assert words.number(value, digits) == text


def test_nothing_measured_is_said_and_is_not_zero() -> None:
    assert words.amount(None, "%") == "no data"
    assert words.amount(float("nan"), "ms") == "no data"
    assert words.amount(0, "/s") == "0\xa0/s"
    assert words.amount(8.4, "%", 1) == "8.4\xa0%"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"), (0, "0 s"), (4.9, "4 s"), (60, "1 min"), (190, "3 min 10 s"), (1199, "19 min 59 s"), (1530, "25 min"),
        (3600, "1 h"), (3900, "1 h 5 min"), (86_400, "1 d"), (532_800, "6 d 4 h"),
    ],
)  # fmt: skip
def test_ages_have_at_most_two_units(seconds: float, text: str) -> None:
    assert words.age(seconds) == text


def test_ages_are_relative_to_a_moment_and_clocks_that_differ_are_forgiven() -> None:
    assert words.ago(NOON - timedelta(minutes=26), NOON) == "26 min ago"
    assert words.ago(NOON + timedelta(seconds=2), NOON) == "just now"


def test_moments_are_in_the_zone_of_the_portal() -> None:
    assert words.clock(NOON) == "12:00:05"
    assert words.clock(NOON.timestamp(), seconds=False) == "12:00"
    assert words.day(NOON) == "24 Nov"
    with override_settings(TIME_ZONE="Asia/Shanghai"):
        assert words.clock(NOON) == "20:00:05"


def test_chinese_has_its_own_units() -> None:
    with translation.override("zh-hans"):
        assert words.age(190) == "3 分 10 秒"
        assert words.ago(NOON - timedelta(hours=2), NOON) == "2 小时前"
        assert words.day(NOON) == "11 月 24 日"
        assert words.amount(None) == "无数据"
