"""Numbers of services from rows of metrics. Rates are requests per second, shares percent 0–100, latencies milliseconds.

One request is counted by up to two reporters (its caller's sidecar and its own); they are never added. Only the serving side
knows how a request arrived: the caller's side always says "unknown" (istio/pkg reporting, istio_stats filter).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from meshportal.mesh.inventory import UNKNOWN_VERSION
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rows import LatencyRow, TrafficRow, VersionRow

SOURCE, DESTINATION, WAYPOINT = "source", "destination", "waypoint"
PREFERENCE = (SOURCE, DESTINATION, WAYPOINT)
"""The caller's side first: it also sees what never arrived (no healthy pod, refused, circuit open)."""
SERVING = frozenset({DESTINATION, WAYPOINT})
MUTUAL_TLS = "mutual_tls"


@dataclass(frozen=True)
class Signals:
    """Numbers of one service over the window. None is "no requests to take a share of".

    `per_second` is 0 where series exist and counted nothing. `worst_code` is the code of most failures, "" without any.
    """

    reporter: str
    per_second: float
    errors_per_second: float
    worst_code: str
    served_per_second: float | None
    mtls_percent: float | None

    @property
    def error_percent(self) -> float | None:
        return 100.0 * (self.errors_per_second / self.per_second) if self.per_second else None

    @property
    def success_percent(self) -> float | None:
        return 100.0 - self.error_percent if self.error_percent is not None else None


@dataclass(frozen=True)
class Share:
    """Requests of one version: rate, its percent of all versions, and its own percent of errors."""

    per_second: float
    percent: float | None
    error_percent: float | None


@dataclass
class _Sums:
    total: dict[str, float] = field(default_factory=dict)  # by reporter
    errors: dict[str, dict[str, float]] = field(default_factory=dict)  # by reporter and code
    served: float = 0.0
    mutual: float = 0.0
    serving_seen: bool = False


def is_error(code: str) -> bool:
    """Whether a response code is a failure: 5xx, or 0, which Envoy writes when there was no response at all."""
    return code == "0" or (len(code) == 3 and code.startswith("5"))


def preferred(rates: Mapping[str, float]) -> str:
    """Whose count to show: the first reporter of `PREFERENCE` that counted requests, else the first that has series; "" if none.

    A caller's side that counted nothing must not hide requests of callers that have no sidecar.
    """
    known = [reporter for reporter in PREFERENCE if reporter in rates]
    return next((reporter for reporter in known if rates[reporter] > 0), known[0] if known else "")


def signals(rows: Iterable[TrafficRow]) -> dict[ServiceRef, Signals]:
    """Numbers by service, for every service that has series at all."""
    by_service: dict[ServiceRef, _Sums] = {}
    for row in rows:
        if not math.isfinite(row.per_second):
            continue
        sums = by_service.setdefault(row.service, _Sums())
        sums.total[row.reporter] = sums.total.get(row.reporter, 0.0) + row.per_second
        if is_error(row.response_code) and row.per_second > 0:
            codes = sums.errors.setdefault(row.reporter, {})
            codes[row.response_code] = codes.get(row.response_code, 0.0) + row.per_second
        if row.reporter in SERVING:
            sums.serving_seen = True
            sums.served += row.per_second
            sums.mutual += row.per_second if row.security_policy == MUTUAL_TLS else 0.0
    return {service: _of(sums) for service, sums in by_service.items() if preferred(sums.total)}


def _of(sums: _Sums) -> Signals:
    reporter = preferred(sums.total)
    codes = sums.errors.get(reporter, {})
    return Signals(
        reporter=reporter,
        per_second=sums.total[reporter],
        errors_per_second=sum(codes.values()),
        worst_code=min(codes, key=lambda code: (-codes[code], code), default=""),
        served_per_second=sums.served if sums.serving_seen else None,
        mtls_percent=100.0 * (sums.mutual / sums.served) if sums.served else None,
    )


def latencies(rows: Iterable[LatencyRow]) -> dict[ServiceRef, dict[str, float]]:
    """p95 by service and reporter."""
    found: dict[ServiceRef, dict[str, float]] = {}
    for row in rows:
        if math.isfinite(row.p95_ms):
            found.setdefault(row.service, {})[row.reporter] = row.p95_ms
    return found


def shares(rows: Iterable[VersionRow]) -> dict[ServiceRef, dict[str, Share]]:
    """What each version got, by service. Percent is of the requests that reached some version: one that failed before any pod
    belongs to none, and would make every share look smaller than the route says."""
    rates: dict[ServiceRef, dict[str, dict[str, list[float]]]] = {}
    for row in rows:
        if row.version in {"", UNKNOWN_VERSION} or not math.isfinite(row.per_second):
            continue
        sums = rates.setdefault(row.service, {}).setdefault(row.reporter, {}).setdefault(row.version, [0.0, 0.0])
        sums[0] += row.per_second
        sums[1] += row.per_second if is_error(row.response_code) else 0.0
    found: dict[ServiceRef, dict[str, Share]] = {}
    for service, by_reporter in rates.items():
        totals = {reporter: sum(total for total, _ in versions.values()) for reporter, versions in by_reporter.items()}
        if reporter := preferred(totals):
            found[service] = {
                version: Share(
                    total,
                    100.0 * (total / totals[reporter]) if totals[reporter] else None,
                    100.0 * (errors / total) if total else None,
                )
                for version, (total, errors) in by_reporter[reporter].items()
            }
    return found


def mesh_p95(by_reporter: Mapping[str, float]) -> float | None:
    """The p95 of the whole mesh, of the side that is preferred for rates."""
    return next((by_reporter[r] for r in PREFERENCE if r in by_reporter and math.isfinite(by_reporter[r])), None)
