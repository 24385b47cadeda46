"""The charts of one service: golden signals over the last minutes, as the worker fetched them, with the changes among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from string import ascii_uppercase
from typing import Any

from django.utils.translation import gettext as _

from meshportal.board.sentences import rate_digits
from meshportal.catalog.models import ServiceHistory
from meshportal.changes.models import ChangeRequest, Status
from meshportal.mesh.snapshot import ServiceNow, Why
from meshportal.web.charts import Line, Mark, Point
from meshportal.web.words import amount, is_missing

WINDOWS = (15, 60)
# A fetch takes a moment; an answer older than this is said to be old.
OLD = timedelta(seconds=60)


@dataclass(frozen=True)
class Curve:
    """One line with its name and newest value, for the legend."""

    role: str
    name: str
    points: tuple[Point, ...]

    @property
    def now(self) -> float | None:
        """The newest value; None where the end of the line is a gap."""
        return self.points[-1][1] if self.points else None


@dataclass(frozen=True)
class Chart:
    """One chart. The first curve is the main one, whose newest value stands above it."""

    name: str
    unit: str
    digits: int
    curves: tuple[Curve, ...]
    label: str
    note: str = ""
    limit: float | None = None

    @property
    def now(self) -> float | None:
        return self.curves[0].now

    @property
    def lines(self) -> list[Line]:
        role = "bad" if self.unit == "%" else ""
        return [Line(curve.points, curve.role or role, filled=not (curve.role or role)) for curve in self.curves]

    @property
    def empty(self) -> bool:
        return all(is_missing(value) for curve in self.curves for _, value in curve.points)


@dataclass(frozen=True)
class History:
    """What is known of a service's last minutes. `waiting`: nobody has answered yet. `error`: why there is no newer answer."""

    minutes: int
    waiting: bool
    error: str
    observed_at: datetime | None
    old: bool
    start: float
    end: float
    charts: tuple[Chart, ...]
    marks: tuple[Mark, ...]
    p95: dict[str, float | None]

    @property
    def version(self) -> str:
        """Changes whenever what is shown does; fit for an address."""
        at = f"{self.observed_at.timestamp():.0f}" if self.observed_at else "0"
        return f"{self.minutes}.{at}.{int(self.old)}{int(bool(self.error))}.{len(self.marks)}"


def history_of(row: ServiceHistory, service: ServiceNow, changes: Sequence[ChangeRequest], now: datetime) -> History:
    """The charts of `service` from the worker's last answer in `row`."""
    body: dict[str, Any] = row.body or {}
    points = body.get("points", [])
    end = points[-1][0] if points else now.timestamp()
    start = end - row.minutes * 60
    return History(
        minutes=row.minutes,
        waiting=row.observed_at is None and not row.error,
        error=row.error,
        observed_at=row.observed_at,
        old=row.observed_at is not None and now - row.observed_at > OLD,
        start=start,
        end=end,
        charts=charts(points, service, str(body.get("reporter", ""))) if points else (),
        marks=marks(changes, start),
        p95={version["version"]: version["p95_ms"] for version in body.get("versions", [])},
    )


def charts(points: Sequence[Sequence[Any]], service: ServiceNow, reporter: str) -> tuple[Chart, ...]:
    def curve(column: int, name: str, role: str = "") -> Curve:
        return Curve(role, name, tuple((point[0], None if is_missing(point[column]) else point[column]) for point in points))

    rate, errors = curve(1, _("requests")), curve(2, _("errors"))
    latency = (curve(4, "p95"), curve(3, "p50", "second"), curve(5, "p99", "third"))
    counted = {"source": _("counted by the callers' sidecars"), "destination": _("counted where they arrive")}
    share = _("Share of requests with an error")
    return (
        Chart(
            _("Requests"), "/s", rate_digits(rate.now or 0), (rate,),
            described(_("Requests per second"), rate, "/s", 1), counted.get(reporter, ""),
        ),
        Chart(
            _("Errors"), "%", 2, (errors,), described(share, errors, "%", 2), _("5xx, and no answer at all"),
            service.limit if service.why == Why.ERRORS else None,
        ),
        Chart(
            _("Latency"), "ms", 0, latency, described(_("Latency p95"), latency[0], "ms", 0), "",
            service.limit if service.why == Why.LATENCY else None,
        ),
    )  # fmt: skip


def described(name: str, curve: Curve, unit: str, digits: int) -> str:
    """A chart in one sentence: "Requests per second: 195.0 /s to 220.4 /s, now 208.1 /s"."""
    known = [value for _at, value in curve.points if value is not None]
    if not known:
        return _("%(name)s: no data") % {"name": name}
    values = {"name": name, "now": amount(curve.now, unit, digits)}
    values |= {"low": amount(min(known), unit, digits), "high": amount(max(known), unit, digits)}
    return _("%(name)s: %(low)s to %(high)s, now %(now)s") % values


def marks(changes: Sequence[ChangeRequest], start: float) -> tuple[Mark, ...]:
    """The changes applied since `start`, oldest first, lettered A, B, C."""
    applied = sorted(
        change.applied_at.timestamp() for change in changes if change.status == Status.APPLIED and change.applied_at is not None
    )
    return tuple(Mark(at, letter) for at, letter in zip((at for at in applied if at >= start), ascii_uppercase, strict=False))


def letters(changes: Sequence[ChangeRequest], drawn: Sequence[Mark]) -> dict[int, str]:
    """The letter of each change that is drawn, by its number."""
    by_moment = {mark.at: mark.letter for mark in drawn}
    applied = ((change.pk, change.applied_at) for change in changes if change.status == Status.APPLIED)
    return {pk: by_moment[at.timestamp()] for pk, at in applied if at is not None and at.timestamp() in by_moment}
