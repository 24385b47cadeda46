"""What a VirtualService has that the form does not show. It survives every edit, and the page says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshportal.mesh.routes.live import RoutesLive, virtual_service_of
from meshportal.mesh.routes.reading import entries, group

_STRING = frozenset({"exact", "prefix", "regex"})
_TARGET = frozenset({"host", "subset", "port"})
_SHOWN: Mapping[str, frozenset[str]] = {
    "rewrite": frozenset({"uri", "authority"}),
    "redirect": frozenset({"uri", "authority", "redirectCode"}),
    "retries": frozenset({"attempts", "perTryTimeout", "retryOn"}),
    "mirror": _TARGET,
}
_WHOLE = frozenset({"name", "match", "route", "fault", "timeout", "headers", "mirrors"})
_PERCENT = frozenset({"mirrorPercentage", "mirrorPercent", "mirror_percent"})


def kept(live: RoutesLive) -> list[str]:
    """Paths such as spec.http[0].corsPolicy. Hosts are not among them: the page's heading says them. Raises NotEditable."""
    manifest = virtual_service_of(live)
    spec = group(manifest, "spec") if manifest else {}
    paths = [f"spec.{name}" for name in spec if name not in {"hosts", "http"}]
    for place, route in enumerate(entries(spec, "http")):
        paths.extend(kept_in_route(route, f"spec.http[{place}]"))
    return paths


def kept_in_route(route: Mapping[str, Any], path: str) -> list[str]:
    """The same for one entry of spec.http."""
    found: list[str] = []
    for name, value in route.items():
        if name in _SHOWN:
            found.extend(_unknown(value, _SHOWN[name], f"{path}.{name}"))
        elif name in _PERCENT:
            if not group(route, "mirror"):
                found.append(f"{path}.{name}")
        elif name not in _WHOLE:
            found.append(f"{path}.{name}")
    found.extend(_matches(route, path))
    for number, entry in enumerate(entries(route, "route")):
        found.extend(_unknown(entry, {"destination", "weight"}, f"{path}.route[{number}]"))
        found.extend(_unknown(entry.get("destination"), _TARGET, f"{path}.route[{number}].destination"))
    for number, entry in enumerate(entries(route, "mirrors")):
        found.extend(_unknown(entry, {"destination", "percentage"}, f"{path}.mirrors[{number}]"))
        found.extend(_unknown(entry.get("destination"), _TARGET, f"{path}.mirrors[{number}].destination"))
    found.extend(_faults(group(route, "fault"), f"{path}.fault"))
    found.extend(_unknown(route.get("headers"), {"request", "response"}, f"{path}.headers"))
    for on in ("request", "response"):
        found.extend(_unknown(group(route, "headers").get(on), {"set", "add", "remove"}, f"{path}.headers.{on}"))
    return found


def _unknown(value: Any, known: frozenset[str] | set[str], path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"{path}.{name}" for name in value if name not in known)


def _matches(route: Mapping[str, Any], path: str) -> Iterator[str]:
    for number, match in enumerate(entries(route, "match")):
        here = f"{path}.match[{number}]"
        yield from _unknown(match, {"uri", "method", "headers", "queryParams", "ignoreUriCase"}, here)
        yield from _unknown(match.get("uri"), _STRING, f"{here}.uri")
        yield from _unknown(match.get("method"), _STRING, f"{here}.method")


def _faults(fault: Mapping[str, Any], path: str) -> Iterator[str]:
    yield from _unknown(fault, {"abort", "delay"}, path)
    yield from _unknown(fault.get("abort"), {"httpStatus", "percentage"}, f"{path}.abort")
    yield from _unknown(fault.get("delay"), {"fixedDelay", "percentage", "percent"}, f"{path}.delay")
