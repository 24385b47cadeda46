"""What istiod says of the proxies it configures: who has taken what it was sent, and who refused it and why.

The shape is that of istiod's /debug/syncz (SyncStatus in pilot/pkg/xds/debug.go of Istio): for each type of resource the nonce
that was sent and the one that was acknowledged, and the text of the last refusal until something is accepted again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from meshportal.mesh.survey import PodName

PATIENCE_SECONDS = 30.0
"""A push that is not acknowledged yet is no problem for so long."""
LONGEST_REASON = 300

_TYPES = {
    "Cluster": "CDS",
    "Listener": "LDS",
    "RouteConfiguration": "RDS",
    "ClusterLoadAssignment": "EDS",
    "Secret": "SDS",
    "TypedExtensionConfig": "ECDS",
}


class SyncState(StrEnum):
    """NOT_SENT is no problem: istiod had nothing to send."""

    SYNCED = "SYNCED"
    STALE = "STALE"
    NOT_SENT = "NOT_SENT"
    REJECTED = "REJECTED"


@dataclass(frozen=True)
class ProxySync:
    """One connected proxy. `unacked` are the types it has not acknowledged, such as LDS; `reason` is Envoy's text, "" unless
    REJECTED. `istio_version` is "" where the proxy does not say it."""

    namespace: str
    pod: str
    state: SyncState
    unacked: tuple[str, ...] = ()
    reason: str = ""
    istio_version: str = ""

    @property
    def name(self) -> PodName:
        return self.namespace, self.pod


@dataclass(frozen=True)
class Sync:
    """`listed` are the proxies that istiod configures, `troubled` those of them that are out of sync, each with Envoy's reason,
    "" where it only does not answer. An istiod knows its own proxies only: one that is not listed may be another's."""

    listed: frozenset[PodName] = frozenset()
    troubled: Mapping[PodName, str] = field(default_factory=dict)

    def reason(self, proxies: Collection[PodName]) -> str:
        """Why the first of `proxies` that refuses its configuration does so, "" where none does."""
        return next((self.troubled[name] for name in sorted(self.troubled.keys() & set(proxies)) if self.troubled[name]), "")


def read_syncz(document: Any) -> list[ProxySync]:
    """The proxies of an answer. Raises ValueError for what is no answer of /debug/syncz."""
    if not isinstance(document, list):
        raise ValueError("not an answer of /debug/syncz")
    try:
        return [_proxy(row) for row in document]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("not an answer of /debug/syncz") from error


def _proxy(row: Mapping[str, Any]) -> ProxySync:
    pod, _, namespace = row["proxy"].rpartition(".")
    resources = {_short(url): status for url, status in row.get("resources", {}).items()}
    unacked = {name for name, status in resources.items() if status.get("sent", "") != status.get("acked", "")}
    reasons = {name: status["lastError"] for name, status in resources.items() if status.get("lastError")}
    if reasons:
        state = SyncState.REJECTED
    elif unacked:
        state = SyncState.STALE
    else:
        state = SyncState.SYNCED if any(status.get("sent") for status in resources.values()) else SyncState.NOT_SENT
    version = row.get("istio_version", "")
    return ProxySync(
        namespace,
        pod,
        state,
        tuple(sorted(unacked | set(reasons))),
        _line("; ".join(reasons[name] for name in sorted(reasons))),
        "" if version == "unknown" else version,
    )


def _short(type_url: str) -> str:
    name = type_url.rpartition(".")[2]
    return _TYPES.get(name, name)


def _line(text: str) -> str:
    """In one line and not too long: Envoy's texts end with a newline and can hold whole configurations."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def followed(
    states: Collection[ProxySync], stale_since: Mapping[PodName, float], now: float
) -> tuple[Sync, dict[PodName, float]]:
    """What to make of an answer, and since when each proxy is stale, for the next one.

    istiod's own times do not tell: the time of sending begins anew with each push to a proxy that answers none.
    """
    since = {proxy.name: stale_since.get(proxy.name, now) for proxy in states if proxy.state is SyncState.STALE}
    troubled = {name: "" for name, began in since.items() if now - began >= PATIENCE_SECONDS}
    troubled |= {proxy.name: proxy.reason for proxy in states if proxy.state is SyncState.REJECTED}
    return Sync(frozenset(proxy.name for proxy in states), troubled), since
