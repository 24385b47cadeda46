"""Traffic weights between the subsets of one service: from intent to VirtualService and DestinationRule, and back.

Only the weights of one route and the missing subsets are touched; every other field of a live object survives.
Fields and rules: VirtualService `http[].route[].weight`, DestinationRule `subsets[]` (networking.istio.io/v1).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshportal.mesh.hosts import names_service
from meshportal.mesh.plans import Plan, PlanItem
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ResourceRef, ServiceRef, ref_of

VIRTUAL_SERVICE_FIELDS = (("spec", "hosts"), ("spec", "gateways"), ("spec", "http"))
DESTINATION_RULE_FIELDS = (("spec", "host"), ("spec", "subsets"))
VERSION_LABEL = "version"


@dataclass(frozen=True)
class TrafficIntent:
    """What share of the requests to `service` each subset gets, in whole percent. Sums to 100.

    `alone`: exactly these subsets stand in the route, those that get nothing too; entries of others leave it.
    """

    service: ServiceRef
    weights: Mapping[str, int]
    alone: bool = False


@dataclass(frozen=True)
class Pods:
    """Pods of one version: ready and in all; None where nobody knows."""

    ready: int | None
    total: int | None

    @property
    def some_missing(self) -> bool:
        return self.ready is not None and self.total is not None and self.ready < self.total


UNKNOWN_PODS = Pods(None, None)


@dataclass(frozen=True)
class TrafficLive:
    """What is live around one service, as far as weights are concerned."""

    service: ServiceRef
    virtual_services: tuple[Manifest, ...] = ()  # those that route this host inside the mesh
    destination_rules: tuple[Manifest, ...] = ()  # those for this host
    pods: Mapping[str, Pods] = field(default_factory=dict)  # by version label
    per_second: float | None = None
    measured: Mapping[str, float] = field(default_factory=dict)  # percent by version


class NotEditable(ValueError):
    """The live objects cannot carry weights between subsets of this service. `code` says why: several-virtual-services,
    several-destination-rules, foreign-route, repeated-subset."""

    def __init__(self, code: str, names: Sequence[str] = ()) -> None:
        super().__init__(code)
        self.code, self.names = code, tuple(names)


def subset_labels(live: TrafficLive) -> dict[str, dict[str, str]]:
    """Every subset one can send traffic to: the DestinationRule's, and one for each version that has pods but no subset."""
    known: dict[str, dict[str, str]] = {}
    for rule in live.destination_rules:
        for subset in rule.get("spec", {}).get("subsets") or []:
            known[subset["name"]] = dict(subset.get("labels") or {})
    covered = {labels.get(VERSION_LABEL) for labels in known.values()}
    for version in sorted(live.pods):
        if version and version not in covered and version not in known:
            known[version] = {VERSION_LABEL: version}
    return known


def pods_of(live: TrafficLive, subset: str) -> Pods:
    """Pods behind a subset, by its version label; unknown for a subset that picks its pods by other labels."""
    labels = subset_labels(live).get(subset, {VERSION_LABEL: subset})
    if VERSION_LABEL not in labels:
        return UNKNOWN_PODS
    return live.pods.get(labels[VERSION_LABEL], Pods(0, 0))


def editable_route(live: TrafficLive) -> tuple[Manifest | None, int | None]:
    """The VirtualService and the place of its catch-all HTTP route; (None, None) where there is no VirtualService, (vs, None)
    where it has no catch-all. Raises NotEditable."""
    if len(live.virtual_services) > 1:
        raise NotEditable("several-virtual-services", [str(ref_of(vs)) for vs in live.virtual_services])
    if len(live.destination_rules) > 1:
        raise NotEditable("several-destination-rules", [str(ref_of(rule)) for rule in live.destination_rules])
    if not live.virtual_services:
        return None, None
    virtual_service = live.virtual_services[0]
    for place, http in enumerate(virtual_service.get("spec", {}).get("http") or []):
        if http.get("match"):
            continue
        hosts = [str(destination.get("host", "")) for destination in _destinations(http)]
        foreign = [host for host in hosts if not names_service(host, live.service, _namespace(virtual_service))]
        if foreign or not http.get("route"):
            raise NotEditable(
                "foreign-route", foreign or [key for key in ("redirect", "directResponse", "delegate") if key in http]
            )
        subsets = [destination.get("subset", "") for destination in _destinations(http)]
        if repeated := sorted({subset for subset in subsets if subsets.count(subset) > 1}):
            raise NotEditable("repeated-subset", repeated)
        return virtual_service, place
    return virtual_service, None


def _namespace(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace", ""))


def _destinations(http: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [entry.get("destination") or {} for entry in http.get("route") or []]


def live_weights(live: TrafficLive) -> dict[str, float] | None:
    """Percent by subset as the route has them now; None where nothing splits this service. Raises NotEditable.

    Istio takes weights as relative, and one destination alone gets everything whatever its weight.
    """
    virtual_service, place = editable_route(live)
    if virtual_service is None or place is None:
        return None
    route = virtual_service["spec"]["http"][place]["route"]
    named = [(entry["destination"].get("subset", ""), entry.get("weight", 0)) for entry in route]
    if not any(subset for subset, _ in named):
        return None
    total = sum(weight for _, weight in named)
    if len(named) == 1:
        return {named[0][0]: 100.0}
    return {subset: 100.0 * weight / total if total else 0.0 for subset, weight in named}


def whole_percents(shares: Mapping[str, float]) -> dict[str, int]:
    """Shares rounded to whole percents that still sum to 100 (largest remainder first)."""
    rounded = {name: int(share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: (rounded[name] - shares[name], name))
    for name in by_remainder[: max(0, 100 - sum(rounded.values()))]:
        rounded[name] += 1
    return rounded


def render(intent: TrafficIntent, live: TrafficLive) -> Plan:
    """The plan that makes `intent` true: the DestinationRule first, so that no route ever points at a missing subset.

    Raises NotEditable. `intent` must be valid (see `check`).
    """
    editable_route(live)
    return Plan((_destination_rule(intent, live), _virtual_service(intent, live)))


def _destination_rule(intent: TrafficIntent, live: TrafficLive) -> PlanItem:
    labels = subset_labels(live)
    wanted = [subset for subset, weight in intent.weights.items() if weight > 0 or intent.alone]
    if not live.destination_rules:
        ref = ResourceRef(DESTINATION_RULE, intent.service.namespace, intent.service.name)
        after = _new(ref, {"host": intent.service.name, "subsets": [{"name": name, "labels": labels[name]} for name in wanted]})
        return PlanItem(ref, None, after, DESTINATION_RULE_FIELDS)
    before = live.destination_rules[0]
    after = copy.deepcopy(before)
    subsets = after["spec"].get("subsets") or []
    there = {subset["name"] for subset in subsets}
    missing = [{"name": name, "labels": labels[name]} for name in wanted if name not in there]
    if missing:
        after["spec"]["subsets"] = [*subsets, *missing]
    return PlanItem(ref_of(before), before, after, DESTINATION_RULE_FIELDS)


def _virtual_service(intent: TrafficIntent, live: TrafficLive) -> PlanItem:
    before, place = editable_route(live)
    if before is None:
        ref = ResourceRef(VIRTUAL_SERVICE, intent.service.namespace, intent.service.name)
        spec = {"hosts": [intent.service.name], "http": [{"route": _entries(intent, [], intent.service.name)}]}
        return PlanItem(ref, None, _new(ref, spec), VIRTUAL_SERVICE_FIELDS)
    after = copy.deepcopy(before)
    if place is None:
        http = after["spec"].setdefault("http", [])
        near = _namespace(before) == intent.service.namespace
        host = intent.service.name if near else f"{intent.service.name}.{intent.service.namespace}.svc.cluster.local"
        http.append({"route": _entries(intent, [], host)})
    else:
        route = after["spec"]["http"][place]["route"]
        after["spec"]["http"][place]["route"] = _entries(intent, route, route[0]["destination"]["host"])
    return PlanItem(ref_of(before), before, after, VIRTUAL_SERVICE_FIELDS)


def _entries(intent: TrafficIntent, route: Sequence[Mapping[str, Any]], host: str) -> list[dict[str, Any]]:
    """The route's entries with the new weights: entries that are there keep their place, host, port and headers; a subset that
    had no entry gets one only when it gets traffic; an entry for the host as a whole makes room for its subsets."""
    entries: list[dict[str, Any]] = []
    given: set[str] = set()
    port: Any = None
    for entry in route:
        destination = entry["destination"]
        port = destination.get("port", port)
        if subset := destination.get("subset", ""):
            if intent.alone and subset not in intent.weights:
                continue
            given.add(subset)
            entries.append({**copy.deepcopy(dict(entry)), "weight": intent.weights.get(subset, 0)})
    for subset, weight in intent.weights.items():
        if (weight > 0 or intent.alone) and subset not in given:
            destination = {"host": host, "subset": subset} | ({"port": copy.deepcopy(port)} if port else {})
            entries.append({"destination": destination, "weight": weight})
    return entries


def _new(ref: ResourceRef, spec: dict[str, Any]) -> Manifest:
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.kind.api_version, "kind": ref.kind.kind, "metadata": metadata, "spec": spec}


def read_weights(plan: Plan, service: ServiceRef) -> dict[str, int]:
    """The inverse of `render`: what a rendered plan's VirtualService gives each subset, without those that get nothing."""
    after = next(item.after for item in plan.items if item.ref.kind == VIRTUAL_SERVICE)
    shares = live_weights(TrafficLive(service, virtual_services=(after,) if after else ()))
    return {subset: round(share) for subset, share in (shares or {}).items() if share > 0}
