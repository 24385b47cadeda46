"""A Prometheus in memory that answers from facts a test states: who sees how much of what."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from meshportal.clients.ports import CanaryCounts, CanaryTarget, History, HistoryPoint, MetricsUnavailable, VersionNow
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rows import ControlPlane, CounterRow, LatencyRow, TrafficRow, VersionRow
from meshportal.mesh.signals import SERVING, is_error, preferred


@dataclass(frozen=True)
class Seen:
    """One series of istio_requests_total."""

    reporter: str
    service: ServiceRef
    version: str
    code: str
    policy: str


class FakeMetrics:
    """See MetricsPort for what the methods promise. `calls` names the methods that were called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._rates: dict[Seen, float] = {}
        self._latencies: dict[tuple[str, ServiceRef, str], float] = {}
        self._proxies: set[tuple[str, str]] = set()
        self._control_plane = ControlPlane(None, None, None)
        self._histories: dict[ServiceRef, History] = {}
        self._away = ""
        self._counters: dict[ServiceRef, dict[CounterRow, float]] = defaultdict(lambda: defaultdict(float))
        self._slow: dict[tuple[ServiceRef, str, str, str], float] = defaultdict(float)
        self._ages: dict[tuple[ServiceRef, str], float] = {}
        self._odd: dict[str, float] = {}
        self._twice = False

    # ------------------------------------------------------------ what happens out there

    def sees(
        self,
        service: ServiceRef,
        version: str,
        per_second: float,
        *,
        code: str = "200",
        reporter: str = "destination",
        policy: str = "mutual_tls",
    ) -> None:
        """From now on this series has this rate. A caller's side never knows how its requests arrived: "unknown"."""
        arrived = policy if reporter in SERVING else "unknown"
        self._rates[Seen(reporter, service, version, code, arrived)] = per_second

    def takes(self, service: ServiceRef, p95_ms: float, *, version: str = "", reporter: str = "destination") -> None:
        """From now on the p95 of a service, or of one of its versions, is this."""
        self._latencies[reporter, service, version] = p95_ms

    def forgets(self, service: ServiceRef) -> None:
        """The service's series are gone: no data, which is not 0."""
        self._rates = {seen: rate for seen, rate in self._rates.items() if seen.service != service}
        self._latencies = {key: value for key, value in self._latencies.items() if key[1] != service}
        self._histories.pop(service, None)
        self._counters.pop(service, None)

    def remembers(self, history: History) -> None:
        """What `history` answers for that service, instead of the present for all of the past."""
        self._histories[history.service] = history

    def scrapes(self, namespace: str, pod: str) -> None:
        """An Envoy is live and freshly scraped."""
        self._proxies.add((namespace, pod))

    def loses(self, namespace: str, pod: str) -> None:
        self._proxies.discard((namespace, pod))

    def hears_istiod(
        self, *, uptime_seconds: float | None = None, connected_proxies: float | None = None, rejects: float | None = None
    ) -> None:
        self._control_plane = ControlPlane(uptime_seconds, connected_proxies, rejects)

    def counts(
        self,
        service: ServiceRef,
        version: str,
        requests: float,
        *,
        errors: float = 0,
        slow: float = 0,
        code: str = "503",
        flags: str = "-",
        grpc: str = "",
        reporter: str = "destination",
        pod: str = "a",
    ) -> None:
        """So many more requests, of them `errors` with `code` and `flags`, and `slow` ones over every bound."""
        row = CounterRow(reporter, version, pod, 0.0, "200", "0" if grpc else "", "-")
        self._counters[service][row] += requests - errors
        if errors:
            self._counters[service][replace(row, response_code=code, flags=flags, grpc_status=grpc)] += errors
        self._slow[service, reporter, version, pod] += slow
        self._ages.setdefault((service, version), 5.0)

    def restarts(self, service: ServiceRef, pod: str) -> None:
        """The counters of one proxy begin anew."""
        for row in [row for row in self._counters[service] if row.source == pod]:
            self._counters[service][row] = 0.0
        self._slow = defaultdict(float, {key: value for key, value in self._slow.items() if key[3] != pod})

    def was_last_scraped(self, service: ServiceRef, version: str, seconds_ago: float) -> None:
        self._ages[service, version] = seconds_ago

    def says(self, version: str, value: float) -> None:
        """Every counter of a version has this value, such as NaN. `says_again` takes it back."""
        self._odd[version] = value

    def says_again(self) -> None:
        self._odd.clear()
        self._twice = False

    def says_everything_twice(self) -> None:
        self._twice = True

    def goes_away(self, why: str = "Prometheus cannot be reached.") -> None:
        """From now on nothing answers."""
        self._away = why

    def comes_back(self) -> None:
        self._away = ""

    # ------------------------------------------------------------ MetricsPort

    def traffic(self, window_seconds: int) -> list[TrafficRow]:
        self._answer("traffic")
        sums: dict[tuple[str, ServiceRef, str, str], float] = defaultdict(float)
        for seen, rate in self._rates.items():
            sums[seen.reporter, seen.service, seen.code, seen.policy] += rate
        return [TrafficRow(*key, rate) for key, rate in sums.items()]

    def versions(self, services: Sequence[ServiceRef], window_seconds: int) -> list[VersionRow]:
        if not services:
            return []
        self._answer("versions")
        sums: dict[tuple[str, ServiceRef, str, str], float] = defaultdict(float)
        for seen, rate in self._rates.items():
            if seen.service in services:
                sums[seen.reporter, seen.service, seen.version, seen.code] += rate
        return [VersionRow(*key, rate) for key, rate in sums.items()]

    def latency(self, window_seconds: int) -> list[LatencyRow]:
        self._answer("latency")
        rows = self._latencies.items()
        return [LatencyRow(reporter, service, p95) for (reporter, service, version), p95 in rows if not version]

    def mesh_latency(self, window_seconds: int) -> dict[str, float]:
        """The highest of the services stands for the mesh."""
        self._answer("mesh_latency")
        highest: dict[str, float] = {}
        for (reporter, _, version), p95 in self._latencies.items():
            if not version:
                highest[reporter] = max(p95, highest.get(reporter, 0.0))
        return highest

    def proxies(self, fresh_seconds: int) -> set[tuple[str, str]]:
        self._answer("proxies")
        return set(self._proxies)

    def control_plane(self) -> ControlPlane:
        self._answer("control_plane")
        return self._control_plane

    def canary(self, targets: Sequence[CanaryTarget]) -> dict[str, CanaryCounts | None]:
        if not targets:
            return {}
        self._answer("canary")
        return {target.key: self._canary(target) for target in targets}

    def _canary(self, target: CanaryTarget) -> CanaryCounts | None:
        counters = self._counters.get(target.service)
        if not counters:
            return None
        rows = [replace(row, value=self._odd.get(row.version, value)) for row, value in counters.items()]
        if target.bound is not None:
            sums: dict[tuple[str, str, str], float] = defaultdict(float)
            for row, value in counters.items():
                sums[row.reporter, row.version, row.source] += value
            for key, total in sums.items():
                rows.append(CounterRow(*key, total - self._slow[(target.service, *key)], le=f"{target.bound:g}"))
        ages = {version: age for (service, version), age in self._ages.items() if service == target.service}
        return CanaryCounts(tuple(rows * 2 if self._twice else rows), ages, ("counts of a fake", "rest of a fake"))

    def history(self, service: ServiceRef, *, start: datetime, end: datetime, step_seconds: int) -> History:
        """The present at every step, with p95 for all quantiles, unless the test told what to remember."""
        self._answer("history")
        if service in self._histories:
            return self._histories[service]
        counted: dict[str, float] = {}
        for seen, per_second in self._rates.items():
            if seen.service == service:
                counted[seen.reporter] = counted.get(seen.reporter, 0.0) + per_second
        reporter = preferred(counted)
        rows = [(s.version, s.code, rate) for s, rate in self._rates.items() if (s.service, s.reporter) == (service, reporter)]
        rate, errors = _signals([(code, rate) for _, code, rate in rows])
        p95 = self._latencies.get((reporter, service, "")) if rate else None
        times = range(round(start.timestamp()), round(end.timestamp()) + 1, step_seconds)
        points = tuple(HistoryPoint(datetime.fromtimestamp(at, UTC), rate, errors, p95, p95, p95) for at in times)
        versions = []
        for version in sorted({version for version, _, _ in rows}):
            its_rate, its_errors = _signals([(code, rate) for v, code, rate in rows if v == version])
            its_p95 = self._latencies.get((reporter, service, version)) if its_rate else None
            versions.append(VersionNow(version, its_rate or 0.0, its_errors, its_p95))
        return History(service, reporter, points, tuple(versions))

    def _answer(self, method: str) -> None:
        self.calls.append(method)
        if self._away:
            raise MetricsUnavailable(self._away)


def _signals(rates: Sequence[tuple[str, float]]) -> tuple[float | None, float | None]:
    """Rate and ratio of errors; None without series, and no ratio without requests."""
    if not rates:
        return None, None
    total = math.fsum(rate for _, rate in rates)
    return total, math.fsum(rate for code, rate in rates if is_error(code)) / total if total > 0 else None
