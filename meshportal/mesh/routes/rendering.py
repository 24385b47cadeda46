"""From an intent to the VirtualService: a copy of the live one, in which only what was edited differs."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from meshportal.mesh.plans import Plan, PlanItem
from meshportal.mesh.refs import DESTINATION_RULE, Manifest, ResourceRef, ref_of
from meshportal.mesh.routes.live import RoutesLive, new_ref, offered_subsets, there_subsets, virtual_service_of
from meshportal.mesh.routes.reading import entries, group, read
from meshportal.mesh.routes.shape import ORIGIN, Raw
from meshportal.mesh.routes.typed import RoutesIntent
from meshportal.mesh.routes.writing import conditions, fault, header_changes, mirrors, put, string_match, target
from meshportal.mesh.traffic import DESTINATION_RULE_FIELDS, VIRTUAL_SERVICE_FIELDS


def render(intent: RoutesIntent, live: RoutesLive) -> Plan:
    """The plan that makes `intent` true. Missing subsets come first, so that no route ever points at nothing.

    Raises NotEditable. `intent` must come from `typed.parse` against the same `live`.
    """
    items = [_routes(intent, live)]
    # a subset that is missing already is not this edit's: the rules of the mesh tell of it
    new = [name for name in _subsets_used(intent.routes) if name not in _subsets_used(read(live)["routes"])]
    if missing := [name for name in new if name not in there_subsets(live) and name in offered_subsets(live)]:
        items.insert(0, _subsets(missing, live))
    return Plan(tuple(items))


def base_of(live: RoutesLive) -> str:
    """The digest of what a form of routes is opened on, whatever will be asked. Raises NotEditable."""
    return Plan((_routes(RoutesIntent(live.service, read(live)["routes"]), live),)).base


def _routes(intent: RoutesIntent, live: RoutesLive) -> PlanItem:
    before = virtual_service_of(live)
    if before is None:
        ref = new_ref(live)
        spec = {"hosts": [live.fqdn], "http": [_route(row, None, {}, live) for row in intent.routes]}
        return PlanItem(ref, None, _new(ref, spec), VIRTUAL_SERVICE_FIELDS)
    after = copy.deepcopy(before)
    shown = read(live)["routes"]
    if list(intent.routes) != shown:
        live_routes = entries(before.get("spec"), "http")
        by_origin = {row[ORIGIN]: (row, entry) for row, entry in zip(shown, live_routes, strict=True)}
        after.setdefault("spec", {})["http"] = [
            _route(row, *by_origin.get(row.get(ORIGIN, ""), (None, {})), live) for row in intent.routes
        ]
        if not intent.routes:
            del after["spec"]["http"]
    return PlanItem(ref_of(before), before, after, VIRTUAL_SERVICE_FIELDS)


def _route(row: Raw, shown: Raw | None, entry: Mapping[str, Any], live: RoutesLive) -> dict[str, Any]:
    """One entry of spec.http: `entry` with every field in which `row` differs from `shown` (None for a new rule)."""
    after: dict[str, Any] = copy.deepcopy(dict(entry))

    def differs(name: str) -> bool:
        return bool(row[name]) if shown is None else row[name] != shown[name]

    if differs("name"):
        put(after, "name", row["name"])
    if differs("match"):
        put(after, "match", _matches(row["match"], shown["match"] if shown else [], entry))
    if differs("destinations"):
        put(after, "route", _destinations(row["destinations"], shown["destinations"] if shown else [], entry, live))
    for name, fields in (
        ("redirect", {"uri": "uri", "authority": "authority", "code": "redirectCode"}),
        ("rewrite", {"uri": "uri", "authority": "authority"}),
        ("retries", {"attempts": "attempts", "per_try_timeout": "perTryTimeout", "retry_on": "retryOn"}),
    ):
        if differs(name):
            put(after, name, _fields(row[name], shown[name] if shown else None, fields, group(after, name)))
    if differs("timeout"):
        put(after, "timeout", row["timeout"])
    if differs("fault"):
        put(after, "fault", fault(row["fault"], shown["fault"] if shown else None, group(after, "fault")))
    if differs("mirrors"):
        mirrors(row["mirrors"], shown["mirrors"] if shown else [], after, live)
    if differs("headers"):
        put(after, "headers", header_changes(row["headers"], shown["headers"] if shown else [], group(after, "headers")))
    return after


def _fields(row: Raw, shown: Raw | None, fields: Mapping[str, str], entry: Mapping[str, Any]) -> dict[str, Any]:
    after = dict(entry)
    for name, key in fields.items():
        if shown is None or row[name] != shown[name]:
            put(after, key, int(row[name]) if row[name] and name in {"attempts", "code"} else row[name])
    return after


def _matches(rows: list[Raw], shown: list[Raw], entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    by_origin = {one[ORIGIN]: (one, old) for one, old in zip(shown, entries(entry, "match"), strict=True)}
    return [_match(row, *by_origin.get(row.get(ORIGIN, ""), (None, {}))) for row in rows]


def _match(row: Raw, shown: Raw | None, entry: Mapping[str, Any]) -> dict[str, Any]:
    after: dict[str, Any] = copy.deepcopy(dict(entry))

    def differs(*names: str) -> bool:
        return any(bool(row[name]) if shown is None else row[name] != shown[name] for name in names)

    if differs("path", "path_how"):
        put(after, "uri", string_match(row["path_how"], row["path"], group(after, "uri")))
    if differs("ignore_case"):
        put(after, "ignoreUriCase", bool(row["ignore_case"]))
    if differs("method", "method_how"):
        put(after, "method", string_match(row["method_how"], row["method"], group(after, "method")))
    for name, key in (("headers", "headers"), ("query", "queryParams")):
        if differs(name):
            put(after, key, conditions(row[name], shown[name] if shown else [], group(entry, key)))
    return after


def _destinations(rows: list[Raw], shown: list[Raw], entry: Mapping[str, Any], live: RoutesLive) -> list[dict[str, Any]]:
    by_origin = {one[ORIGIN]: (one, old) for one, old in zip(shown, entries(entry, "route"), strict=True)}
    after: list[dict[str, Any]] = []
    for row in rows:
        old_row, old = by_origin.get(row.get(ORIGIN, ""), (None, {}))
        one: dict[str, Any] = copy.deepcopy(dict(old))
        one["destination"] = target(row, old_row, group(one, "destination"), live)
        if old_row is None or row["weight"] != old_row["weight"]:
            put(one, "weight", int(row["weight"]) if row["weight"] else None)
        after.append(one)
    return after


def _subsets_used(routes: Sequence[Raw]) -> list[str]:
    """Subsets of the service that get requests or copies, each once, in the order in which the rules name them."""
    rows = [row for route in routes for row in (*route["destinations"], *route["mirrors"])]
    return list(dict.fromkeys(row["subset"] for row in rows if row["subset"] and not row["host"]))


def _subsets(missing: list[str], live: RoutesLive) -> PlanItem:
    """The DestinationRule with the subsets that pods could already be chosen for."""
    labels = offered_subsets(live)
    added = [{"name": name, "labels": labels[name]} for name in missing]
    if not live.destination_rules:
        ref = ResourceRef(DESTINATION_RULE, live.service.namespace, live.service.name)
        return PlanItem(ref, None, _new(ref, {"host": live.fqdn, "subsets": added}), DESTINATION_RULE_FIELDS)
    before = live.destination_rules[0]
    after = copy.deepcopy(before)
    after["spec"]["subsets"] = [*(after["spec"].get("subsets") or []), *added]
    return PlanItem(ref_of(before), before, after, DESTINATION_RULE_FIELDS)


def _new(ref: ResourceRef, spec: dict[str, Any]) -> Manifest:
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.kind.api_version, "kind": ref.kind.kind, "metadata": metadata, "spec": spec}
