"""How a service is, with memory: a state is entered at one limit, left at a lower one, and neither at the first glance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from meshportal.mesh.signals import Signals
from meshportal.mesh.snapshot import ORDER, ServiceNow, State, Why


@dataclass(frozen=True)
class Limits:
    """When a service is not OK.

    Kiali's defaults are any 5xx for degraded and 10 % for failure; a single failed request would then wake somebody. Ours need
    a share that an error budget of 99.5 % notices, and two failures at least.
    """

    errors_warn_percent: float = 0.5
    errors_fail_percent: float = 5.0
    p95_warn_ms: float = 500.0

    @classmethod
    def of(cls, annotations: Mapping[str, str], otherwise: Limits) -> Limits:
        """Limits that a Service's annotations set, such as meshportal.io/errors-fail-percent.

        What is no number above 0 is ignored.
        """
        given: dict[str, float] = {}
        for name in ("errors_warn_percent", "errors_fail_percent", "p95_warn_ms"):
            try:
                value = float(annotations.get(f"meshportal.io/{name.replace('_', '-')}", ""))
            except ValueError:
                continue
            if math.isfinite(value) and value > 0:
                given[name] = value
        return replace(otherwise, **given)


LEAVE = 0.8
"""A state is left below this part of the limit it was entered at."""
ENOUGH_REQUESTS = 20
"""Requests in the window from which on a share is believed at once."""
ENOUGH_ERRORS = 1.5
"""Failures in the window below which no share counts: Prometheus extrapolates, and makes up to 1.3 of a single one."""
CONFIRM = 3
"""Ticks in a row that a change of state needs where it is not believed at once."""
CONFIRM_LATENCY = 6
"""Latency is asked every third tick: two answers."""
CONFIRM_PROXIES = 12
"""A proxy that has just started is not in Prometheus before its first scrape."""
FORGET_SECONDS = 3600.0
"""How long a service whose series vanished is missed, before it is one without traffic."""


@dataclass(frozen=True)
class Facts:
    """What is known of a service in one tick. `metrics` and `inventory`: whether Prometheus and Kubernetes answer; `news`:
    whether this tick brought anything, or only repeats the one before.

    `signals` is None where Prometheus has no series of the service. Pods and Envoys are None where nobody knows.
    """

    metrics: bool
    inventory: bool
    window_seconds: int
    news: bool = True
    signals: Signals | None = None
    p95_ms: float | None = None
    selects: bool = False
    pods_ready: int | None = None
    pods_total: int | None = None
    envoys_ready: int | None = None
    envoys_total: int = 0
    out_of_sync: int | None = None

    @property
    def requests(self) -> float:
        return self.signals.per_second * self.window_seconds if self.signals else 0.0

    @property
    def errors(self) -> float:
        return self.signals.errors_per_second * self.window_seconds if self.signals else 0.0


@dataclass(frozen=True)
class Verdict:
    """A state, why, and how often in a row it must be seen before it is believed."""

    state: State
    why: Why
    value: float | None = None
    limit: float | None = None
    confirm: int = CONFIRM


@dataclass(frozen=True)
class Memory:
    """What is believed of a service since when, what the last ticks lean to instead, and when it last had series."""

    verdict: Verdict
    since: float
    leaning: State | None = None
    streak: int = 0
    seen_at: float | None = None


def remembered(service: ServiceNow, taken_at: float) -> Memory:
    """Memory of an observer that has just started, from the last Snapshot."""
    verdict = Verdict(service.state, service.why, service.value, service.limit)
    return Memory(verdict, service.since, seen_at=taken_at if service.per_second is not None else None)


def judge(facts: Facts, before: Memory | None, limits: Limits, now: float) -> Memory:
    """What to believe of a service at `now`."""
    seen_at = now if facts.metrics and facts.signals else (before.seen_at if before else None)
    verdicts = list(_verdicts(facts, before, limits, now))
    found = min(verdicts, key=lambda verdict: ORDER[verdict.state])
    if before is None:
        return Memory(found, now, seen_at=seen_at)
    if found.state == before.verdict.state:
        return Memory(found, before.since, seen_at=seen_at)
    streak = int(facts.news) + (before.streak if before.leaning == found.state else 0)
    known = before.verdict.state is not State.UNKNOWN
    sighted = facts.metrics and facts.inventory
    # out of not knowing there is nothing to hold on to
    if (not known and sighted) or streak >= _confirm(found, before.verdict):
        return Memory(found, now, seen_at=seen_at)
    if sighted:
        return Memory(_current(before.verdict, facts), before.since, found.state, streak, seen_at)
    blind = next(verdict for verdict in verdicts if verdict.state is State.UNKNOWN)
    return Memory(blind, now if known else before.since, found.state, streak, seen_at)


def _confirm(found: Verdict, before: Verdict) -> int:
    return found.confirm if ORDER[found.state] < ORDER[before.state] or found.state is State.UNKNOWN else CONFIRM


def _current(verdict: Verdict, facts: Facts) -> Verdict:
    """A verdict that still stands, with today's number."""
    if verdict.why is Why.ERRORS and facts.signals and facts.signals.error_percent is not None:
        return replace(verdict, value=facts.signals.error_percent)
    if verdict.why is Why.LATENCY and facts.p95_ms is not None:
        return replace(verdict, value=facts.p95_ms)
    return verdict


def _verdicts(facts: Facts, before: Memory | None, limits: Limits, now: float) -> Iterator[Verdict]:
    """Everything one can say of the service; the worst counts, of equals the first."""
    if facts.metrics and facts.signals:
        yield from _of_signals(facts, facts.signals, before.verdict if before else None, limits)
    if facts.out_of_sync:
        # istiod tells what is, and not what it makes of samples: believed at once
        yield Verdict(State.WARN, Why.OUT_OF_SYNC, float(facts.out_of_sync), float(facts.envoys_total), confirm=1)
    if facts.inventory:
        yield from _of_inventory(facts)
    if not facts.metrics:
        yield Verdict(State.UNKNOWN, Why.METRICS_GONE, confirm=1)
    if not facts.inventory:
        yield Verdict(State.UNKNOWN, Why.INVENTORY_GONE, confirm=1)
    if facts.metrics and facts.inventory and facts.signals is None:
        yield _without_series(facts, before, now)
    yield Verdict(State.OK, Why.WITHIN_LIMITS if facts.requests else Why.NO_TRAFFIC)


def _of_signals(facts: Facts, signals: Signals, before: Verdict | None, limits: Limits) -> Iterator[Verdict]:
    percent, confirm = signals.error_percent, 1 if facts.requests >= ENOUGH_REQUESTS else CONFIRM
    failing = before is not None and before.why is Why.ERRORS
    if percent is not None and (failing or facts.errors >= ENOUGH_ERRORS):
        was_fail = failing and before is not None and before.state is State.FAIL
        fail = limits.errors_fail_percent * (LEAVE if was_fail else 1)
        warn = limits.errors_warn_percent * (LEAVE if failing else 1)
        if percent >= fail:
            yield Verdict(State.FAIL, Why.ERRORS, percent, fail, confirm)
        elif percent >= warn:
            yield Verdict(State.WARN, Why.ERRORS, percent, warn, confirm)
    slow = limits.p95_warn_ms * (LEAVE if before is not None and before.why is Why.LATENCY else 1)
    # below that the p95 is merely the slowest request
    if facts.p95_ms is not None and facts.p95_ms >= slow and facts.requests >= ENOUGH_REQUESTS:
        yield Verdict(State.WARN, Why.LATENCY, facts.p95_ms, slow, CONFIRM_LATENCY)


def _of_inventory(facts: Facts) -> Iterator[Verdict]:
    if facts.selects and facts.pods_ready == 0 and facts.pods_total is not None:
        # nobody calls a service that was scaled to zero on purpose
        wanted = facts.pods_total > 0 or (facts.metrics and facts.requests > 0)
        yield Verdict(State.FAIL if wanted else State.WARN, Why.NO_READY_PODS, 0.0, float(facts.pods_total))
    if facts.metrics and facts.envoys_ready is not None and facts.envoys_ready < facts.envoys_total:
        yield Verdict(State.WARN, Why.PROXIES, float(facts.envoys_ready), float(facts.envoys_total), CONFIRM_PROXIES)


def _without_series(facts: Facts, before: Memory | None, now: float) -> Verdict:
    """Prometheus answers, and has nothing of this service. A proxy makes the series with its first request, so a service that
    was never called has none and is well; one that had some has lost its scraping, or all who counted are gone."""
    missed = before is not None and before.seen_at is not None and now - before.seen_at < FORGET_SECONDS
    if facts.envoys_ready and not missed:
        return Verdict(State.OK, Why.NO_TRAFFIC)
    return Verdict(State.UNKNOWN, Why.NOT_SEEN if facts.envoys_total else Why.NOT_MEASURED)
