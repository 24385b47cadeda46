"""What the portal asks of the outside world, in its own words, and the errors it gets.

Adapters translate every library exception at the edge, always set timeouts and hold no business rule.
Times are seconds, rates are requests per second, latencies milliseconds, shares are ratios 0–1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from meshportal.mesh.refs import Kind, Manifest, ResourceRef, ServiceRef, Version
from meshportal.mesh.rows import ControlPlane as ControlPlane
from meshportal.mesh.rows import CounterRow as CounterRow
from meshportal.mesh.rows import LatencyRow as LatencyRow
from meshportal.mesh.rows import TrafficRow as TrafficRow
from meshportal.mesh.rows import VersionRow as VersionRow
from meshportal.mesh.syncz import ProxySync as ProxySync


class ClientError(Exception):
    """Something outside said no or did not answer. `str(error)` is a sentence fit for a page: no token, no whole object."""

    retry_helps = False


class ClusterUnavailable(ClientError):
    """The API server did not answer in time, refused the connection, or answered 429, 500, 503 or 504."""

    retry_helps = True


class MetricsUnavailable(ClientError):
    """Prometheus did not answer in time or answered with an error."""

    retry_helps = True


class ControlPlaneUnavailable(ClientError):
    """istiod did not answer in time, answered with an error, or does not show its debug pages."""

    retry_helps = True


class Conflict(ClientError):
    """The object is not the one we read: changed, deleted, made again, or it exists already."""


class Gone(ClientError):
    """410: the resourceVersion of a watch or the continue token of a list is too old. List again."""

    retry_helps = True


class Forbidden(ClientError):
    """401 or 403. `verb` and `resource` name the missing right, "" where the answer did not say."""

    def __init__(self, message: str, verb: str = "", resource: str = "") -> None:
        super().__init__(message)
        self.verb, self.resource = verb, resource


@dataclass(frozen=True)
class Reason:
    """Why an object was refused. `field` is a path such as spec.http[0].route or "" where the server did not name one."""

    field: str
    sentence: str


class Rejected(ClientError):
    """The API server's schema, a CEL rule or a webhook refused the object: 400, 404 of a namespace, or 422."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("; ".join(f"{r.field}: {r.sentence}" if r.field else r.sentence for r in reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True)
class JsonPatchOp:
    """One operation of RFC 6902. `value` is ignored for remove."""

    op: str
    path: str
    value: Any = None


@dataclass(frozen=True)
class Written:
    """The object as the server stored it (or would, in a dry run) and the texts of its Warning headers."""

    manifest: Manifest
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Served:
    """What an API server offers: its version ("v1.36.3") and per group the versions it serves."""

    kubernetes: str
    groups: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Listing:
    """All objects of a kind and the resourceVersion from which a watch goes on."""

    items: list[Manifest]
    resource_version: str


class WatchType(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True)
class WatchEvent:
    """One event. A bookmark carries only metadata.resourceVersion."""

    type: WatchType
    manifest: Manifest


class ClusterPort(Protocol):
    """A Kubernetes API. Every method may raise ClusterUnavailable or Forbidden."""

    def served(self) -> Served: ...

    def get(self, ref: ResourceRef) -> Manifest | None:
        """The live object, or None where it does not exist."""

    def list(self, kind: Kind, namespace: str | None = None) -> Listing:
        """Every object of `kind`, in pages of 500. Raises Gone when the pages expired under way."""

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Written:
        """POST. Raises Conflict if the name is taken, Rejected if the server refuses the object."""

    def replace(self, manifest: Manifest, *, expect: Version, dry_run: bool = False) -> Written:
        """PUT with uid and resourceVersion of `expect`. Raises Conflict if the live object is another or gone; Rejected."""

    def patch(self, ref: ResourceRef, ops: Sequence[JsonPatchOp], *, dry_run: bool = False) -> Written:
        """JSON Patch. A failing `test` op or a missing path raises Conflict; an absent object too; Rejected otherwise."""

    def delete(self, ref: ResourceRef, *, expect: Version, dry_run: bool = False) -> None:
        """DELETE with preconditions. Absent is success. Raises Conflict if the live object is another."""

    def watch(self, kind: Kind, resource_version: str, *, timeout_seconds: float = 300) -> Iterator[WatchEvent]:
        """Events after `resource_version` until the server or `timeout_seconds` ends the stream. Raises Gone on 410."""


# ---------------------------------------------------------------- metrics


@dataclass(frozen=True)
class HistoryPoint:
    """One step of a service's history. None is "no data": no series, or no requests for a latency."""

    at: datetime
    per_second: float | None
    error_ratio: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True)
class VersionNow:
    """One version of a service over the window: requests per second, errors as a ratio, p95 in milliseconds."""

    version: str
    per_second: float
    error_ratio: float | None
    p95_ms: float | None


@dataclass(frozen=True)
class History:
    service: ServiceRef
    reporter: str
    points: tuple[HistoryPoint, ...]
    versions: tuple[VersionNow, ...] = field(default=())


@dataclass(frozen=True)
class CanaryTarget:
    """What one canary asks: `bound` is the bucket of latency that counts as fast, in milliseconds, None where none is asked."""

    key: str
    service: ServiceRef
    bound: float | None = None


@dataclass(frozen=True)
class CanaryCounts:
    """Counters as they stand, with the age in seconds of the youngest sample by version. `queries` are those that were sent."""

    rows: tuple[CounterRow, ...]
    ages: Mapping[str, float]
    queries: tuple[str, ...]


class MetricsPort(Protocol):
    """A Prometheus that scrapes the mesh. Every method is one query unless it says otherwise and may raise MetricsUnavailable."""

    def traffic(self, window_seconds: int) -> list[TrafficRow]: ...

    def versions(self, services: Sequence[ServiceRef], window_seconds: int) -> list[VersionRow]:
        """By destination_version, for the services whose route is split. No services, no query, no rows."""

    def latency(self, window_seconds: int) -> list[LatencyRow]: ...

    def mesh_latency(self, window_seconds: int) -> dict[str, float]:
        """p95 of all requests of the mesh in milliseconds, by reporter. A reporter without requests is left out."""

    def proxies(self, fresh_seconds: int) -> set[tuple[str, str]]:
        """(namespace, pod) of every Envoy whose envoy_server_state is 0 (live) with a sample younger than `fresh_seconds`."""

    def control_plane(self) -> ControlPlane: ...

    def canary(self, targets: Sequence[CanaryTarget]) -> dict[str, CanaryCounts | None]:
        """The counters of every target by its key, None where Prometheus has no series of its service. Two queries for all of
        them together, whatever their number; no targets, no query.

        Counters and not increases: `increase` extrapolates, loses what a series had counted before its first scrape (all errors
        of a canary that fails at once), and takes one query for each length of window. Whoever asks twice subtracts.
        """

    def history(self, service: ServiceRef, *, start: datetime, end: datetime, step_seconds: int) -> History:
        """Golden signals of one service over time, and its versions at `end`. Asked when a page is viewed, by the worker.

        Four queries: counts and buckets over time, counts and buckets by version.
        """


# ---------------------------------------------------------------- control plane


class ProxyPort(Protocol):
    """An istiod, asked what became of the configuration it sent."""

    def sync_states(self) -> list[ProxySync]:
        """Every proxy connected to it. Raises ControlPlaneUnavailable."""
