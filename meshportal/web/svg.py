"""The small lines and charts as SVG. Colours and strokes come from portal.css, sizes are attributes: no inline style.

Labels must not be stretched, so a chart is an outer <svg> in percent with real text around an inner one that stretches its paths.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from meshportal.web import charts, words
from meshportal.web.charts import Frame, Line, Mark, Point, coordinate

SPARK_VARIANTS = {"": "", "figure": " mp-spark--figure", "cell": " mp-spark--cell"}
# Where the plot stands inside its picture, in percent of its height; portal.css has the same shares for the labels of the y axis.
PLOT = {False: (4.0, 78.0), True: (3.0, 86.0)}


def _path(css: str, d: str) -> SafeString:
    if not d:
        return mark_safe("")
    return format_html('<path class="{}" d="{}"/>', css, d) if css else format_html('<path d="{}"/>', d)


def _vertical(css: str, x: float, top: str, bottom: str) -> SafeString:
    place = coordinate(x)
    return format_html('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>', css, place, place, top, bottom)


def _horizontal(css: str, y: float, width: str) -> SafeString:
    place = coordinate(y)
    return format_html('<line class="{}" x1="0" x2="{}" y1="{}" y2="{}"/>', css, width, place, place)


def _gaps(points: Sequence[Point], frame: Frame, top: float, height: float) -> SafeString:
    boxes = [(frame.x(start), frame.x(end)) for start, end in charts.gaps(points, frame.left, frame.right)]
    return format_html_join(
        "",
        '<rect class="mp-nodata" x="{}" y="{}" width="{}" height="{}"/>',
        ((coordinate(x), coordinate(top), coordinate(end - x), coordinate(height)) for x, end in boxes),
    )


def _join(parts: Sequence[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))


def spark(
    points: Sequence[Point],
    *,
    label: str,
    limit: float | None = None,
    bad: str = "",
    variant: str = "",
    change: float | None = None,
    zoom: bool = False,
) -> SafeString:
    """A small line without axes. `bad` is "fail" or "warn" for the colour, `change` an x at which something was changed."""
    frame = charts.spark_frame(points, limit, zoom=zoom)
    stretches = charts.runs(points)
    parts = [_gaps(points, frame, 1, frame.height - 2)]
    if variant != "cell":
        parts += [_path("mp-area", charts.area(run, frame)) for run in stretches]
    if limit is not None:
        parts.append(_horizontal("mp-limit", frame.y(limit), "100"))
    if change is not None and frame.left <= change <= frame.right:
        parts.append(_vertical("mp-change", frame.x(change), "-2", "26"))
    parts += [_path("", charts.path(run, frame)) for run in stretches]
    colour = f" is-{bad}" if bad in {"fail", "warn"} else " mp-spark--quiet"
    return format_html(
        '<svg class="mp-spark{}{}" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        SPARK_VARIANTS[variant], colour, label, _join(parts),
    )  # fmt: skip


def chart(
    lines: Sequence[Line],
    *,
    label: str,
    unit: str = "",
    limit: float | None = None,
    marks: Sequence[Mark] = (),
    start: float | None = None,
    end: float | None = None,
    top: float | None = None,
    tall: bool = False,
) -> SafeString:
    """A chart with both axes, from 0. `start`, `end` bound x (seconds since 1970; else the points do), `top` bounds y."""
    every = [point for line in lines for point in line.points]
    left, right = charts.span(every)
    highest = max([y for _, y in charts.known(every)] + [0 if limit is None else limit * 1.15], default=0)
    frame = Frame(left if start is None else start, right if end is None else end, 0, top or charts.nice_top(highest))
    offset, share = PLOT[tall]
    shown = [mark for mark in marks if frame.left <= mark.at <= frame.right]
    plot = format_html(
        '<svg class="mp-plot" role="img" aria-label="{}">{}{}<svg width="100%" height="{}%" y="{}%" viewBox="0 0 100 100"'
        ' preserveAspectRatio="none">{}</svg>{}</svg>',
        label, _grid(offset, share), _times(frame, tall), coordinate(share), coordinate(offset),
        _plotted(lines, frame, limit, shown), _letters(shown, frame, offset),
    )  # fmt: skip
    return format_html(
        '<div class="mp-axes{}"><div class="mp-axis" aria-hidden="true">{}</div>{}</div>',
        " mp-axes--tall" if tall else "", _values(frame.top, unit), plot,
    )  # fmt: skip


def _values(top: float, unit: str) -> SafeString:
    def short(value: float) -> str:
        text = f"{value:,.10g}"
        return f"{text}{words.NBSP}{unit}" if unit else text

    return _join([format_html("<span>{}</span>", text) for text in (short(top), short(top / 2), "0")])


def _grid(offset: float, share: float) -> SafeString:
    return format_html_join(
        "",
        '<line class="mp-grid" x1="0" x2="100%" y1="{0}%" y2="{0}%"/>',
        ((coordinate(offset + share * part),) for part in (1, 0.5, 0)),
    )


def _times(frame: Frame, tall: bool) -> SafeString:
    anchors = ("start", "middle", "middle", "end")
    return format_html_join(
        "",
        '<text x="{}%" y="{}%" text-anchor="{}">{}</text>',
        (
            (coordinate(share), 99 if tall else 98, anchor, words.time_label(at, frame.right - frame.left))
            for anchor, (share, at) in zip(anchors, charts.ticks(frame.left, frame.right), strict=True)
        ),
    )


def _plotted(lines: Sequence[Line], frame: Frame, limit: float | None, marks: Sequence[Mark]) -> SafeString:
    """What stretches with the picture: gaps of the first line, grounds, limit, lines from the last to the first, changes."""
    parts: list[SafeString] = [_gaps(lines[0].points if lines else (), frame, 0, frame.height)]
    for line in lines:
        if line.filled:
            parts += [_path("mp-area", charts.area(run, frame)) for run in charts.runs(line.points)]
    if limit is not None:
        parts.append(_horizontal("mp-limit", frame.y(limit), "100"))
    for line in reversed(lines):
        parts += [_path(charts.ROLES[line.role], charts.path(run, frame)) for run in charts.runs(line.points)]
    parts += [_vertical("mp-change", frame.x(mark.at), "0", "100") for mark in marks]
    return _join(parts)


def _letters(marks: Sequence[Mark], frame: Frame, offset: float) -> SafeString:
    return format_html_join(
        "",
        '<text class="mp-change" x="{}%" y="{}%" dx="4" dy="9">{}</text>',
        ((coordinate(frame.x(mark.at)), coordinate(offset), mark.letter) for mark in marks if mark.letter),
    )


def swatch(role: str) -> SafeString:
    """The piece of line that a legend shows; `role` as of a Line, or "limit"."""
    drawn = _horizontal("mp-limit", 5, "24") if role == "limit" else _path(charts.ROLES[role], "M0 5H24")
    return format_html('<svg class="mp-plot" viewBox="0 0 24 10" aria-hidden="true">{}</svg>', drawn)


def share(measured: float | None, configured: float | None, label: str) -> SafeString:
    """A bar for the measured percent and a tick for the configured one; either may be absent."""
    parts: list[SafeString] = [mark_safe('<rect width="100%" height="100%" rx="4"/>')]
    if measured is not None:
        width = coordinate(min(100.0, max(0.0, measured)))
        parts.append(format_html('<rect class="mp-fill" width="{}%" height="100%" rx="4"/>', width))
    if configured is not None:
        # 2 px wide: at 100 % it would stand outside of the picture
        place = coordinate(min(98.5, max(0.0, configured)))
        parts.append(format_html('<rect class="mp-tick" x="{}%" y="-1" width="2" height="10"/>', place))
    return format_html('<svg class="mp-share" role="img" aria-label="{}">{}</svg>', label, _join(parts))
