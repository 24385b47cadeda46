"""Geometry of the small lines and charts: from points to numbers in SVG's coordinates. No HTML, no language.

A point is (x, y): x in seconds or any other unit that grows to the right, y the value or None for "no data".
A gap is never bridged by a line and never drawn as 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float | None]

# A lone point between two gaps has no length: it is drawn as a dash of this width, in units of the viewBox.
DOT = 1.0


# What a line is in its chart, and the class that draws it so; "" is the main one.
ROLES = {
    "": "",
    "second": "mp-second",
    "third": "mp-third",
    "bad": "mp-bad",
    "planned": "mp-planned",
    "configured": "mp-configured",
}


@dataclass(frozen=True)
class Line:
    """One line of a chart; `role` is a key of ROLES."""

    points: Sequence[Point]
    role: str = ""
    filled: bool = False


@dataclass(frozen=True)
class Mark:
    """A change at `at`, with the letter that the list beside the chart explains."""

    at: float
    letter: str = ""


@dataclass(frozen=True)
class Frame:
    """The part of the plane that is drawn: from `left` to `right`, from `bottom` to `top`, onto a box `width` by `height`.

    `inset` keeps the line off the upper and lower edge of the box.
    """

    left: float
    right: float
    bottom: float
    top: float
    width: float = 100
    height: float = 100
    inset: float = 0

    def x(self, value: float) -> float:
        span = self.right - self.left
        return self.width * (value - self.left) / span if span > 0 else self.width / 2

    def y(self, value: float) -> float:
        span = self.top - self.bottom
        share = (value - self.bottom) / span if span > 0 else 0.5
        return self.height - self.inset - (self.height - 2 * self.inset) * min(1.0, max(0.0, share))


def coordinate(value: float) -> str:
    """One decimal and no trailing zero: short, and finer than a pixel."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def known(points: Sequence[Point]) -> list[tuple[float, float]]:
    """The points that have a value."""
    return [(x, y) for x, y in points if y is not None and not math.isnan(y)]


def runs(points: Sequence[Point]) -> list[list[tuple[float, float]]]:
    """The stretches without a gap."""
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None or math.isnan(y):
            found.append([])
        else:
            found[-1].append((x, y))
    return [run for run in found if run]


def gaps(points: Sequence[Point], left: float, right: float) -> list[tuple[float, float]]:
    """Where there is no data: from the last known point to the next, or to the edge of the chart."""
    stretches = runs(points)
    if not stretches:
        return [(left, right)]
    found = []
    if points[0][0] < stretches[0][0][0]:
        found.append((points[0][0], stretches[0][0][0]))
    found += [(one[-1][0], other[0][0]) for one, other in pairwise(stretches)]
    if stretches[-1][-1][0] < points[-1][0]:
        found.append((stretches[-1][-1][0], points[-1][0]))
    return found


def path(run: Sequence[tuple[float, float]], frame: Frame) -> str:
    """The `d` of a line through `run`."""
    if len(run) == 1:
        x = min(max(frame.x(run[0][0]), DOT / 2), frame.width - DOT / 2)
        return f"M{coordinate(x - DOT / 2)} {coordinate(frame.y(run[0][1]))}h{coordinate(DOT)}"
    return "M" + " ".join(f"{coordinate(frame.x(x))} {coordinate(frame.y(y))}" for x, y in run)


def area(run: Sequence[tuple[float, float]], frame: Frame) -> str:
    """The `d` of the ground under `run`; "" for a single point."""
    if len(run) == 1:
        return ""
    first, last, floor = (coordinate(frame.x(run[0][0])), coordinate(frame.x(run[-1][0])), coordinate(frame.height))
    return f"{path(run, frame)} L{last} {floor} L{first} {floor}Z"


def nice_top(highest: float) -> float:
    """The end of an axis that starts at 0: at least `highest`, and half of it is a short number too. 0 gives 1."""
    if highest <= 0:
        return 1
    size = 10.0 ** math.floor(math.log10(highest))
    return next(step * size for step in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10, 12) if step * size >= highest * (1 - 1e-9))


def span(points: Sequence[Point]) -> tuple[float, float]:
    """The first and last x, (0, 1) for no points."""
    return (min(x for x, _ in points), max(x for x, _ in points)) if points else (0, 1)


def spark_frame(points: Sequence[Point], limit: float | None, *, zoom: bool) -> Frame:
    """The frame of a small line, 100 by 24. It starts at 0 unless it zooms on its values; a limit is always inside."""
    values = [y for _, y in known(points)] + ([] if limit is None else [limit])
    left, right = span(points)
    highest, lowest = max(values, default=0), min(values, default=0)
    if zoom:
        # A flat line sits in the middle: noise of a thousandth must not look like a crash.
        room = max((highest - lowest) * 0.15, abs(highest) * 0.005, 1e-9)
        return Frame(left, right, lowest - room, highest + room, 100, 24, 1)
    top = max(highest, 1.6 * limit if limit is not None else 0) * 1.1
    return Frame(left, right, 0, top or 1, 100, 24, 1)


def ticks(left: float, right: float) -> list[tuple[float, float]]:
    """Where the time is written below a chart: (percent from the left, x), four of them."""
    return [(share, left + (right - left) * share / 100) for share in (0, 100 / 3, 200 / 3, 100)]
