"""The last hour, a point a minute: {"namespace/name": [[minute, per_second, error_percent, p95_ms], …], "": the whole mesh}.

`minute` is seconds since 1970. None is "no data": a gap in the line.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from meshportal.mesh.observation import PROMETHEUS
from meshportal.mesh.snapshot import Snapshot

Point = tuple[float, float | None, float | None, float | None]
Body = dict[str, list[Point]]
Stored = Mapping[str, Sequence[Sequence[float | None]]]
"""A Body as it comes back from JSON."""
WHOLE = ""
MINUTE = 60
KEEP_SECONDS = 3600


def minute_of(at: float) -> int:
    return int(at // MINUTE) * MINUTE


def last_minute(body: Stored) -> float:
    """The newest minute that is in `body`, 0 for an empty one."""
    return max((points[-1][0] or 0 for points in body.values() if points), default=0)


def extended(body: Stored, snapshot: Snapshot) -> Body:
    """`body` with the minute of `snapshot` added, without what is older than an hour and without services that are gone.

    Numbers that are merely kept while Prometheus does not answer are not drawn again.
    """
    minute = minute_of(snapshot.taken_at)
    source = snapshot.source(PROMETHEUS)
    live = source is not None and source.ok
    mesh = snapshot.mesh
    errors = 100.0 - mesh.success_percent if mesh.success_percent is not None else None
    found: dict[str, Point] = {WHOLE: _point(minute, live, mesh.per_second, errors, mesh.p95_ms)}
    for service in snapshot.services:
        found[service.key] = _point(minute, live, service.per_second, service.error_percent, service.p95_ms)
    kept: Body = {}
    for key, point in found.items():
        before = [_read(old) for old in body.get(key, ())]
        kept[key] = [*(old for old in before if minute - KEEP_SECONDS < old[0] < minute), point]
    return kept


def visible(body: Stored, names: Container[str]) -> Body:
    """`body` for somebody who sees only the namespaces in `names`: the whole is summed anew from what they see."""
    kept = {key: [_read(point) for point in points] for key, points in body.items() if key.partition("/")[0] in names and key}
    by_minute: dict[float, list[Point]] = {_read(point)[0]: [] for point in body.get(WHOLE, ())}
    for points in kept.values():
        for point in points:
            by_minute.setdefault(point[0], []).append(point)
    kept[WHOLE] = [_sum(minute, points) for minute, points in sorted(by_minute.items())]
    return kept


def _sum(minute: float, points: Sequence[Point]) -> Point:
    rates = [rate for _, rate, _, _ in points if rate is not None]
    shares = [(error, rate) for _, rate, error, _ in points if rate and error is not None]
    total = sum(rate for _, rate in shares)
    errors = sum(error * rate for error, rate in shares) / total if total else None
    return minute, sum(rates) if rates else None, errors, None


def _point(minute: float, live: bool, rate: float | None, errors: float | None, p95: float | None) -> Point:
    return (minute, _short(rate), _short(errors), _short(p95)) if live else (minute, None, None, None)


def _short(number: float | None) -> float | None:
    """Four digits after the point are more than a line of 60 pixels shows, and a quarter of the bytes."""
    return None if number is None else round(number, 4)


def _read(point: Sequence[float | None]) -> Point:
    return point[0] or 0.0, point[1], point[2], point[3]
