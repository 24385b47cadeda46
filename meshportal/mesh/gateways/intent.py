"""What a person wants exposed, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meshportal.mesh.gateways.binding import Covering, labels_text
from meshportal.mesh.gateways.reading import LiveExposure
from meshportal.mesh.refs import ResourceRef, ServiceRef

HTTPS_PORT, REDIRECT_PORT = 443, 80


@dataclass(frozen=True)
class Path:
    """One path of an exposure. `how` is prefix, exact, regex or any; `origin` marks the live match it came from, "" for a new."""

    how: str
    path: str
    origin: str = ""

    @property
    def covering(self) -> Covering:
        return ("any", "") if self.how == "any" else (self.how, self.path)


@dataclass(frozen=True)
class Exposure:
    """One row. `gateway` None is a new Gateway on the proxies with the labels `workload`; no `paths` is every path.

    `live` is where the row came from and `edited` are the fields that differ from that; a new row has None and every field.
    """

    gateway: ResourceRef | None
    workload: Mapping[str, str]
    hosts: tuple[str, ...]
    port: int
    protocol: str
    tls_mode: str
    credential: str
    redirect: bool
    paths: tuple[Path, ...]
    target_port: int | None
    rewrite: str
    live: LiveExposure | None = None
    edited: frozenset[str] = frozenset()

    def raw(self) -> dict[str, Any]:
        """The row as `typed.parse` takes it."""
        return {
            "origin": self.live.origin if self.live else "",
            "gateway": f"{self.gateway.namespace}/{self.gateway.name}" if self.gateway else "",
            "workload": labels_text(self.workload),
            "hosts": ", ".join(self.hosts),
            "port": str(self.port or ""),
            "protocol": self.protocol,
            "tls_mode": self.tls_mode,
            "credential": self.credential,
            "redirect": self.redirect,
            "paths": [{"origin": path.origin, "how": path.how, "path": path.path} for path in self.paths],
            "target_port": "" if self.target_port is None else str(self.target_port),
            "rewrite": self.rewrite,
        }


@dataclass(frozen=True)
class GatewayIntent:
    """Every exposure that `service` shall have: one that is live and missing here is taken away."""

    service: ServiceRef
    exposures: tuple[Exposure, ...] = field(default_factory=tuple)

    def raw(self) -> dict[str, Any]:
        return {"exposures": [exposure.raw() for exposure in self.exposures]}
