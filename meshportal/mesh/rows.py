"""What Prometheus answers to the portal's queries, row by row, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from meshportal.mesh.refs import ServiceRef


@dataclass(frozen=True)
class TrafficRow:
    """Requests per second of one service, as one reporter saw them, split by response code and by how they arrived."""

    reporter: str
    service: ServiceRef
    response_code: str
    security_policy: str
    per_second: float


@dataclass(frozen=True)
class VersionRow:
    """Requests per second of one version of a service, as one reporter saw them, split by response code."""

    reporter: str
    service: ServiceRef
    version: str
    response_code: str
    per_second: float


@dataclass(frozen=True)
class LatencyRow:
    """p95 of one service in milliseconds. Rows whose value is NaN (no requests) are left out."""

    reporter: str
    service: ServiceRef
    p95_ms: float


@dataclass(frozen=True)
class CounterRow:
    """Requests to one version that one proxy (`source`) has counted since it began, as it stands in Prometheus: maybe NaN.

    `le` is "" for all of them, else the bound in milliseconds within which they were answered.
    """

    reporter: str
    version: str
    source: str
    value: float
    response_code: str = ""
    grpc_status: str = ""
    flags: str = ""
    le: str = ""


@dataclass(frozen=True)
class ControlPlane:
    """What istiod says of itself through Prometheus; None where it has no such series."""

    uptime_seconds: float | None
    connected_proxies: float | None
    rejects: float | None
