"""A copy of a cluster in memory, kept by watching: one LIST for each kind, then events. Pods, services and namespaces are cut
down to what is read; Istio's objects stay whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any

from meshportal.clients.ports import ClientError, ClusterPort, ClusterUnavailable, Gone, Served, WatchEvent, WatchType
from meshportal.mesh.inventory import Inventory, Pod, read_namespace, read_pod, read_service
from meshportal.mesh.refs import DESTINATION_RULE, ISTIO_KINDS, NAMESPACE, POD, SERVICE, VIRTUAL_SERVICE, Kind, Manifest
from meshportal.mesh.refs import ResourceRef as Ref

CORE_KINDS = (NAMESPACE, SERVICE, POD)
"""Without these nothing can be said of any service; without one of Istio's kinds only that kind is missing."""
WATCHED_KINDS = (*CORE_KINDS, *ISTIO_KINDS)
DECODERS: dict[Kind, Callable[[Manifest], Any]] = {NAMESPACE: read_namespace, SERVICE: read_service, POD: read_pod}
PULSE_SECONDS = 1.0
SERVED_SECONDS = 600.0
"""How often the API server is asked for its version."""


@dataclass
class _Following:
    """How the watch of one kind is doing. `began`: when the attempt now under way started, None between attempts."""

    synced: bool = False
    good_at: float | None = None
    began: float | None = None
    failures: int = 0
    error: str = ""
    objects: dict[tuple[str, str], Any] = field(default_factory=dict)


class Mirror:
    """What is known of one cluster, and how well. Many threads write it, the observer reads it. Times are seconds since 1970."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds = {kind: _Following() for kind in WATCHED_KINDS}
        self._pulse_failures = 0
        self._pulse_error = ""
        self._refused = ""
        self._heard_at: float | None = None
        self._served: Served | None = None
        self._served_at = float("-inf")
        self.revision = 0

    # ------------------------------------------------------------ written by followers and pulse

    def begins(self, kind: Kind, now: float) -> None:
        with self._lock:
            self._kinds[kind].began = now

    def listed(self, kind: Kind, items: Iterable[Manifest], now: float) -> None:
        """All there is of `kind`: what is not among `items` is gone."""
        decode = DECODERS.get(kind, _whole)
        objects = {_key(manifest): decode(manifest) for manifest in items}
        with self._lock:
            self._kinds[kind].objects, self._kinds[kind].synced = objects, True
            self.revision += 1
            self._good(kind, now)

    def happened(self, kind: Kind, event: WatchEvent, now: float) -> None:
        """A bookmark shows that the watch is open, and no more: an API server makes it from its memory, its etcd may be gone."""
        decode = DECODERS.get(kind, _whole)
        decoded = decode(event.manifest) if event.type in {WatchType.ADDED, WatchType.MODIFIED} else None
        with self._lock:
            if event.type is WatchType.BOOKMARK:
                self._kinds[kind].failures, self._kinds[kind].error = 0, ""
                return
            self._good(kind, now)
            if decoded is None:
                self._kinds[kind].objects.pop(_key(event.manifest), None)
            else:
                self._kinds[kind].objects[_key(event.manifest)] = decoded
            self.revision += 1

    def failed(self, kind: Kind, error: str) -> None:
        with self._lock:
            following = self._kinds[kind]
            if following.good_at is not None and self._heard_at is not None and not following.failures:
                following.good_at = max(following.good_at, self._heard_at)  # until now its silence was nothing bad
            following.failures, following.error, following.began = following.failures + 1, error, None

    def answered(self, began: float, now: float, served: Served | None = None, *, refused: str = "") -> None:
        """The API server answered a request sent at `began`, if only by refusing it. A watch that was open by then and has not
        failed is well: it has merely nothing to say."""
        with self._lock:
            self._refused = refused
            self._heard_at, self._pulse_failures, self._pulse_error = now, 0, ""
            for following in self._kinds.values():
                if following.synced and following.began is not None and following.began < began:
                    following.good_at, following.failures, following.error = now, 0, ""
            if served is not None:
                self._served, self._served_at = served, now

    def silent(self, error: str) -> None:
        """The API server did not answer."""
        with self._lock:
            self._pulse_failures, self._pulse_error = self._pulse_failures + 1, error

    def _good(self, kind: Kind, now: float) -> None:
        following = self._kinds[kind]
        following.good_at, following.failures, following.error = now, 0, ""
        self._heard_at, self._pulse_failures, self._pulse_error = now, 0, ""

    # ------------------------------------------------------------ read by the observer

    @property
    def heard_at(self) -> float | None:
        """When the API server last said anything."""
        return self._heard_at

    @property
    def served(self) -> Served | None:
        return self._served

    def wants_served(self, now: float) -> bool:
        return now - self._served_at >= SERVED_SECONDS

    def synced(self, *kinds: Kind) -> bool:
        return all(self._kinds[kind].synced for kind in kinds)

    def standing(self) -> tuple[float | None, int, str]:
        """Of the kinds nobody can do without: since when they are right, failed attempts in a row, and the first error.

        While the API server answers and no watch has failed, they are right as of its last word, whichever watch that was on.
        """
        with self._lock:
            core = [self._kinds[kind] for kind in CORE_KINDS]
            failures = max(self._pulse_failures, *(following.failures for following in core))
            error = next((f.error for f in core if f.error), self._pulse_error)
            if not all(following.synced for following in core):
                return None, failures, error
            lagging = [f.good_at for f in core if f.failures and f.good_at is not None]
            return min(lagging, default=self._heard_at), failures, error

    def missing(self) -> str:
        """Why one of Istio's kinds is not followed, or what the pulse was refused, "" if nothing."""
        with self._lock:
            return next((self._kinds[kind].error for kind in ISTIO_KINDS if self._kinds[kind].error), self._refused)

    def unseen(self) -> tuple[str, ...]:
        """The names of Istio's kinds that were never listed: of these nothing is known."""
        with self._lock:
            return tuple(kind.kind for kind in ISTIO_KINDS if not self._kinds[kind].synced)

    def inventory(self) -> tuple[int, Inventory]:
        """The revision, and everything as of it."""
        with self._lock:
            pods: tuple[Pod, ...] = tuple(self._kinds[POD].objects.values())
            return self.revision, Inventory(
                namespaces={namespace.name: namespace for namespace in self._kinds[NAMESPACE].objects.values()},
                services={service.ref: service for service in self._kinds[SERVICE].objects.values()},
                pods=pods,
                virtual_services=tuple(self._kinds[VIRTUAL_SERVICE].objects.values()),
                destination_rules=tuple(self._kinds[DESTINATION_RULE].objects.values()),
            )

    def istio_objects(self) -> dict[Kind, dict[Ref, Manifest]]:
        """Istio's objects of every kind that has been listed; a kind that has not is left out, for nothing is known of it."""
        with self._lock:
            return {
                kind: {Ref(kind, *key): manifest for key, manifest in self._kinds[kind].objects.items()}
                for kind in ISTIO_KINDS
                if self._kinds[kind].synced
            }


def _whole(manifest: Manifest) -> Manifest:
    return manifest


def _key(manifest: Manifest) -> tuple[str, str]:
    metadata = manifest["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


class Follower:
    """Keeps one kind of a mirror right. `connect` may be called often and may raise ClusterUnavailable."""

    def __init__(self, kind: Kind, connect: Callable[[], ClusterPort], mirror: Mirror, clock: Callable[[], float]) -> None:
        self.kind, self.connect, self.mirror, self.clock = kind, connect, mirror, clock
        self._version: str | None = None
        self._failures = 0
        self._chance = SystemRandom()

    def step(self) -> float:
        """One LIST, or one WATCH until it ends. Returns the seconds to wait before the next step."""
        self.mirror.begins(self.kind, self.clock())
        try:
            if self._version is None:
                listing = self.connect().list(self.kind)
                self.mirror.listed(self.kind, listing.items, self.clock())
                self._version = listing.resource_version
                return 0.0
            for event in self.connect().watch(self.kind, self._version):
                self.mirror.happened(self.kind, event, self.clock())
                self._version = event.manifest["metadata"]["resourceVersion"]
        except Gone:
            self._version = None  # and from here exactly one LIST, after which the watch goes on
        except ClientError as error:
            self._failures += 1
            self.mirror.failed(self.kind, str(error))
            return self._backoff(error)
        self._failures = 0
        # watches end all the time; many observers must not come back in the same instant
        return self._chance.uniform(0.1, 1.0)

    def _backoff(self, error: ClientError) -> float:
        longest = 5.0 if error.retry_helps else 60.0
        return min(longest, 0.5 * 2.0 ** min(self._failures, 10)) * self._chance.uniform(0.5, 1.0)


class Pulse:
    """Asks a silent API server whether it is there: a watch on a hung one looks just like one on a quiet one."""

    def __init__(self, connect: Callable[[], ClusterPort], mirror: Mirror, clock: Callable[[], float], silence: float) -> None:
        self.connect, self.mirror, self.clock, self.silence = connect, mirror, clock, silence

    def step(self) -> float:
        """At most one small request, none while the watches bring news (beside its version, which is asked now and then).
        Returns the seconds to wait before the next step."""
        began = self.clock()
        heard = self.mirror.heard_at
        wants_served = self.mirror.wants_served(began)
        if heard is not None and began - heard < self.silence and not wants_served:
            return PULSE_SECONDS
        try:
            cluster = self.connect()
            served = cluster.served() if wants_served else None
            if served is None:
                cluster.get(Ref(NAMESPACE, "", "default"))
        except ClusterUnavailable as error:
            self.mirror.silent(str(error))
        except ClientError as error:
            self.mirror.answered(began, self.clock(), refused=str(error))  # a refusal is an answer
        else:
            self.mirror.answered(began, self.clock(), served)
        return PULSE_SECONDS
