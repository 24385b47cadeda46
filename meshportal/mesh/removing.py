"""Taking away the policy of a service: which objects are its own, the plan that removes them, and what to know before that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.findings import Finding, Level, Risk, Severity
from meshportal.mesh.hosts import MESH_GATEWAY, names_service, routes_in_mesh, rules_service
from meshportal.mesh.ordering import make_before_break
from meshportal.mesh.plans import Fields, Plan, PlanItem
from meshportal.mesh.refs import DESTINATION_RULE, GATEWAY, VIRTUAL_SERVICE, Manifest, ResourceRef, ServiceRef, ref_of

WHOLE: Fields = (("spec",),)
"""What reviewers of a removal read: an edit of anything in it since voids their approval."""

# Managers of fields that put back what they find missing. Names as Argo CD, Flux and Helm's operator write them.
REPAIRERS = ("argocd", "kustomize-controller", "helm-controller", "config-sync")


@dataclass(frozen=True)
class Holdings:
    """The objects that steer one service and no other, in the order of their kinds and names."""

    service: ServiceRef
    virtual_services: tuple[Manifest, ...] = ()
    destination_rules: tuple[Manifest, ...] = ()
    gateways: tuple[Manifest, ...] = ()

    @property
    def objects(self) -> tuple[Manifest, ...]:
        return (*self.virtual_services, *self.destination_rules, *self.gateways)

    def named(self, names: Iterable[str]) -> list[Manifest]:
        """The objects that `names` (such as "VirtualService shop/cart") name, each once, in the order of `objects`."""
        wanted = set(names)
        return [manifest for manifest in self.objects if str(ref_of(manifest)) in wanted]

    @property
    def base(self) -> str:
        """Digest of all that could be removed: what somebody looked at before they ticked."""
        return Plan(tuple(removal(manifest) for manifest in self.objects)).base


def holdings(facts: Facts, service: ServiceRef) -> Holdings:
    """What belongs to `service`: the VirtualServices that route it inside the mesh or lead from a gateway to it alone, the
    DestinationRules for exactly its host, and the Gateways that nothing else uses."""
    virtual_services = tuple(vs for vs in facts.of(VIRTUAL_SERVICE) if routes_in_mesh(vs, service) or leads_only_to(vs, service))
    own = [ref_of(vs) for vs in virtual_services]
    return Holdings(
        service=service,
        virtual_services=virtual_services,
        destination_rules=tuple(rule for rule in facts.of(DESTINATION_RULE) if rules_service(rule, service)),
        gateways=tuple(gateway for gateway in facts.of(GATEWAY) if _made_for(gateway, service, facts, own)),
    )


def leads_only_to(virtual_service: Manifest, service: ServiceRef) -> bool:
    """Whether a VirtualService of gateways sends every request to `service`."""
    spec, namespace = virtual_service.get("spec") or {}, _namespace(virtual_service)
    if MESH_GATEWAY in (spec.get("gateways") or [MESH_GATEWAY]):
        return False
    hosts = [
        str((entry.get("destination") or {}).get("host", ""))
        for protocol in ("http", "tls", "tcp")
        for route in spec.get(protocol) or []
        for entry in route.get("route") or []
    ]
    return bool(hosts) and all(names_service(host, service, namespace) for host in hosts)


def bound_gateways(virtual_service: Manifest) -> list[ResourceRef]:
    """The Gateways that a VirtualService names, without the mesh."""
    found = []
    for name in (virtual_service.get("spec") or {}).get("gateways") or []:
        namespace, slash, rest = str(name).partition("/")
        if name != MESH_GATEWAY:
            ref = ResourceRef(GATEWAY, namespace, rest) if slash else ResourceRef(GATEWAY, _namespace(virtual_service), namespace)
            found.append(ref)
    return found


def _made_for(gateway: Manifest, service: ServiceRef, facts: Facts, own: Sequence[ResourceRef]) -> bool:
    """Whether only the VirtualServices in `own` use a Gateway; one that nobody uses is the service's if it has its name."""
    ref = ref_of(gateway)
    users = [ref_of(vs) for vs in facts.of(VIRTUAL_SERVICE) if ref in bound_gateways(vs)]
    if users:
        return all(user in own for user in users)
    return (ref.namespace, ref.name) == (service.namespace, service.name)


def removal(manifest: Manifest) -> PlanItem:
    """The item that removes one live object."""
    return PlanItem(ref_of(manifest), manifest, None, WHOLE)


def plan_of(manifests: Iterable[Manifest]) -> Plan:
    """The plan that removes live objects, what routes first."""
    return Plan(make_before_break(removal(manifest) for manifest in manifests))


@dataclass(frozen=True)
class Waiting:
    """A version that gets no requests while the routes hold, and would get its share of them without: `pods` are ready."""

    version: str
    pods: int


@dataclass(frozen=True)
class Aftermath:
    """What holds once the ticked objects are gone. `unrouted` is whether no VirtualService routes the service in the mesh any
    more, though one does now."""

    unrouted: bool
    stays: tuple[ResourceRef, ...] = ()
    waiting: tuple[Waiting, ...] = field(default_factory=tuple)


def aftermath(held: Holdings, chosen: Sequence[Manifest], idle: Mapping[str, int]) -> Aftermath:
    """`idle` are ready pods by version of those that get no requests now."""
    gone = [ref_of(manifest) for manifest in chosen]
    routing = [vs for vs in held.virtual_services if routes_in_mesh(vs, held.service)]
    unrouted = bool(routing) and all(ref_of(vs) in gone for vs in routing)
    return Aftermath(
        unrouted=unrouted,
        stays=tuple(ref_of(manifest) for manifest in held.objects if ref_of(manifest) not in gone),
        waiting=tuple(Waiting(version, pods) for version, pods in sorted(idle.items()) if pods) if unrouted else (),
    )


def remarks(held: Holdings, chosen: Sequence[Manifest], after: Aftermath) -> list[Finding]:
    """What one should know before these objects go. All are warnings: nothing here makes a removal impossible."""
    found: list[Finding] = []
    for manifest in chosen:
        ref = ref_of(manifest)
        if hosts := other_hosts(manifest, held.service):
            found.append(_warning("MP0701", ref, hosts=", ".join(hosts)))
        if owner := controller(manifest):
            found.append(_warning("MP0703", ref, owner=owner))
    found.extend(
        Finding("MP0702", Severity.WARNING, "objects", {"version": one.version, "pods": one.pods}) for one in after.waiting
    )
    return found


def _warning(code: str, ref: ResourceRef, **values: Any) -> Finding:
    return Finding(code, Severity.WARNING, "objects", {"object": str(ref), **values}, ref)


def other_hosts(manifest: Manifest, service: ServiceRef) -> list[str]:
    """Hosts of other services that a VirtualService routes inside the mesh as well."""
    spec = manifest.get("spec") or {}
    if ref_of(manifest).kind != VIRTUAL_SERVICE or MESH_GATEWAY not in (spec.get("gateways") or [MESH_GATEWAY]):
        return []
    return [host for host in spec.get("hosts") or [] if not names_service(host, service, _namespace(manifest))]


def controller(manifest: Manifest) -> str:
    """What makes an object again when it is missing: its controlling owner, else a tool that repairs drift; "" for none."""
    metadata = manifest["metadata"]
    for owner in metadata.get("ownerReferences") or []:
        if owner.get("controller"):
            return f"{owner.get('kind', '')} {owner.get('name', '')}"
    managers = {str(entry.get("manager", "")) for entry in metadata.get("managedFields") or []}
    return next((name for name in sorted(managers) if name.startswith(REPAIRERS)), "")


def assess(plan: Plan, service: ServiceRef, after: Aftermath, per_second: float | None) -> Risk:
    """A removal is never a small step; one that changes where live requests go is a big one. Unknown traffic counts as some."""
    reasons = ["removes-objects"]
    if after.waiting:
        reasons.append("first-traffic")
    if any(item.ref.namespace != service.namespace for item in plan.items):
        reasons.append("other-namespace")
    moving = after.unrouted and per_second != 0
    return Risk(Level.HIGH if moving and after.waiting else Level.MEDIUM, tuple(reasons))


def _namespace(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace", ""))
