"""The weight of a canary over time as SVG: planned dashed, configured solid, measured hollow dots, holds a band, now a line.

Like every chart here: an outer <svg> in percent with real text around an inner one that stretches its paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from meshportal.web import charts, words
from meshportal.web.charts import Frame, coordinate
from meshportal.web.svg import PLOT

TOP, SHARE = PLOT[True]
NARROW = 8.0  # percent of the width in which no word fits
SHORT = 600.0  # seconds of a picture in which minutes would repeat themselves
QUARTERS = (100, 75, 50, 25, 0)


@dataclass(frozen=True)
class Ramp:
    """All in seconds since 1970 and percent. `configured` and `planned` are the moments of a new weight, in order; the first
    planned one is where the configured line ends. `held` are stretches; `held_word` names the one that stands, "" for none."""

    left: float
    right: float
    now: float
    configured: Sequence[tuple[float, float]]
    planned: Sequence[tuple[float, float]] = ()
    measured: Sequence[tuple[float, float]] = ()
    held: Sequence[tuple[float, float]] = ()
    held_word: str = ""
    over: bool = False


def ramp(found: Ramp, *, label: str, now_word: str) -> SafeString:
    """The picture, for a <figure class="mp-chart">. `label` says in a sentence what it shows."""
    frame = Frame(found.left, found.right, 0, 100)
    plot = format_html(
        '<svg class="mp-plot" role="img" aria-label="{}">{}{}{}<svg width="100%" height="{}%" y="{}%" viewBox="0 0 100 100"'
        ' preserveAspectRatio="none">{}{}</svg>{}{}{}</svg>',
        label, _grid(), _times(frame), _bands(found, frame), coordinate(SHARE), coordinate(TOP),
        _path("mp-planned", found.planned, frame, found.right), _path("mp-configured", found.configured, frame, found.now),
        _dots(found, frame), _now(found, frame, now_word), _held_word(found, frame),
    )  # fmt: skip
    return format_html(
        '<div class="mp-axes mp-axes--tall"><div class="mp-axis" aria-hidden="true">{}</div>{}</div>', _axis(), plot
    )


def _height(percent: float) -> str:
    """Where a weight stands, in percent of the picture's height."""
    return coordinate(TOP + SHARE * (1 - percent / 100))


def _axis() -> SafeString:
    named = {100: f"100{words.NBSP}%", 0: f"0{words.NBSP}%"}
    return format_html_join("", "<span>{}</span>", ((named.get(percent, percent),) for percent in QUARTERS))


def _grid() -> SafeString:
    return format_html_join(
        "", '<line class="mp-grid" x1="0" x2="100%" y1="{0}%" y2="{0}%"/>', ((_height(percent),) for percent in QUARTERS)
    )


def _times(frame: Frame) -> SafeString:
    anchors = ("start", "middle", "middle", "end")
    places = zip(anchors, charts.ticks(frame.left, frame.right), strict=True)
    return format_html_join(
        "",
        '<text{} x="{}%" y="99%" text-anchor="{}">{}</text>',
        (
            (
                mark_safe(' class="mp-only-wide"') if anchor == "middle" else "",
                coordinate(share),
                anchor,
                _moment(at, frame.right - frame.left),
            )
            for anchor, (share, at) in places
        ),
    )


def _moment(at: float, span: float) -> str:
    return words.clock(at) if span < SHORT else words.time_label(at, span)


def _bands(found: Ramp, frame: Frame) -> SafeString:
    inside = [(max(start, found.left), min(end, found.right)) for start, end in found.held]
    return format_html_join(
        "",
        '<rect class="mp-heldband" x="{}%" width="{}%" y="{}%" height="{}%"/>',
        (
            (coordinate(frame.x(start)), coordinate(frame.x(end) - frame.x(start)), coordinate(TOP), coordinate(SHARE))
            for start, end in inside
            if end > start
        ),
    )


def _path(css: str, moments: Sequence[tuple[float, float]], frame: Frame, end: float) -> SafeString:
    """Stairs through the moments, up to `end`."""
    if not moments:
        return mark_safe("")
    first, *rest = moments
    steps = [f"M{coordinate(frame.x(first[0]))} {coordinate(frame.y(first[1]))}"]
    steps += [f"H{coordinate(frame.x(at))} V{coordinate(frame.y(weight))}" for at, weight in rest]
    steps.append(f"H{coordinate(frame.x(max(end, moments[-1][0])))}")
    return format_html('<path class="{}" d="{}"/>', css, " ".join(steps))


def _dots(found: Ramp, frame: Frame) -> SafeString:
    return format_html_join(
        "",
        '<circle class="mp-measured" cx="{}%" cy="{}%" r="3"/>',
        ((coordinate(frame.x(at)), _height(min(100.0, max(0.0, percent)))) for at, percent in found.measured),
    )


def _now(found: Ramp, frame: Frame, word: str) -> SafeString:
    if found.over:
        return mark_safe("")
    x = frame.x(found.now)
    # near the right edge the word stands before the line
    anchor, shift = ("end", -5) if x > 85 else ("start", 5)
    return format_html(
        '<line class="mp-now" x1="{0}%" x2="{0}%" y1="{1}%" y2="{2}%"/>'
        '<text x="{0}%" y="{1}%" dx="{3}" dy="10" text-anchor="{4}">{5}</text>',
        coordinate(x), coordinate(TOP), _height(0), shift, anchor, word,
    )  # fmt: skip


def _held_word(found: Ramp, frame: Frame) -> SafeString:
    if not found.held_word or not found.held:
        return mark_safe("")
    start, end = found.held[-1]
    if frame.x(end) - frame.x(start) < NARROW:
        return mark_safe("")
    middle = min(max((frame.x(start) + frame.x(end)) / 2, 12), 88)
    return format_html(
        '<text class="mp-heldword" x="{}%" y="{}%" dy="-10" text-anchor="middle">{}</text>',
        coordinate(middle), _height(0), found.held_word,
    )  # fmt: skip


def swatch(role: str) -> SafeString:
    """The piece in a legend: "planned", "configured", "measured" or "held"."""
    drawn = {
        "planned": '<path class="mp-planned" d="M0 5H24"/>',
        "configured": '<path class="mp-configured" d="M0 5H24"/>',
        "measured": '<circle class="mp-measured" cx="12" cy="5" r="3"/>',
        "held": '<rect class="mp-heldband" width="24" height="10"/>',
    }[role]
    return format_html('<svg class="mp-plot" viewBox="0 0 24 10" aria-hidden="true">{}</svg>', mark_safe(drawn))  # noqa: S308
