"""The geometry of lines: where they run, and that a gap stays a gap."""

from __future__ import annotations

import re

import pytest

from meshportal.web import charts, svg
from meshportal.web.charts import Frame, Line, Mark, Point

GAP: list[Point] = [(0, 1.0), (60, 2.0), (120, None), (180, 4.0), (240, 3.0)]
UNIT = Frame(0, 100, 0, 100)


def test_the_line_stops_where_data_stops_and_goes_on_behind_it() -> None:
    assert charts.runs(GAP) == [[(0, 1.0), (60, 2.0)], [(180, 4.0), (240, 3.0)]]
    assert charts.gaps(GAP, 0, 240) == [(60, 180)]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0, None), (60, 1.0), (120, 2.0)], [(0, 60)]),
        ([(0, 1.0), (60, 2.0), (120, None)], [(60, 120)]),
        ([(0, None), (60, None)], [(0, 120)]),
        ([], [(0, 120)]),
        ([(0, 1.0), (60, float("nan")), (120, 1.0)], [(0, 120)]),
    ],
)
def test_missing_data_at_the_edges_or_everywhere_is_a_gap_too(points: list[Point], expected: list[tuple[float, float]]) -> None:
    assert charts.gaps(points, 0, 120) == expected


def test_a_lone_point_between_gaps_is_still_visible() -> None:
    assert charts.path([(50, 50)], UNIT) == "M49.5 50h1"
    assert charts.path([(100, 50)], UNIT) == "M99 50h1", "inside of the picture"
    assert charts.area([(50, 50)], UNIT) == ""


def test_higher_values_stand_higher_and_nothing_leaves_the_picture() -> None:
    assert [UNIT.y(value) for value in (0, 25, 100, 250, -3)] == [100, 75, 0, 0, 100]
    assert UNIT.x(25) == 25
    assert Frame(5, 5, 0, 1).x(5) == 50, "a single moment stands in the middle"


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0, 1), (0.08, 0.08), (0.9, 1), (1.15, 1.2), (5.75, 6), (208, 240), (320, 400), (1000, 1000), (1001, 1200)],
)
def test_an_axis_ends_at_a_short_number_above_the_values(highest: float, top: float) -> None:
    assert charts.nice_top(highest) == pytest.approx(top)


def test_a_small_line_starts_at_zero_and_keeps_its_limit_in_sight() -> None:
    frame = charts.spark_frame([(0, 0.1), (60, 0.2)], 5, zoom=False)
    assert frame.bottom == 0
    assert frame.top > 5


def test_a_zoomed_line_that_hardly_moves_looks_flat() -> None:
    points: list[Point] = [(0, 99.97), (60, 99.98), (120, 99.97)]
    frame = charts.spark_frame(points, None, zoom=True)
    heights = [frame.y(y) for _x, y in charts.known(points)]
    assert max(heights) - min(heights) < 3, "of 24"
    assert frame.bottom > 99


def test_coordinates_are_short_and_have_no_minus_zero() -> None:
    assert [charts.coordinate(value) for value in (0, -0.01, 12.04, 33.333, 100)] == ["0", "0", "12", "33.3", "100"]


# ---------------------------------------------------------------- as SVG


def test_a_small_line_names_itself_and_shows_a_box_for_missing_data() -> None:
    drawn = svg.spark(GAP, label="Errors of <web>", limit=5, bad="fail")
    assert 'role="img" aria-label="Errors of &lt;web&gt;"' in drawn
    assert "is-fail" in drawn
    assert '<rect class="mp-nodata" x="25" y="1" width="50" height="22"/>' in drawn
    assert drawn.count('<path d="M') == 2, "one line on each side of the gap"
    assert 'class="mp-limit"' in drawn


def test_a_small_line_without_a_problem_is_quiet_and_one_without_data_is_only_a_box() -> None:
    assert "mp-spark--quiet" in svg.spark(GAP, label="x", variant="figure")
    nothing = svg.spark([], label="no data")
    assert "<path" not in nothing
    assert '<rect class="mp-nodata" x="0" y="1" width="100" height="22"/>' in nothing


def test_a_change_outside_of_the_time_shown_is_not_drawn() -> None:
    assert 'class="mp-change"' in svg.spark(GAP, label="x", change=60)
    assert 'class="mp-change"' not in svg.spark(GAP, label="x", change=-60)


def test_a_chart_has_its_axis_from_zero_four_times_and_lettered_changes() -> None:
    line = Line([(0, 195.0), (3600, 220.0)], filled=True)
    drawn = svg.chart([line], label="Requests", unit="/s", marks=[Mark(1200, "A"), Mark(9000, "Z")])
    assert re.findall(r"<span>(.*?)</span>", drawn) == ["240\xa0/s", "120\xa0/s", "0"]
    assert re.findall(r'text-anchor="\w+">(.*?)</text>', drawn) == ["00:00", "00:20", "00:40", "01:00"]
    assert '<text class="mp-change" x="33.3%" y="4%" dx="4" dy="9">A</text>' in drawn
    assert ">Z<" not in drawn


def test_the_main_line_is_drawn_over_the_others() -> None:
    lines = [Line([(0, 1.0), (60, 2.0)]), Line([(0, 0.5), (60, 0.5)], "second"), Line([(0, 3.0), (60, 3.0)], "third")]
    drawn = svg.chart(lines, label="Latency")
    assert drawn.index("mp-third") < drawn.index("mp-second") < drawn.index('<path d="')


def test_a_week_is_labelled_with_days() -> None:
    drawn = svg.chart([Line([(0, 1.0), (7 * 86_400, 1.0)])], label="x")
    assert ">1 Jan<" in drawn
    assert ">8 Jan<" in drawn


def test_a_bar_shows_only_what_there_is() -> None:
    assert 'width="75.4%"' in svg.share(75.4, 75, "v2")
    assert 'class="mp-fill"' not in svg.share(None, 75, "v2")
    assert 'class="mp-tick"' not in svg.share(75.4, None, "v2")
    assert 'width="100%" height="100%" rx="4"/></svg>' in svg.share(130, None, "more than all cannot be")


def test_no_picture_needs_inline_style() -> None:
    drawn = svg.spark(GAP, label="x", limit=1) + svg.chart([Line(GAP)], label="x") + svg.share(1, 1, "x") + svg.swatch("limit")
    assert "style=" not in drawn
