"""The observer of one cluster: each tick turns what the mirror and the asker hold into a Snapshot, and writes it.

No thread and no clock here: `tick` is told the time, so that every outage and every race is a test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.db import DatabaseError

from meshportal.catalog.asking import Asker
from meshportal.catalog.lease import Lease, acquire, release
from meshportal.catalog.mirror import Mirror
from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.catalog.models import Trail
from meshportal.catalog.queries import readable, stock
from meshportal.catalog.recording import Record, changes_between, record, written_objects
from meshportal.catalog.syncing import SyncAsker
from meshportal.clusters.models import Cluster
from meshportal.mesh import trail
from meshportal.mesh.health import Limits, Memory, remembered
from meshportal.mesh.inventory import istio_release
from meshportal.mesh.observation import KUBERNETES, Last, Moment, observe
from meshportal.mesh.refs import ResourceRef, ServiceRef, Version, version_of
from meshportal.mesh.snapshot import Snapshot, Source
from meshportal.mesh.stock import Stock, stock_of
from meshportal.mesh.survey import Survey, survey, surveyed_from

log = structlog.get_logger(__name__)

LEASE_TICKS = 3


@dataclass(frozen=True)
class Known:
    """What was last worked out of the mirror: dear enough to be done only when the mirror has changed."""

    revision: int
    survey: Survey
    istio_version: str
    stock: Stock


class ClusterObserver:
    """Observes `cluster` as `holder`, a name that no other process has. `syncing` is None where istiod's address is not known."""

    def __init__(
        self,
        cluster: Cluster,
        mirror: Mirror,
        asker: Asker,
        holder: str,
        *,
        limits: Limits | None = None,
        syncing: SyncAsker | None = None,
    ) -> None:
        self.cluster_id, self.name, self.holder = cluster.pk, cluster.name, holder
        self.mirror, self.asker, self.syncing, self.limits = mirror, asker, syncing, limits or Limits()
        self.lease: Lease | None = None
        self.said: dict[str, Source] = {}
        self._storage_ok = True
        self._forget()

    def _forget(self) -> None:
        self.before: Snapshot | None = None
        self.version = 0
        self.memory: dict[ServiceRef, Memory] = {}
        self.written: dict[ResourceRef, Version] = {}
        self.trail: trail.Stored = {}
        self.releases = ("", "")
        self.stock: Stock | None = None
        self._known: Known | None = None

    # ------------------------------------------------------------ one tick

    @property
    def period(self) -> int:
        """Seconds from one Snapshot to the next."""
        return math.ceil(max(self.asker.tick_seconds, self.asker.pause))

    def lead(self, now: float) -> bool:
        """Whether this observer may write, taking the lease over where it has expired. Never raises."""
        return self.lease is not None or self._stored(lambda: self._take_over(now)) or False

    def split(self) -> list[ServiceRef]:
        """Services whose route tells versions apart."""
        return [ref for ref, facts in self.survey()[0].value.services.items() if facts.route.split]

    def tick(self, now: float) -> Snapshot | None:
        """The Snapshot that was written; None where another observer holds the lease, or the database did not take it.

        Never raises for what happens outside: a cluster, a Prometheus or a database that is away is something to report.
        """
        if not self.lead(now) or self.lease is None:
            return None
        kubernetes, istio_version = self.survey()
        sync = self.syncing.sync if self.syncing else None
        snapshot, self.memory = observe(self._moment(now), kubernetes, self.asker.metrics, self.memory, self.limits, sync)
        what = self._record(snapshot, istio_version)
        self._say(snapshot)
        lease, until = self.lease, self._until(now)
        kept = self._stored(lambda: record(lease, what, until=until))
        if kept is False:
            log.warning("another observer took over", cluster=self.name, holder=self.holder)
            self.lease = None
            self._forget()
        if not kept:
            return None
        self._remember(snapshot, what)
        return snapshot

    def give_up(self) -> None:
        """Let another observer take over at once."""
        if self.lease is not None:
            lease, self.lease = self.lease, None
            self._stored(lambda: release(lease))

    # ------------------------------------------------------------ parts

    def _until(self, now: float) -> datetime:
        return datetime.fromtimestamp(now, UTC) + timedelta(seconds=LEASE_TICKS * self.period)

    def _take_over(self, now: float) -> bool:
        lease = acquire(self.cluster_id, self.holder, now=datetime.fromtimestamp(now, UTC), until=self._until(now))
        if lease is None:
            return False
        self._forget()
        row = SnapshotRow.objects.filter(cluster_id=self.cluster_id).first()
        if row is not None:
            self.version = row.version
            self.before = before = readable(row.body)
            if before is not None:
                self.memory = {ServiceRef(s.namespace, s.name): remembered(s, before.taken_at) for s in before.services}
        kept = Trail.objects.filter(cluster_id=self.cluster_id).first()
        self.trail = kept.body if kept else {}
        self.written = written_objects(self.cluster_id)
        cluster = Cluster.objects.get(pk=self.cluster_id)
        self.stock = stock(cluster)
        self.releases = (cluster.istio_version, cluster.kubernetes_version)
        self.lease = lease
        log.info("observing", cluster=self.name, holder=self.holder, epoch=lease.epoch)
        return True

    def survey(self) -> tuple[Last[Survey], str]:
        """What Kubernetes has, and the release of Istio; before its first answer, what the last Snapshot said it had."""
        at, failures, error = self.mirror.standing()
        if at is None:
            source = self.before.source(KUBERNETES) if self.before else None
            before = surveyed_from(self.before) if self.before else Survey()
            return Last(before, source.observed_at if source else None, failures=2, error=error), ""
        known = self._known = self._worked_out()
        # watches are tried again within a second: there failures are no ticks, and only time tells
        return Last(known.survey, at, min(failures, 1), error or self.mirror.missing()), known.istio_version

    def _worked_out(self) -> Known:
        if self._known is not None and self._known.revision == self.mirror.revision:
            return self._known
        revision, inventory = self.mirror.inventory()
        return Known(revision, survey(inventory), istio_release(inventory.pods), stock_of(inventory, self.mirror.unseen()))

    def _moment(self, now: float) -> Moment:
        before = self.before
        source = before.source("prometheus") if before else None
        return Moment(
            cluster=self.name,
            version=self.version + 1,
            now=now,
            period_seconds=self.period,
            window_seconds=self.asker.window,
            heard_before=source.observed_at if source else None,
        )

    def _record(self, snapshot: Snapshot, istio_version: str) -> Record:
        served = self.mirror.served
        releases = (istio_version, served.kubernetes if served else self.releases[1])
        changed = self.mirror.standing()[0] is not None and releases != self.releases
        known = self._known.stock if self._known else None
        due = trail.minute_of(snapshot.taken_at) > trail.last_minute(self.trail)
        return Record(
            snapshot=snapshot,
            objects=changes_between(self.written, self.mirror.istio_objects()),
            trail=trail.extended(self.trail, snapshot) if due else None,
            stock=known if known != self.stock else None,
            istio_version=releases[0] if changed else None,
            kubernetes_version=releases[1] if changed else None,
        )

    def _remember(self, snapshot: Snapshot, what: Record) -> None:
        self.before, self.version = snapshot, snapshot.version
        self.written |= {ref: version_of(manifest) for ref, manifest in what.objects.upsert.items()}
        for ref in what.objects.gone:
            del self.written[ref]
        if what.trail is not None:
            self.trail = what.trail
        if what.stock is not None:
            self.stock = what.stock
        if what.istio_version is not None and what.kubernetes_version is not None:
            self.releases = (what.istio_version, what.kubernetes_version)

    def _stored(self, act: Callable[[], bool | None]) -> bool | None:
        """What `act` returns, None where the database refused: locked, away, full. One line in the log for each spell of that."""
        try:
            result = act()
        except DatabaseError as error:
            if self._storage_ok:
                log.warning("the database does not take what was seen", cluster=self.name, error=str(error))
            self._storage_ok = False
            return None
        if not self._storage_ok:
            log.info("the database takes what was seen again", cluster=self.name)
        self._storage_ok = True
        return result

    def _say(self, snapshot: Snapshot) -> None:
        """One line for each change of a source, none for a tick."""
        for source in snapshot.sources:
            said = self.said.get(source.name)
            if said is None or said.ok != source.ok:
                write, event = (log.info, "source answers") if source.ok else (log.warning, "source is gone")
                write(event, cluster=self.name, source=source.name, error=source.error)
            self.said[source.name] = source


def look(observer: ClusterObserver, now: float) -> Snapshot | None:
    """Ask Prometheus and istiod, then tick: what the running observer does each period."""
    if not observer.lead(now):
        return None
    observer.asker.ask(now, observer.split())
    if observer.syncing:
        observer.syncing.ask(now)
    return observer.tick(now)
