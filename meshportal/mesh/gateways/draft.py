"""Objects under work: copies of live ones and new ones, until they become a plan."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.gateways.binding import (
    conditions,
    covers_path,
    first_free,
    gateways_of,
    overlap,
    spec_of,
)
from meshportal.mesh.ordering import make_before_break
from meshportal.mesh.plans import Fields, Plan, PlanItem
from meshportal.mesh.refs import GATEWAY, VIRTUAL_SERVICE, Kind, Manifest, ResourceRef, ServiceRef, ref_of

VIRTUAL_SERVICE_FIELDS: Fields = (("spec", "hosts"), ("spec", "gateways"), ("spec", "http"))
GATEWAY_FIELDS: Fields = (("spec", "selector"), ("spec", "servers"))
# names of new objects end in these, and a name has at most 63 letters
VIRTUAL_SERVICE_SUFFIX, GATEWAY_SUFFIX, LONGEST_NAME = "-ingress", "-gateway", 60


class Draft:
    """Every object a plan may touch. What is asked for is copied once and then changed in place."""

    def __init__(self, facts: Facts, service: ServiceRef) -> None:
        self.facts, self.service = facts, service
        self.work: dict[ResourceRef, Manifest] = {}
        self.gone: set[ResourceRef] = set()

    def get(self, ref: ResourceRef) -> Manifest | None:
        """The working copy, None for what is neither live nor made."""
        if ref not in self.work:
            live = self.facts.get(ref)
            if live is None:
                return None
            self.work[ref] = copy.deepcopy(live)
        return self.work[ref]

    def make(self, kind: Kind, suffix: str, spec: Mapping[str, Any]) -> Manifest:
        """A new object in the service's namespace, named after it."""
        taken = [
            manifest["metadata"]["name"]
            for manifest in (*self.facts.of(kind), *self.work.values())
            if manifest["kind"] == kind.kind and manifest["metadata"].get("namespace") == self.service.namespace
        ]
        name = first_free(self.service.name[: LONGEST_NAME - len(suffix)].rstrip("-") + suffix, taken)
        made: Manifest = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": name, "namespace": self.service.namespace},
            "spec": dict(spec),
        }
        self.work[ref_of(made)] = made
        return made

    def virtual_services(self) -> list[Manifest]:
        """Every VirtualService as it would be, the live ones that nobody has touched not copied."""
        untouched = [manifest for manifest in self.facts.of(VIRTUAL_SERVICE) if ref_of(manifest) not in self.work]
        touched = [m for ref, m in self.work.items() if ref.kind == VIRTUAL_SERVICE and ref not in self.gone]
        return sorted([*untouched, *touched], key=lambda manifest: str(ref_of(manifest)))

    def virtual_service_for(self, gateway: ResourceRef, hosts: Sequence[str]) -> Manifest | None:
        """The one that is for exactly these hosts at exactly this Gateway, so that a route can join it."""
        for manifest in self.virtual_services():
            spec = spec_of(manifest)
            alone = len(spec.get("gateways") or []) == 1 and gateways_of(manifest) == [gateway]
            if alone and set(spec.get("hosts") or []) == set(hosts):
                return self.get(ref_of(manifest))
        return None

    def in_use(self, gateway: ResourceRef, host: str) -> bool:
        """Whether a VirtualService at this Gateway is for a host."""
        return any(
            gateway in gateways_of(manifest) and any(overlap(str(other), host) for other in spec_of(manifest).get("hosts") or [])
            for manifest in self.virtual_services()
        )

    def plan(self) -> Plan:
        items = [
            PlanItem(
                ref,
                self.facts.get(ref),
                None if ref in self.gone else manifest,
                GATEWAY_FIELDS if ref.kind == GATEWAY else VIRTUAL_SERVICE_FIELDS,
            )
            for ref, manifest in sorted(self.work.items(), key=lambda pair: (pair[0].kind != GATEWAY, pair[0]))
            if not (ref in self.gone and self.facts.get(ref) is None)
        ]
        return Plan(make_before_break(items))


def place_for(http: Mapping[str, Any], others: Sequence[Mapping[str, Any]], preferred: int | None = None) -> int:
    """Where among `others` a route gets the requests it is for and takes none from them: behind narrower ones, before the first
    that takes everything of it. `preferred` where that will do. A route with paths on both sides of another has no such place:
    the last one counts, and the rules will tell."""
    mine = [condition for condition, _whole in conditions(http)]
    last = next(
        (
            place
            for place, other in enumerate(others)
            if any(whole and covers_path(theirs, one) for theirs, whole in conditions(other) for one in mine)
        ),
        len(others),
    )
    first = 0
    for place, other in enumerate(others[:last]):
        if any(covers_path(one, theirs) for theirs, _whole in conditions(other) for one in mine):
            first = place + 1
    if preferred is not None and first <= preferred <= last:
        return preferred
    return last
