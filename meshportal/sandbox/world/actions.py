"""What an http route of a VirtualService does to its requests, besides where it sends them.

Rules: https://istio.io/latest/docs/reference/config/networking/virtual-service/; where the words leave a choice, as Envoy 1.40
under Istio 1.31 did it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from meshportal.mesh import durations
from meshportal.mesh.refs import Manifest
from meshportal.sandbox.world.calls import Call, Pairs
from meshportal.sandbox.world.latency import FOREVER

_DEFAULT_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
_MOST_TRIES = 10
_BACKOFF_MS = 25.0


@dataclass(frozen=True)
class Retries:
    """`on` are Envoy's conditions and status codes. Without a wish for retries a proxy has Istio's default."""

    attempts: int = 2
    per_try_ms: float = FOREVER
    on: frozenset[str] = frozenset(_DEFAULT_ON.split(","))
    backoff_ms: float = _BACKOFF_MS

    def pause_ms(self, retry: int) -> float:
        """The average wait before the first (1), second, … retry: Envoy waits at random up to a limit that doubles."""
        return min(self.backoff_ms * (2.0**retry - 1), 10 * self.backoff_ms) / 2


@dataclass(frozen=True)
class Actions:
    """Shares are 0–1. `answer` is the status with which the proxy answers itself, "" where it sends the request on."""

    timeout_ms: float = FOREVER
    retries: Retries = Retries()
    abort_share: float = 0.0
    abort_code: str = ""
    delay_share: float = 0.0
    delay_ms: float = 0.0
    mirrors: tuple[tuple[str, str, float], ...] = ()
    """(host, subset, share) each."""
    answer: str = ""


PLAIN = Actions(retries=Retries(attempts=0))
"""What happens to the requests of somebody without a sidecar, and to mirrored ones: nothing."""


def of_route(route: Manifest) -> Actions:
    fault = route.get("fault") or {}
    abort, delay = fault.get("abort") or {}, fault.get("delay") or {}
    return Actions(
        timeout_ms=_milliseconds(route.get("timeout")) or FOREVER,
        retries=_retries(route.get("retries")),
        # a fault without a percentage is for nobody, a mirror without one for all
        abort_share=_share(abort.get("percentage") or {}),
        # a gRPC status travels in a trailer of an answer 200
        abort_code=str(abort.get("httpStatus", 200)),
        delay_share=_share(delay.get("percentage") or {"value": delay.get("percent")}),
        delay_ms=_milliseconds(delay.get("fixedDelay")),
        mirrors=tuple(_mirrors(route)),
        answer=_answer(route),
    )


def _retries(wanted: Manifest | None) -> Retries:
    if wanted is None:
        return Retries()
    return Retries(
        attempts=min(int(wanted.get("attempts") or 0), _MOST_TRIES),
        per_try_ms=_milliseconds(wanted.get("perTryTimeout")) or FOREVER,
        on=frozenset((wanted.get("retryOn") or _DEFAULT_ON).split(",")),
        backoff_ms=_milliseconds(wanted.get("backoff")) or _BACKOFF_MS,
    )


def _mirrors(route: Manifest) -> list[tuple[str, str, float]]:
    found = []
    if mirror := route.get("mirror"):
        old = route.get("mirrorPercent")
        share = _share(route.get("mirrorPercentage") or (None if old is None else {"value": old}))
        found.append((mirror.get("host", ""), mirror.get("subset", ""), share))
    for entry in route.get("mirrors") or []:
        mirror = entry.get("destination") or {}
        found.append((mirror.get("host", ""), mirror.get("subset", ""), _share(entry.get("percentage"))))
    return found


def _answer(route: Manifest) -> str:
    if redirect := route.get("redirect"):
        return str(redirect.get("redirectCode", 301))
    if direct := route.get("directResponse"):
        return str(direct.get("status", 200))
    return ""


def _share(percentage: Mapping[str, Any] | None) -> float:
    """All of them where no percentage stands."""
    return 1.0 if percentage is None else min(1.0, float(percentage.get("value") or 0) / 100)


def _milliseconds(text: Any) -> float:
    """0 for what is not there and for what is no duration."""
    return 1000 * (durations.parse(str(text), zero=True) or 0.0) if text else 0.0


# ---------------------------------------------------------------- what the destination sees


def changed(call: Call, route: Manifest, match: Manifest) -> Call:
    """The call as it is after the route's rewrite and changes of request headers. `match` is the entry that took it."""
    headers = _headers(dict(call.headers), (route.get("headers") or {}).get("request") or {})
    return replace(call, path=_path(call.path, route.get("rewrite") or {}, match), headers=headers)


def _path(path: str, rewrite: Manifest, match: Manifest) -> str:
    if pattern := rewrite.get("uriRegexRewrite"):
        try:
            return re.sub(pattern.get("match", ""), pattern.get("rewrite", ""), path)
        except re.error:
            return path
    if "uri" not in rewrite:
        return path
    uri = match.get("uri") or {}
    if "exact" in uri or "regex" in uri:
        return str(rewrite["uri"])
    # Envoy replaces the prefix that matched, and without a match that is "/"
    return f"{rewrite['uri']}{path[len(uri.get('prefix', '/')) :]}"


def _headers(headers: dict[str, str], wanted: Manifest) -> Pairs:
    for name in wanted.get("remove") or []:
        headers.pop(name.lower(), None)
    for name, value in (wanted.get("add") or {}).items():
        headers.setdefault(name.lower(), str(value))
    for name, value in (wanted.get("set") or {}).items():
        headers[name.lower()] = str(value)
    return tuple(sorted(headers.items()))
