"""Golden signals of one service over time, from Prometheus' series: pure, so that the adapter and the fake compute them alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from meshportal.clients.ports import History, HistoryPoint, VersionNow
from meshportal.mesh.inventory import UNKNOWN_VERSION
from meshportal.mesh.quantiles import histogram_quantile
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.signals import is_error, preferred

Labels = Mapping[str, str]
Series = Sequence[tuple[Labels, Mapping[int, float]]]
"""Labels, and finite values by Unix time."""
Rows = Sequence[tuple[Labels, float]]
T = TypeVar("T")


def history_of(
    service: ServiceRef,
    *,
    times: Iterable[int],
    requests: Series,
    buckets: Series,
    version_requests: Rows,
    version_buckets: Rows,
) -> History:
    """The history at `times` (Unix seconds), from rates by code, by bucket, and the same by version at the end.

    All numbers come from one reporter, the same as on the board: the callers' side where it counted requests, else the
    service's own. The two are never added, for one request is in both. Without series it is "" and every point is "no data".
    """
    counted: dict[str, float] = {}
    for labels, values in requests:
        if values:
            side = labels.get("reporter", "")
            counted[side] = counted.get(side, 0.0) + math.fsum(values.values())
    reporter = preferred(counted)
    counts, latencies = _seen_by(reporter, requests), _seen_by(reporter, buckets)
    return History(
        service,
        reporter,
        tuple(_point(at, _at(at, counts), _at(at, latencies)) for at in times),
        _versions(_seen_by(reporter, version_requests), _seen_by(reporter, version_buckets)),
    )


def _point(at: int, counts: Rows, latencies: Rows) -> HistoryPoint:
    p50, p95, p99 = (_quantile(q, latencies) for q in (0.5, 0.95, 0.99))
    rate = math.fsum(value for _, value in counts) if counts else None
    return HistoryPoint(datetime.fromtimestamp(at, UTC), rate, _error_ratio(counts), p50, p95, p99)


def _versions(counts: Rows, latencies: Rows) -> tuple[VersionNow, ...]:
    def of(version: str, rows: Rows) -> Rows:
        return [row for row in rows if _version(row[0]) == version]

    return tuple(
        VersionNow(
            version,
            math.fsum(value for _, value in of(version, counts)),
            _error_ratio(of(version, counts)),
            _quantile(0.95, of(version, latencies)),
        )
        for version in sorted({_version(labels) for labels, _ in counts})
    )


def _version(labels: Labels) -> str:
    return labels.get("destination_version", UNKNOWN_VERSION)


def _seen_by(reporter: str, rows: Iterable[tuple[Labels, T]]) -> list[tuple[Labels, T]]:
    return [(labels, value) for labels, value in rows if reporter and labels.get("reporter") == reporter]


def _at(at: int, series: Series) -> Rows:
    return [(labels, values[at]) for labels, values in series if at in values]


def _error_ratio(counts: Rows) -> float | None:
    total = math.fsum(value for _, value in counts)
    return (
        math.fsum(value for labels, value in counts if is_error(labels.get("response_code", ""))) / total if total > 0 else None
    )


def _quantile(q: float, latencies: Rows) -> float | None:
    return histogram_quantile(q, [(float(labels["le"]), value) for labels, value in latencies if "le" in labels])
