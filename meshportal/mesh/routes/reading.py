"""From the live VirtualService to the form: `read` shows what the form has fields for, `kept` names everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshportal.mesh import origins
from meshportal.mesh.hosts import names_service
from meshportal.mesh.routes.checks import HOWS, PRESENT
from meshportal.mesh.routes.live import RoutesLive, namespace_of, virtual_service_of
from meshportal.mesh.routes.shape import ORIGIN, Raw, text_of

HEADER_PLACES = tuple((on, do) for on in ("request", "response") for do in ("set", "add", "remove"))


def read(live: RoutesLive) -> Raw:
    """The routes as they are live, every leaf as text. Where there is no VirtualService: one rule that sends everything to the
    service, as Kubernetes does anyway. Raises NotEditable."""
    manifest = virtual_service_of(live)
    if manifest is None:
        return {"routes": []}
    return {"routes": [read_route(route, place, live) for place, route in enumerate(entries(manifest.get("spec"), "http"))]}


def proposed(live: RoutesLive) -> Raw:
    """What the form starts from: what is live, or a first rule for all requests where nothing is. Raises NotEditable."""
    found = read(live)
    if found["routes"] or live.virtual_services:
        return found
    return {"routes": [{"destinations": [{"host": "", "subset": "", "port": "", "weight": ""}]}]}


def read_route(route: Mapping[str, Any], place: int, live: RoutesLive) -> Raw:
    """One entry of spec.http."""
    rewrite, redirect, retries = group(route, "rewrite"), group(route, "redirect"), group(route, "retries")
    return {
        ORIGIN: origins.mark(place, route),
        "name": leaf(route, "name"),
        "match": [_match(match, number) for number, match in enumerate(entries(route, "match"))],
        "destinations": [_destination(entry, number, live) for number, entry in enumerate(entries(route, "route"))],
        "rewrite": {"uri": leaf(rewrite, "uri"), "authority": leaf(rewrite, "authority")},
        "redirect": {
            "uri": leaf(redirect, "uri"),
            "authority": leaf(redirect, "authority"),
            "code": leaf(redirect, "redirectCode"),
        },
        "timeout": leaf(route, "timeout"),
        "retries": {
            "attempts": leaf(retries, "attempts"),
            "per_try_timeout": leaf(retries, "perTryTimeout"),
            "retry_on": leaf(retries, "retryOn"),
        },
        "fault": _fault(group(route, "fault")),
        "mirrors": [_mirror(entry, number, live) for number, entry in enumerate(mirror_entries(route))],
        "headers": _headers(group(route, "headers")),
    }


def group(parent: Any, name: str) -> Mapping[str, Any]:
    """A group of fields, empty where there is none."""
    value = parent.get(name) if isinstance(parent, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def entries(parent: Any, name: str) -> list[Mapping[str, Any]]:
    """A list of groups, empty where there is none. An entry that is no group counts as an empty one, so that places stay."""
    value = parent.get(name) if isinstance(parent, Mapping) else None
    return [entry if isinstance(entry, Mapping) else {} for entry in value] if isinstance(value, list) else []


def leaf(parent: Mapping[str, Any], name: str) -> str:
    return text_of(parent.get(name)) or ""


def _match(match: Mapping[str, Any], number: int) -> Raw:
    path_how, path = _string_match(match.get("uri"))
    method_how, method = _string_match(match.get("method"))
    return {
        ORIGIN: origins.mark(number, match),
        "path_how": path_how,
        "path": path,
        "ignore_case": leaf(match, "ignoreUriCase"),
        "method_how": method_how,
        "method": method,
        "headers": _conditions(group(match, "headers")),
        "query": _conditions(group(match, "queryParams")),
    }


def _string_match(value: Any) -> tuple[str, str]:
    """How a StringMatch compares and with what; ("", "") where it is not there or says nothing."""
    for how in HOWS:
        if isinstance(value, Mapping) and how in value:
            return how, text_of(value[how]) or ""
    return "", ""


def _conditions(values: Mapping[str, Any]) -> list[Raw]:
    rows: list[Raw] = []
    for number, (name, value) in enumerate(values.items()):
        how, text = _string_match(value)
        # a name alone asks only that it be there (canBeConvertedToPresentMatch in Istio's core/route/route.go)
        rows.append({ORIGIN: origins.mark(number, [name, value]), "name": name, "how": how or PRESENT, "value": text})
    return rows


def _destination(entry: Mapping[str, Any], number: int, live: RoutesLive) -> Raw:
    return {ORIGIN: origins.mark(number, entry), **_target(group(entry, "destination"), live), "weight": leaf(entry, "weight")}


def _target(destination: Mapping[str, Any], live: RoutesLive) -> Raw:
    """Host, subset and port; the host is "" for the service itself, however it is spelt."""
    host = leaf(destination, "host")
    own = names_service(host, live.service, namespace_of(live), live.domain)
    return {
        "host": "" if own else host,
        "subset": leaf(destination, "subset"),
        "port": leaf(group(destination, "port"), "number"),
    }


def mirror_entries(route: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Where copies of requests go, in the shape of `mirrors`, also where the route has the older `mirror`."""
    if not group(route, "mirror"):
        return entries(route, "mirrors")
    entry: dict[str, Any] = {"destination": route["mirror"]}
    if isinstance(route.get("mirrorPercentage"), Mapping):
        entry["percentage"] = route["mirrorPercentage"]
    else:
        for old in ("mirrorPercent", "mirror_percent"):
            if route.get(old) is not None:
                entry["percentage"] = {"value": route[old]}
    return [entry]


def _mirror(entry: Mapping[str, Any], number: int, live: RoutesLive) -> Raw:
    percent = leaf(group(entry, "percentage"), "value")
    return {ORIGIN: origins.mark(number, entry), **_target(group(entry, "destination"), live), "percent": percent}


def _fault(fault: Mapping[str, Any]) -> Raw:
    abort, delay = group(fault, "abort"), group(fault, "delay")
    return {
        "abort": {"status": leaf(abort, "httpStatus"), "percent": leaf(group(abort, "percentage"), "value")},
        "delay": {
            "duration": leaf(delay, "fixedDelay"),
            "percent": leaf(group(delay, "percentage"), "value") or leaf(delay, "percent"),
        },
    }


def _headers(headers: Mapping[str, Any]) -> list[Raw]:
    rows: list[Raw] = []
    for number, (on, do, name, value) in enumerate(header_operations(headers)):
        mark = origins.mark(number, [on, do, name, value])
        rows.append({ORIGIN: mark, "on": on, "do": do, "name": name, "value": value})
    return rows


def header_operations(headers: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Every change of a header: on what, which, its name, and its value ("" where it is removed)."""
    for on, do in HEADER_PLACES:
        found = group(headers, on).get(do)
        if isinstance(found, Mapping):
            for name, value in found.items():
                yield on, do, str(name), text_of(value) or ""
        elif isinstance(found, list):
            for name in found:
                yield on, do, text_of(name) or "", ""
