"""One tick: everything that was heard until now becomes a Snapshot. No clock and no network here, so every outage is a test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from meshportal.mesh.health import Facts, Limits, Memory, judge
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rows import ControlPlane, LatencyRow, TrafficRow, VersionRow
from meshportal.mesh.signals import Share, Signals, latencies, mesh_p95, shares, signals
from meshportal.mesh.snapshot import ORDER, NamespaceNow, ServiceNow, Snapshot, Source, VersionNow
from meshportal.mesh.survey import PodName, ServiceFacts, Survey, live_envoys
from meshportal.mesh.syncz import Sync
from meshportal.mesh.totals import mesh_of

T = TypeVar("T")

FAILURES = 2
"""Failed looks in a row, or periods without a look, after which a source is not believed any more."""
SILENT = "no answer in time"
NO_ISTIOD = "Prometheus has no series of istiod"
PROMETHEUS, KUBERNETES, ISTIOD, SYNCZ = "prometheus", "kubernetes", "istiod", "syncz"


@dataclass(frozen=True)
class Last(Generic[T]):
    """The last good answer to one question, and how often it was asked in vain since. `every`: asked each so many ticks."""

    value: T
    at: float | None = None
    failures: int = 0
    error: str = ""
    every: int = 1

    def answered(self, value: T, now: float) -> Last[T]:
        return replace(self, value=value, at=now, failures=0, error="")

    def failed(self, error: str) -> Last[T]:
        return replace(self, failures=self.failures + 1, error=error)

    def fresh(self, now: float, period: float) -> bool:
        """Whether the answer can be taken as of now."""
        return self.at is not None and self.failures < FAILURES and now - self.at <= FAILURES * period * self.every


@dataclass(frozen=True)
class Metrics:
    """The last answers of Prometheus. `istiod_at`: when it last had series of istiod."""

    traffic: Last[tuple[TrafficRow, ...]] = field(default_factory=lambda: Last(()))
    versions: Last[tuple[VersionRow, ...]] = field(default_factory=lambda: Last(()))
    latency: Last[tuple[LatencyRow, ...]] = field(default_factory=lambda: Last((), every=3))
    mesh_latency: Last[Mapping[str, float]] = field(default_factory=lambda: Last({}, every=3))
    proxies: Last[frozenset[PodName]] = field(default_factory=lambda: Last(frozenset()))
    control_plane: Last[ControlPlane] = field(default_factory=lambda: Last(ControlPlane(None, None, None)))
    istiod_at: float | None = None


@dataclass(frozen=True)
class Moment:
    """Which Snapshot is to be made. `heard_before`: when Prometheus had answered as of the Snapshot before."""

    cluster: str
    version: int
    now: float
    period_seconds: int
    window_seconds: int
    heard_before: float | None = None


def observe(
    moment: Moment,
    kubernetes: Last[Survey],
    metrics: Metrics,
    memory: Mapping[ServiceRef, Memory],
    limits: Limits,
    sync: Last[Sync] | None = None,
) -> tuple[Snapshot, dict[ServiceRef, Memory]]:
    """The Snapshot of `moment`, and what to remember for the next one. Services that are gone are forgotten.

    `sync` is istiod's own answer, None where nobody told its address.
    """
    look = _Look(moment, kubernetes, metrics, sync)
    services, remember = [], {}
    for ref, facts in kubernetes.value.services.items():
        # once it was in the mesh it stays in sight: losing the sidecar is what one wants to see
        if facts.in_mesh or ref in look.signals or ref in memory:
            now_of, remember[ref] = look.service(facts, memory.get(ref), limits)
            services.append(now_of)
    services.sort(key=lambda service: (ORDER[service.state], service.namespace, service.name))
    namespaces = look.namespaces()
    connected = metrics.control_plane.value.connected_proxies if look.fresh(metrics.control_plane) else None
    mesh = mesh_of(services, namespaces)
    mesh = replace(
        mesh,
        p95_ms=look.mesh_p95() if mesh.per_second else None,
        proxies_connected=round(connected) if connected is not None else None,
    )
    snapshot = Snapshot(
        cluster=moment.cluster,
        version=moment.version,
        taken_at=moment.now,
        period_seconds=moment.period_seconds,
        window_seconds=moment.window_seconds,
        sources=_sources(look),
        mesh=mesh,
        services=tuple(services),
        namespaces=namespaces,
    )
    return snapshot, remember


class _Look:
    """One moment's answers. What is not fresh is no data: beside UNKNOWN, an old number would be read as a true one."""

    def __init__(self, moment: Moment, kubernetes: Last[Survey], metrics: Metrics, answer: Last[Sync] | None) -> None:
        self.moment, self.kubernetes, self.metrics, self.answer = moment, kubernetes, metrics, answer
        self.sync = answer.value if answer is not None and self.fresh(answer) else None
        self.inventory_fresh, self.metrics_fresh = self.fresh(kubernetes), self.fresh(metrics.traffic)
        self.signals: dict[ServiceRef, Signals] = signals(metrics.traffic.value) if self.metrics_fresh else {}
        self.latencies = latencies(metrics.latency.value) if self.fresh(metrics.latency) else {}
        self.shares = shares(metrics.versions.value) if self.metrics_fresh and self.fresh(metrics.versions) else {}
        # not one Envoy in Prometheus: then nobody scrapes them, and none can be called unwell for that
        known = self.inventory_fresh and self.fresh(metrics.proxies) and bool(metrics.proxies.value)
        self.live = live_envoys(kubernetes.value, metrics.proxies.value) if known else None

    def fresh(self, last: Last[T]) -> bool:
        return last.fresh(self.moment.now, self.moment.period_seconds)

    def mesh_p95(self) -> float | None:
        known = self.metrics_fresh and self.fresh(self.metrics.mesh_latency)
        return mesh_p95(self.metrics.mesh_latency.value) if known else None

    def service(self, known: ServiceFacts, before: Memory | None, limits: Limits) -> tuple[ServiceNow, Memory]:
        ref = known.service.ref
        numbers = self.signals.get(ref)
        busy = numbers if numbers and numbers.per_second else None
        p95 = self.latencies.get(ref, {}).get(busy.reporter) if busy else None
        facts = Facts(
            metrics=self.metrics_fresh,
            inventory=self.inventory_fresh,
            window_seconds=self.moment.window_seconds,
            news=not self.metrics_fresh or self.metrics.traffic.at != self.moment.heard_before,
            signals=numbers,
            p95_ms=p95,
            selects=bool(known.service.selector),
            pods_ready=known.pods_ready if self.inventory_fresh else None,
            pods_total=known.pods_total if self.inventory_fresh else None,
            envoys_ready=len(self.live & known.proxies) if self.live is not None else None,
            envoys_total=len(known.proxies),
            out_of_sync=len(known.proxies & self.sync.troubled.keys()) if self.sync else None,
        )
        memory = judge(facts, before, Limits.of(known.service.annotations, limits), self.moment.now)
        return self._now(known, facts, memory), memory

    def _now(self, known: ServiceFacts, facts: Facts, memory: Memory) -> ServiceNow:
        numbers, verdict = facts.signals, memory.verdict
        return ServiceNow(
            namespace=known.service.ref.namespace,
            name=known.service.ref.name,
            state=verdict.state,
            why=verdict.why,
            since=memory.since,
            owner=known.owner,
            value=verdict.value,
            limit=verdict.limit,
            worst_code=numbers.worst_code if numbers else "",
            reporter=numbers.reporter if numbers else "",
            per_second=numbers.per_second if numbers else None,
            success_percent=numbers.success_percent if numbers else None,
            error_percent=numbers.error_percent if numbers else None,
            p95_ms=facts.p95_ms,
            mtls_percent=numbers.mtls_percent if numbers else None,
            served_per_second=numbers.served_per_second if numbers else None,
            pods_ready=facts.pods_ready,
            pods_total=facts.pods_total,
            envoys_ready=facts.envoys_ready,
            envoys_total=facts.envoys_total,
            ports=known.service.ports,
            versions=self._versions(known),
            split=known.route.split,
            in_sync=len(known.proxies & self.sync.listed) - (facts.out_of_sync or 0) if self.sync else None,
            out_of_sync=facts.out_of_sync,
            sync_reason=self.sync.reason(known.proxies) if self.sync else "",
        )

    def _versions(self, known: ServiceFacts) -> tuple[VersionNow, ...]:
        """Every version that has pods, a place in the route, or requests."""
        measured = self.shares.get(known.service.ref, {}) if known.route.split else {}
        nothing = Share(0.0, 0.0, None)
        found = []
        for version in sorted({*known.versions, *known.route.percent, *measured}):
            # where versions are told apart and requests were counted, a version without a series got none of them
            share = measured.get(version, nothing) if any(s.per_second for s in measured.values()) else measured.get(version)
            ready, total = known.versions.get(version, (0, 0))
            found.append(
                VersionNow(
                    version=version,
                    pods_ready=ready if self.inventory_fresh else None,
                    pods_total=total if self.inventory_fresh else None,
                    configured_percent=self._configured(known, version),
                    measured_percent=share.percent if share else None,
                    per_second=share.per_second if share else None,
                    error_percent=share.error_percent if share else None,
                )
            )
        return tuple(found)

    def _configured(self, known: ServiceFacts, version: str) -> float | None:
        """Percent by the route; a version that a route by version does not name gets 0 of it."""
        if not self.inventory_fresh or not known.route.percent:
            return None
        return known.route.percent.get(version, 0.0)

    def namespaces(self) -> tuple[NamespaceNow, ...]:
        survey = self.kubernetes.value
        totals, ready = dict[str, int](), dict[str, int]()
        for namespace, _ in survey.proxies:
            totals[namespace] = totals.get(namespace, 0) + 1
        for namespace, _ in self.live or ():
            ready[namespace] = ready.get(namespace, 0) + 1
        listed = Counter(namespace for namespace, _ in self.sync.listed) if self.sync else None
        troubled = Counter(namespace for namespace, _ in self.sync.troubled) if self.sync else None
        return tuple(
            NamespaceNow(
                namespace.name,
                namespace.owner,
                namespace.injected,
                ready.get(namespace.name, 0) if self.live is not None else None,
                totals.get(namespace.name, 0) if self.inventory_fresh else None,
                listed[namespace.name] - troubled[namespace.name] if listed is not None and troubled is not None else None,
                troubled[namespace.name] if troubled is not None else None,
            )
            for namespace in sorted(survey.namespaces.values(), key=lambda n: n.name)
        )


def _sources(look: _Look) -> tuple[Source, ...]:
    metrics, kubernetes = look.metrics, look.kubernetes
    told = look.fresh(metrics.control_plane)
    istiod = told and metrics.control_plane.value.uptime_seconds is not None
    return (
        _source(PROMETHEUS, look.metrics_fresh, metrics.traffic),
        _source(KUBERNETES, look.inventory_fresh, kubernetes),
        Source(ISTIOD, istiod, metrics.istiod_at, "" if istiod else (NO_ISTIOD if told else metrics.control_plane.error)),
        *([_source(SYNCZ, look.sync is not None, look.answer)] if look.answer is not None else []),
    )


def _source(name: str, fresh: bool, last: Last[T]) -> Source:
    return Source(name, fresh, last.at, last.error or (SILENT if last.at and not fresh else ""))
