"""What the observer saw of one mesh at one moment, as values: no text for people, so that every reader gets their own language.

Rates are requests per second, shares and rates of success are percent 0–100, latencies milliseconds, times seconds since 1970.
None is "no data": there was nothing to measure. It is never 0.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How something is, worst first: the order of the board."""

    FAIL = "FAIL"
    WARN = "WARN"
    UNKNOWN = "UNKNOWN"
    OK = "OK"


ORDER = {state: place for place, state in enumerate(State)}


class Why(StrEnum):
    """Why a service is in its state; the pages turn it into a sentence with `value` and `limit`."""

    WITHIN_LIMITS = "within-limits"
    NO_TRAFFIC = "no-traffic"  # measured: no requests in the window. OK, there is nothing wrong with it
    ERRORS = "errors"  # value, limit: percent of requests
    LATENCY = "latency"  # value, limit: milliseconds
    NO_READY_PODS = "no-ready-pods"
    OUT_OF_SYNC = "out-of-sync"  # value: proxies without the newest configuration, limit: all; the reason is in `sync_reason`
    PROXIES = "proxies"  # value: Envoys ready, limit: Envoys that should be
    METRICS_GONE = "metrics-gone"  # Prometheus does not answer
    INVENTORY_GONE = "inventory-gone"  # Kubernetes does not answer
    NOT_SEEN = "not-seen"  # it has sidecars, and Prometheus has no series of it at all
    NOT_MEASURED = "not-measured"  # neither it nor any caller has a sidecar that counts its requests


@dataclass(frozen=True)
class Source:
    """One place numbers come from: prometheus, kubernetes, istiod (by what Prometheus has of it) or syncz (istiod itself; absent
    where nobody told its address). `observed_at` is its last good answer, None before any."""

    name: str
    ok: bool
    observed_at: float | None
    error: str = ""


@dataclass(frozen=True)
class VersionNow:
    """One version of a service: pods with that label, its share as configured by the route and as measured."""

    version: str
    pods_ready: int | None
    pods_total: int | None
    configured_percent: float | None
    measured_percent: float | None
    per_second: float | None
    error_percent: float | None = None


@dataclass(frozen=True)
class ServiceNow:
    """One service. `since` is when it entered `state`; `reporter` is the side its numbers were counted on, "" without numbers.

    `mtls_percent` is a share of `served_per_second`, the requests its own side counted: only that side knows how they arrived.
    Pods are None when Kubernetes has not answered for long. `version` "unknown" is Istio's word for pods without a version label.
    `in_sync` and `out_of_sync` are its proxies that istiod lists, None where it does not say; `sync_reason` is the text of the
    first of them that refuses its configuration.
    """

    namespace: str
    name: str
    state: State
    why: Why
    since: float
    owner: str = ""
    value: float | None = None
    limit: float | None = None
    worst_code: str = ""
    reporter: str = ""
    per_second: float | None = None
    success_percent: float | None = None
    error_percent: float | None = None
    p95_ms: float | None = None
    mtls_percent: float | None = None
    served_per_second: float | None = None
    pods_ready: int | None = None
    pods_total: int | None = None
    envoys_ready: int | None = None
    envoys_total: int = 0
    ports: tuple[str, ...] = ()
    versions: tuple[VersionNow, ...] = ()
    split: bool = False
    in_sync: int | None = None
    out_of_sync: int | None = None
    sync_reason: str = ""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class MeshNow:
    """The mesh in numbers. `envoys_ready` is None while Prometheus or Kubernetes does not answer; which proxies are in sync is
    None while istiod does not say."""

    per_second: float | None = None
    success_percent: float | None = None
    mtls_percent: float | None = None
    p95_ms: float | None = None
    envoys_ready: int | None = None
    envoys_total: int | None = None
    proxies_connected: int | None = None
    proxies_in_sync: int | None = None
    proxies_out_of_sync: int | None = None


@dataclass(frozen=True)
class NamespaceNow:
    """One namespace: what the numbers of the mesh are made of, beside its services, for somebody who sees only some of them."""

    name: str
    owner: str = ""
    injected: bool = False
    envoys_ready: int | None = None
    envoys_total: int | None = None
    proxies_in_sync: int | None = None
    proxies_out_of_sync: int | None = None


@dataclass(frozen=True)
class Snapshot:
    """Everything the board shows of one cluster. `services` are sorted: worst state first, then by namespace and name.

    `namespaces` are all of the cluster, by name.
    """

    cluster: str
    version: int
    taken_at: float
    period_seconds: int
    window_seconds: int
    sources: tuple[Source, ...] = ()
    mesh: MeshNow = field(default_factory=MeshNow)
    services: tuple[ServiceNow, ...] = ()
    namespaces: tuple[NamespaceNow, ...] = ()

    def source(self, name: str) -> Source | None:
        return next((source for source in self.sources if source.name == name), None)

    def service(self, namespace: str, name: str) -> ServiceNow | None:
        return next((s for s in self.services if (s.namespace, s.name) == (namespace, name)), None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Snapshot:
        """The inverse of `to_json`. Raises KeyError or TypeError for anything else."""
        services = tuple(
            ServiceNow(
                **{
                    **row,
                    "state": State(row["state"]),
                    "why": Why(row["why"]),
                    "ports": tuple(row["ports"]),
                    "versions": tuple(VersionNow(**version) for version in row["versions"]),
                }
            )
            for row in body["services"]
        )
        return cls(
            **{
                **body,
                "sources": tuple(Source(**source) for source in body["sources"]),
                "mesh": MeshNow(**body["mesh"]),
                "services": services,
                "namespaces": tuple(NamespaceNow(**namespace) for namespace in body["namespaces"]),
            }
        )
