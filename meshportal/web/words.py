"""Numbers, ages and moments in words, in the reader's language. No HTML here."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

NBSP = "\N{NO-BREAK SPACE}"


def number(value: float, digits: int = 0) -> str:
    """`value` with `digits` places and commas between thousands: "1,842", "8.40". Never "-0"."""
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if not float(text.replace(",", "")) else text


def is_missing(value: float | None) -> bool:
    """Whether there is no number to show: None, or the NaN of a quantile of nothing."""
    return value is None or math.isnan(value)


def amount(value: float | None, unit: str = "", digits: int = 0) -> str:
    """The number and its unit as plain text for labels and sentences: "8.4 %", or "no data"."""
    if value is None or math.isnan(value):
        return _("no data")
    return f"{number(value, digits)}{NBSP}{unit}" if unit else number(value, digits)


def age(seconds: float) -> str:
    """How long something lasts, in at most two units: "4 s", "3 min 10 s", "25 min", "6 d 4 h". Less than nothing is "0 s"."""
    whole = max(0, int(seconds))
    if whole < 60:
        return _("%(seconds)d s") % {"seconds": whole}
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        # Seconds of a long wait tell nobody anything.
        if rest == 0 or minutes >= 20:
            return _("%(minutes)d min") % {"minutes": minutes}
        return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}
    hours, rest = divmod(minutes, 60)
    if hours < 24:
        return (_("%(hours)d h %(minutes)d min") if rest else _("%(hours)d h")) % {"hours": hours, "minutes": rest}
    days, rest = divmod(hours, 24)
    return (_("%(days)d d %(hours)d h") if rest else _("%(days)d d")) % {"days": days, "hours": rest}


def ago(then: datetime, now: datetime) -> str:
    """How long before `now` something was: "26 min ago". A moment ahead of us, by two clocks that differ, is "just now"."""
    seconds = (now - then).total_seconds()
    return _("just now") if seconds < 1 else _("%(age)s ago") % {"age": age(seconds)}


def as_datetime(moment: datetime | float) -> datetime:
    """An aware datetime from one, or from seconds since 1970."""
    return moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)


def clock(moment: datetime | float, *, seconds: bool = True) -> str:
    """Time of day in the portal's zone: "14:06:12"."""
    return timezone.localtime(as_datetime(moment)).strftime("%H:%M:%S" if seconds else "%H:%M")


def day(moment: datetime | float) -> str:
    """Day and month in the portal's zone: "20 Nov", "11 月 20 日"."""
    local = timezone.localtime(as_datetime(moment))
    months = (
        _("Jan"), _("Feb"), _("Mar"), _("Apr"), _("May"), _("Jun"), _("Jul"), _("Aug"), _("Sep"), _("Oct"), _("Nov"), _("Dec"),
    )  # fmt: skip
    return _("%(day)d %(month)s") % {"day": local.day, "month": months[local.month - 1]}


def time_label(moment: float, span_seconds: float) -> str:
    """What stands under a chart's axis: the time, or the day when the chart spans more than two days."""
    return day(moment) if span_seconds > timedelta(days=2).total_seconds() else clock(moment, seconds=False)
