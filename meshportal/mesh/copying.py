"""The policy of one service for another one: hosts rewritten, what holds for the source alone left out, the rest as it is."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.findings import Finding, Level, Risk, Severity
from meshportal.mesh.hosts import MESH_GATEWAY, names_service, routes_in_mesh, rules_service
from meshportal.mesh.ordering import make_before_break
from meshportal.mesh.plans import Fields, Plan, PlanItem
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Kind, Manifest, ResourceRef, ServiceRef, ref_of

WHOLE: Fields = (("spec",),)
KINDS = (DESTINATION_RULE, VIRTUAL_SERVICE)


@dataclass(frozen=True)
class Side:
    """One service of one mesh."""

    service: ServiceRef
    facts: Facts

    def objects(self, *kinds: Kind) -> list[Manifest]:
        """Its DestinationRules and the VirtualServices that route it inside the mesh, from any namespace, sorted."""
        found = [rule for rule in self.facts.of(DESTINATION_RULE) if rules_service(rule, self.service)]
        found += [vs for vs in self.facts.of(VIRTUAL_SERVICE) if routes_in_mesh(vs, self.service)]
        return [manifest for manifest in found if not kinds or ref_of(manifest).kind in kinds]

    @property
    def host(self) -> str:
        """The full name, which means the same in every namespace."""
        return f"{self.service.name}.{self.service.namespace}.svc.{self.facts.domain}"


class NotCopyable(ValueError):
    """Why these objects cannot become the target's. `code`: several-chosen (of one kind), several-live (the target has several of
    one kind), same-service. `names` are objects."""

    def __init__(self, code: str, names: Sequence[str] = ()) -> None:
        super().__init__(code)
        self.code, self.names = code, tuple(names)


@dataclass(frozen=True)
class Left:
    """What was left out because it holds for the source alone."""

    ref: ResourceRef
    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    routes: int = 0


@dataclass(frozen=True)
class Copy:
    plan: Plan
    left: tuple[Left, ...] = field(default_factory=tuple)

    @property
    def replaced(self) -> list[ResourceRef]:
        """Objects of the target whose spec gives way."""
        return [item.ref for item in self.plan.changing if item.before is not None]


def render(source: Side, chosen: Sequence[Manifest], target: Side) -> Copy:
    """The plan that gives `target` what `chosen` say of `source`. Raises NotCopyable."""
    items: list[PlanItem] = []
    left: list[Left] = []
    for kind in KINDS:
        theirs = [manifest for manifest in chosen if ref_of(manifest).kind == kind]
        if not theirs:
            continue
        if len(theirs) > 1:
            raise NotCopyable("several-chosen", [str(ref_of(manifest)) for manifest in theirs])
        mine = target.objects(kind)
        if len(mine) > 1:
            raise NotCopyable("several-live", [str(ref_of(manifest)) for manifest in mine])
        before = mine[0] if mine else None
        ref = ref_of(before) if before else _new_ref(kind, target)
        spec, without = _spec(theirs[0], source, target, ref)
        items.append(PlanItem(ref, before, {**(before or _bare(ref)), "spec": spec}, WHOLE))
        left.append(without)
    return Copy(Plan(make_before_break(items)), tuple(one for one in left if one.hosts or one.gateways or one.routes))


def live_base(source: Side, target: Side) -> str:
    """Digest of everything that a copy may start from or replace."""
    objects = [*source.objects(), *target.objects()]
    return Plan(tuple(PlanItem(ref_of(manifest), manifest, manifest, WHOLE) for manifest in objects)).base


def _new_ref(kind: Kind, target: Side) -> ResourceRef:
    """Named after the service; a number follows where something else has that name."""
    namespace, name = target.service.namespace, target.service.name
    names = [name, *(f"{name}-{number}" for number in range(2, len(target.facts.objects) + 3))]
    return next(ref for name in names if target.facts.get(ref := ResourceRef(kind, namespace, name)) is None)


def _bare(ref: ResourceRef) -> Manifest:
    """A new object. Labels and annotations are not copied: those of a GitOps tool would make it take the copy for its own."""
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.kind.api_version, "kind": ref.kind.kind, "metadata": metadata}


def _spec(manifest: Manifest, source: Side, target: Side, ref: ResourceRef) -> tuple[dict[str, Any], Left]:
    spec = copy.deepcopy(manifest.get("spec") or {})
    rename = _Hosts(source, target, str(manifest["metadata"].get("namespace", "")), ref.namespace)
    if ref.kind == DESTINATION_RULE:
        return spec | {"host": target.host}, Left(ref)
    others = [host for host in spec.get("hosts") or [] if not rename.is_source(host)]
    gateways = [name for name in spec.pop("gateways", None) or [] if name != MESH_GATEWAY]
    spec["hosts"] = [target.host]
    dropped = 0
    for protocol in ("http", "tls", "tcp"):
        if protocol not in spec:
            continue
        kept = [route for route in spec[protocol] or [] if _for_sidecars(route)]
        dropped += len(spec[protocol] or []) - len(kept)
        for route in kept:
            rename.in_route(route)
        if kept:
            spec[protocol] = kept
        else:
            del spec[protocol]
    return spec, Left(ref, tuple(map(str, others)), tuple(map(str, gateways)), dropped)


def _for_sidecars(route: dict[str, Any]) -> bool:
    """Keep of a route's matches those that hold inside the mesh; False where it has matches and none is left."""
    matches = route.get("match")
    if not matches:
        return True
    inside = [match for match in matches if MESH_GATEWAY in (match.get("gateways") or [MESH_GATEWAY])]
    route["match"] = [{key: value for key, value in match.items() if key != "gateways"} for match in inside]
    return bool(inside)


@dataclass(frozen=True)
class _Hosts:
    """How hosts in an object of `here` are written in its copy in `there`."""

    source: Side
    target: Side
    here: str
    there: str

    def is_source(self, host: str) -> bool:
        return names_service(host, self.source.service, self.here, self.source.facts.domain)

    def of(self, host: str) -> str:
        if self.is_source(host):
            return self.target.host
        if "." in host or "*" in host or self.here == self.there:
            return host
        # a short name means a service of the namespace of the object that holds it
        return f"{host}.{self.here}.svc.{self.source.facts.domain}"

    def in_route(self, route: dict[str, Any]) -> None:
        entries = [*(route.get("route") or []), *(route.get("mirrors") or [])]
        destinations = [entry.get("destination") for entry in entries] + [route.get("mirror")]
        for destination in destinations:
            if isinstance(destination, dict) and "host" in destination:
                destination["host"] = self.of(str(destination["host"]))
        for name in ("rewrite", "redirect"):
            change = route.get(name)
            if isinstance(change, dict) and self.is_source(str(change.get("authority", ""))):
                change["authority"] = self.target.host
        for match in route.get("match") or []:
            if "sniHosts" in match:
                match["sniHosts"] = [self.target.host if self.is_source(str(host)) else host for host in match["sniHosts"]]
        delegate = route.get("delegate")
        if isinstance(delegate, dict) and not delegate.get("namespace"):
            delegate["namespace"] = self.here


def remarks(copied: Copy, target: ServiceRef) -> list[Finding]:
    """What copying itself leaves to think about; what is wrong with the result, rules find."""
    found = [
        Finding("MP0711", Severity.WARNING, "objects", {"object": str(ref), "service": str(target)}, ref)
        for ref in copied.replaced
    ]
    for one in copied.left:
        if one.hosts:
            found.append(Finding("MP0712", Severity.INFO, "objects", {"hosts": ", ".join(one.hosts)}, one.ref))
        if one.gateways or one.routes:
            values = {"gateways": ", ".join(one.gateways), "routes": one.routes}
            found.append(Finding("MP0713", Severity.INFO, "objects", values, one.ref))
    if not copied.plan.changing:
        found.insert(0, Finding("MP0714", Severity.ERROR, "objects", {}))
    return found


def assess(copied: Copy, target: ServiceRef) -> Risk:
    """New rules for live requests are never a small step."""
    reasons = ["replaces-object" if copied.replaced else "new-object"]
    if any(item.ref.namespace != target.namespace for item in copied.plan.changing):
        reasons.append("other-namespace")
    return Risk(Level.MEDIUM, tuple(reasons))
