"""The board as values: everything it shows, rounded as it is shown, so that two boards are equal exactly when they look the same.

`compare=False` marks what may differ without being a change: the moment of the look, and the small lines of quiet services.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import get_language

from meshportal.accounts.permissions import Namespaces
from meshportal.board import sentences
from meshportal.board.canaries import CanaryLine, StopLine
from meshportal.board.changed import ChangedBy, Line
from meshportal.board.figures import Figure, figures
from meshportal.board.lines import PER_SECOND, Points, Spark, Trail, points, spark_of
from meshportal.board.sources import Chip, chips, staleness
from meshportal.mesh.snapshot import ORDER, ServiceNow, Snapshot, State


@dataclass(frozen=True)
class Card:
    """A problem: what is wrong, since when, and what changed before."""

    namespace: str
    name: str
    state: State
    since: float
    spoken: str
    sentence: SafeString
    facts: tuple[str, ...]
    versions: str
    spark: Spark
    changed: ChangedBy | None

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def changed_at(self) -> float | None:
        """When it was changed, where that is on its small line."""
        on_line = self.changed and self.spark.points and self.changed.at >= self.spark.points[0][0]
        return self.changed.at if self.changed and on_line else None


@dataclass(frozen=True)
class Row:
    """A service that is OK."""

    namespace: str
    name: str
    spoken: str
    per_second: float | None
    rate_digits: int
    error_percent: float | None
    p95_ms: float | None
    mtls_percent: float | None
    mtls_digits: int
    owner: str
    versions: str
    changed: ChangedBy | None
    points: Points = field(default=(), compare=False)

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Board:
    """One look at one mesh for one audience. `version` names it: it changes whenever the board does.

    Times are seconds since 1970. `stale` is 0 while the look is fresh, 1 from two periods on, 2 from five.
    """

    cluster: str
    version: str
    now: float = field(compare=False)
    taken_at: float
    period: int
    window: int
    stale: int
    everything: bool
    verdict: str
    facts: str
    chips: tuple[Chip, ...]
    remark: str
    figures: tuple[Figure, ...]
    cards: tuple[Card, ...]
    rows: tuple[Row, ...]
    changes: tuple[Line, ...]
    canaries: tuple[CanaryLine, ...] = ()
    stop: StopLine | None = None

    @property
    def problems(self) -> int:
        """How many services need a person: the number in the title. UNKNOWN is not one of them until somebody can say."""
        return sum(card.state in {State.FAIL, State.WARN} for card in self.cards)


@dataclass(frozen=True)
class Seen:
    """What the board is made of, read from rows: only what those may see for whom it is."""

    snapshot: Snapshot
    trail: Trail
    heartbeat: datetime | None
    changes: tuple[Line, ...] = ()
    changed_by: Mapping[str, ChangedBy] = field(default_factory=dict)
    canaries: tuple[CanaryLine, ...] = ()
    stop: StopLine | None = None


def board(seen: Seen, namespaces: Namespaces, now: float) -> Board:
    """The board that somebody with these namespaces sees at `now`."""
    snapshot = seen.snapshot
    services = sorted(snapshot.services, key=lambda service: (ORDER[service.state], service.namespace, service.name))
    problems = [service for service in services if service.state != State.OK]
    well = [service for service in services if service.state == State.OK]
    stale = staleness(now - snapshot.taken_at, snapshot.period_seconds)
    sources = chips(snapshot, seen.heartbeat, now)
    return Board(
        cluster=snapshot.cluster,
        version=version_of(seen, namespaces, (stale, *(chip.state for chip in sources))),
        now=now,
        taken_at=snapshot.taken_at,
        period=snapshot.period_seconds,
        window=snapshot.window_seconds,
        stale=stale,
        everything=namespaces.everything,
        verdict=sentences.verdict(services),
        facts=sentences.verdict_facts(services, snapshot.cluster),
        chips=sources,
        remark=sentences.remark((chip.name for chip in sources if chip.state != State.OK), snapshot.taken_at),
        figures=figures(snapshot, seen.trail, everything=namespaces.everything, now=now),
        cards=tuple(card(service, seen) for service in problems),
        rows=tuple(row(service, seen) for service in well),
        changes=seen.changes,
        canaries=seen.canaries,
        stop=seen.stop,
    )


def version_of(seen: Seen, namespaces: Namespaces, ages: Sequence[object]) -> str:
    """The name of what is shown: snapshot, and a checksum of all else that the page depends on. Fit for ETag and event id."""
    beat = int(seen.heartbeat.timestamp()) if seen.heartbeat else 0
    rest = (namespaces.key, get_language(), ages, beat, seen.changes, sorted(seen.changed_by.items()), seen.canaries, seen.stop)
    return f"{seen.snapshot.version:x}.{zlib.crc32(repr(rest).encode()):x}"


def card(service: ServiceNow, seen: Seen) -> Card:
    return Card(
        namespace=service.namespace,
        name=service.name,
        state=service.state,
        since=service.since,
        spoken=sentences.transition(service),
        sentence=sentences.sentence(service),
        facts=sentences.facts(service),
        versions=sentences.versions_line(service),
        spark=spark_of(service, seen.trail),
        changed=seen.changed_by.get(service.key),
    )


def row(service: ServiceNow, seen: Seen) -> Row:
    mtls = service.mtls_percent
    mtls_digits = 0 if mtls is None or mtls == round(mtls) else 1
    rate_digits = sentences.rate_digits(service.per_second or 0)
    return Row(
        namespace=service.namespace,
        name=service.name,
        spoken=sentences.transition(service),
        per_second=rounded(service.per_second, rate_digits),
        rate_digits=rate_digits,
        error_percent=rounded(service.error_percent, 2),
        p95_ms=rounded(service.p95_ms, 0),
        mtls_percent=None if mtls is None else sentences.short_of_hundred(mtls, mtls_digits),
        mtls_digits=mtls_digits,
        owner=service.owner,
        versions=sentences.versions_line(service),
        changed=seen.changed_by.get(service.key),
        points=points(seen.trail.get(service.key, ()), PER_SECOND),
    )


def rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
