"""The small lines of the board: points of the last hour, from the trail that the observer leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from meshportal.mesh.snapshot import ServiceNow, State, Why

Points = tuple[tuple[float, float | None], ...]
Trail = Mapping[str, Sequence[Sequence[Any]]]

# One point is one minute; a longer pause means that nobody observed, and is drawn as a gap.
LONGEST_STEP = 150
PER_SECOND, ERROR_PERCENT, P95_MS = 1, 2, 3


@dataclass(frozen=True)
class Spark:
    """One small line with what it shows in words. `bad` is "fail" or "warn" where the line tells of the problem itself."""

    points: Points
    caption: str
    key: str
    label: str
    limit: float | None = None
    bad: str = ""


def points(rows: Sequence[Sequence[Any]], column: int) -> Points:
    """(second, value) of one column of a trail, with a None wherever minutes are missing."""
    found: list[tuple[float, float | None]] = []
    for row in rows:
        at = float(row[0])
        if found and at - found[-1][0] > LONGEST_STEP:
            found.append((found[-1][0] + 60, None))
        found.append((at, row[column]))
    return tuple(found)


def an_hour_ago(line: Points, now: float) -> float | None:
    """The value of 55 to 65 minutes before `now`; None where there was no look or no data."""
    return next((value for at, value in line if 3300 <= now - at <= 3900 and value is not None), None)


def spark_of(service: ServiceNow, trail: Trail) -> Spark:
    """The line that shows the problem of a service: errors or latency where that is it, else requests."""
    rows = trail.get(service.key, ())
    bad = "fail" if service.state == State.FAIL else "warn" if service.state == State.WARN else ""
    if service.why == Why.ERRORS:
        label = _("Errors of %(service)s, last hour") % {"service": service.name}
        return Spark(points(rows, ERROR_PERCENT), _("errors, 1 h"), _("dashes: the limit"), label, service.limit, bad)
    if service.why == Why.LATENCY:
        label = _("p95 latency of %(service)s, last hour") % {"service": service.name}
        return Spark(points(rows, P95_MS), _("p95, 1 h"), _("dashes: the limit"), label, service.limit, bad)
    label = _("Requests of %(service)s, last hour") % {"service": service.name}
    return Spark(points(rows, PER_SECOND), _("requests, 1 h"), _("dotted: no data"), label)
