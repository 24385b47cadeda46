"""Runbook “traffic goes wrong”: from the routes of one service to the pods that answer, and to the proxies that carry them out.

It answers what get_virtual_service_status, get_destination_rule_status and get_pods_by_subset ask, from what the observer saw:
objects, pods, measured shares, and what istiod says of the proxies.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.effective import rules_for, ruling_virtual_service, subsets_of
from meshportal.mesh.facts import Facts
from meshportal.mesh.findings import Finding, Severity
from meshportal.mesh.hosts import names_service, routes_in_mesh
from meshportal.mesh.refs import VIRTUAL_SERVICE, Manifest, ServiceRef, ref_of
from meshportal.mesh.routes.live import RoutesLive
from meshportal.mesh.routes.reading import read_route
from meshportal.mesh.runbooks import mending
from meshportal.mesh.runbooks.checks import Check, Evidence, Fix, check
from meshportal.mesh.snapshot import ServiceNow, State

SLACK_POINTS = 2.0  # percent points between configured and measured that scraping alone can explain
ENOUGH_REQUESTS = 100  # fewer in the window say nothing of a share

UNANSWERED = "MP0269"
UNREACHABLE = frozenset({"IST0130", "IST0131", "MP0270", UNANSWERED})
NEVER = frozenset({"IST0130", "MP0270"})
UNRESOLVED = frozenset({"KIA1101", "IST0101", "IST0112", "KIA1102", "IST0132"})
SUBSETS = frozenset({"KIA1107", "KIA0203", "KIA0209", "MP0202"})
SEVERAL = frozenset({"IST0109", "KIA1106", "KIA0201"})


@dataclass(frozen=True)
class Seen:
    """Everything the runbook looks at. `findings` are those of the whole mesh; `raws` are what the forms of this service start
    from, by kind, without those that are blocked; `asked` is whether istiod is asked at all; `mesh_out_of_sync` are proxies of
    the whole mesh without the newest configuration, None where nobody knows. Shares are measured over `window_seconds`."""

    facts: Facts
    service: ServiceNow
    findings: Sequence[Finding]
    raws: Mapping[str, Mapping[str, Any]]
    window_seconds: int
    metrics_known: bool = True
    asked: bool = True
    mesh_out_of_sync: int | None = None

    @property
    def ref(self) -> ServiceRef:
        return ServiceRef(self.service.namespace, self.service.name)


def traffic_goes_wrong(seen: Seen) -> list[Check]:
    """The checks, in the order a request meets them."""
    manifests = [found for found in seen.facts.of(VIRTUAL_SERVICE) if routes_in_mesh(found, seen.ref)]
    rules = rules_for(seen.facts, seen.ref)
    ours = {ref_of(manifest) for manifest in (*manifests, *rules)}
    about = [finding for finding in seen.findings if finding.ref in ours]

    def some(codes: frozenset[str]) -> list[Finding]:
        return [finding for finding in about if finding.code in codes]

    rest = [f for f in about if f.code not in UNREACHABLE | UNRESOLVED | SUBSETS | SEVERAL and f.severity is not Severity.INFO]
    return [
        _pods(seen),
        check("objects", list(_objects(manifests, rules)), some(SEVERAL)),
        check("routes", list(_routes(seen)), some(UNREACHABLE), list(_route_fixes(seen, some(UNREACHABLE)))),
        check("hosts", [], some(UNRESOLVED), otherwise=State.OK if seen.facts.whole else State.UNKNOWN),
        check("subsets", list(_subsets(seen)), some(SUBSETS), list(_subset_fixes(seen))),
        check("weights", list(_weights(seen))),
        check("proxies", list(_proxies(seen))),
        check("rest", [], rest),
    ]


def _pods(seen: Seen) -> Check:
    ready, total = seen.service.pods_ready, seen.service.pods_total
    if ready is None or total is None:
        return check("pods", [Evidence("pods-unknown", State.UNKNOWN)])
    state = State.OK if ready == total and total else State.WARN if ready else State.FAIL
    return check("pods", [Evidence("pods", state, {"ready": ready, "total": total})])


def _objects(manifests: Sequence[Manifest], rules: Sequence[Manifest]) -> Iterator[Evidence]:
    for manifest in manifests:
        yield Evidence("virtual-service", State.OK, {"object": str(ref_of(manifest))})
    if not manifests:
        yield Evidence("no-virtual-service", State.OK)
    for rule in rules:
        yield Evidence("destination-rule", State.OK, {"object": str(ref_of(rule))})
    if not rules:
        yield Evidence("no-destination-rule", State.OK)


def _http(seen: Seen) -> list[Mapping[str, Any]]:
    manifest = ruling_virtual_service(seen.facts, seen.ref)
    routes = ((manifest or {}).get("spec") or {}).get("http")
    return [route for route in routes if isinstance(route, Mapping)] if isinstance(routes, list) else []


def _routes(seen: Seen) -> Iterator[Evidence]:
    """Each route in order, and whether any request is left for it."""
    shadowed = {finding.path for finding in seen.findings if finding.code in NEVER and _ours(seen, finding)}
    live = RoutesLive(seen.ref, tuple(found for found in [ruling_virtual_service(seen.facts, seen.ref)] if found))
    for place, route in enumerate(_http(seen)):
        path, row = f"spec.http[{place}]", read_route(route, place, live)
        code = "route-never" if path in shadowed else "route-takes"
        state = State.WARN if path in shadowed or _faulty(row) else State.OK
        yield Evidence(code, state, {"number": place + 1, "route": dict(route), "row": row, "path": path})


def _faulty(row: Mapping[str, Any]) -> bool:
    """Whether some requests of a route fail or wait on purpose, which whoever looks for a fault has to know first."""
    return any(fault["percent"].strip("0.") for fault in row["fault"].values())


def _ours(seen: Seen, finding: Finding) -> bool:
    manifest = ruling_virtual_service(seen.facts, seen.ref)
    return manifest is not None and finding.ref == ref_of(manifest)


def _route_fixes(seen: Seen, findings: Sequence[Finding]) -> Iterator[Fix]:
    rows = list(seen.raws.get("routes", {}).get("routes") or [])
    ours = [finding for finding in findings if _ours(seen, finding)]
    if any(finding.code == "IST0130" and finding.values.get("why") == "catch-all" for finding in ours):
        moved = list(mending.catch_all_last(rows))
        yield from moved
        if moved:
            return  # those behind it are reached then
    never = {finding.path for finding in ours if finding.code in NEVER}
    places = {place for place in range(len(rows)) if f"spec.http[{place}]" in never}
    yield from mending.without_the_never_reached(rows, places)
    if any(finding.code == UNANSWERED for finding in ours):
        yield from mending.all_others_last(rows)


# ---------------------------------------------------------------- subsets and weights


def _destinations(seen: Seen) -> Iterator[tuple[str, float]]:
    """(subset, relative weight) of every destination in this service's routes that is this service."""
    manifest = ruling_virtual_service(seen.facts, seen.ref)
    namespace = str(manifest["metadata"].get("namespace", "")) if manifest else ""
    for route in _http(seen):
        entries = [entry for entry in route.get("route") or [] if isinstance(entry, Mapping)]
        for entry in entries:
            destination = entry.get("destination") or {}
            if names_service(str(destination.get("host", "")), seen.ref, namespace, seen.facts.domain):
                weight = 100 if len(entries) == 1 else entry.get("weight") or 0
                yield str(destination.get("subset", "")), float(weight) if isinstance(weight, int | float) else 0.0


def _subsets(seen: Seen) -> Iterator[Evidence]:
    """Every subset with its pods; those that a route names and nobody has."""
    named = {subset: weight for subset, weight in _destinations(seen) if subset}
    known = subsets_of(seen.facts, seen.ref)
    for subset in known:
        values = {
            "subset": subset.name,
            "labels": ", ".join(f"{key}={value}" for key, value in subset.labels.items()),
            "ready": subset.ready,
            "total": subset.total,
            "object": str(subset.ref),
        }
        if not seen.facts.whole:
            yield Evidence("subset-unknown", State.UNKNOWN, values)
        elif not subset.ready:
            yield Evidence("subset-empty", State.FAIL if named.get(subset.name) else State.WARN, values)
        else:
            yield Evidence("subset", State.OK if subset.ready == subset.total else State.WARN, values)
    for name in sorted(set(named) - {subset.name for subset in known}):
        yield Evidence("subset-missing", State.FAIL, {"subset": name})


def _subset_fixes(seen: Seen) -> Iterator[Fix]:
    known = {subset.name: subset for subset in subsets_of(seen.facts, seen.ref)}
    named = dict(_destinations(seen))
    service = seen.facts.service(seen.ref)
    destination = seen.raws.get("destination")

    def behind(version: str) -> bool:
        return bool(service and seen.facts.pods_behind(service, {"version": version}))

    for name in sorted(set(named) - set(known) - {""}):
        if behind(name) and destination is not None:
            raw = copy.deepcopy(dict(destination))
            raw["subsets"] = [*(raw.get("subsets") or []), {"name": name, "labels": f"version={name}"}]
            yield Fix("add-subset", "destination", raw, {"subset": name})
    empty = {name for name, weight in named.items() if weight and name in known and not known[name].ready}
    weights = (seen.raws.get("traffic") or {}).get("weights") or {}
    kept = {name: weight for name, weight in weights.items() if name in known and known[name].ready and weight}
    if seen.facts.whole and empty & set(weights) and kept:
        weights = dict(zip(kept, mending.scaled(list(kept.values())), strict=True))
        yield Fix("drain-empty", "traffic", {"weights": weights}, {"subset": ", ".join(sorted(empty))})
    if seen.facts.whole:
        missing = {name for name in set(named) - set(known) - {""} if not behind(name)}
        yield from mending.without_subsets(seen.raws.get("routes", {}).get("routes") or [], missing)


def _weights(seen: Seen) -> Iterator[Evidence]:
    """Configured beside measured: a share is off when chance (4 sigma) and scraping together cannot explain it."""
    split = [version for version in seen.service.versions if version.configured_percent is not None]
    if not split:
        yield Evidence("not-split", State.OK)
        return
    requests = (seen.service.per_second or 0) * seen.window_seconds
    for version in split:
        configured, measured = version.configured_percent or 0.0, version.measured_percent
        values = {"version": version.version, "configured": configured, "measured": measured, "requests": round(requests)}
        if not seen.metrics_known or seen.service.per_second is None:
            yield Evidence("weight-unknown", State.UNKNOWN, values)
        elif requests < ENOUGH_REQUESTS or measured is None:
            yield Evidence("weight-too-few", State.UNKNOWN if configured else State.OK, values)
        else:
            share = configured / 100
            allowed = SLACK_POINTS + 400 * math.sqrt(share * (1 - share) / requests)
            off = abs(measured - configured) > allowed
            yield Evidence("weight-off" if off else "weight", State.WARN if off else State.OK, values | {"allowed": allowed})


def _proxies(seen: Seen) -> Iterator[Evidence]:
    service = seen.service
    if not service.envoys_total:
        yield Evidence("no-proxies", State.WARN)
    elif not seen.asked or service.out_of_sync is None:
        yield Evidence("sync-unknown", State.UNKNOWN)
    elif service.out_of_sync:
        values = {"count": service.out_of_sync, "total": service.envoys_total, "reason": service.sync_reason}
        yield Evidence("out-of-sync", State.WARN, values)
    elif (service.in_sync or 0) < service.envoys_total:
        # those that istiod does not list have taken nothing that anybody could vouch for
        yield Evidence("sync-partly", State.UNKNOWN, {"count": service.in_sync or 0, "total": service.envoys_total})
    else:
        yield Evidence("in-sync", State.OK, {"total": service.envoys_total})
    if seen.mesh_out_of_sync:
        yield Evidence("callers-out-of-sync", State.WARN, {"count": seen.mesh_out_of_sync})
