"""What rules, forms and runbooks know of one mesh: its Istio objects whole, its services, and what runs behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from meshportal.mesh.plans import Plan
from meshportal.mesh.refs import Kind, Manifest, ResourceRef, ServiceRef, ref_of


@dataclass(frozen=True)
class Port:
    """One port of a Service. `protocol` is what Istio takes it for: appProtocol, else the name up to the first dash, in lower
    case; "" where neither says, so that Istio sniffs (https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/).
    """

    name: str
    number: int
    protocol: str = ""


@dataclass(frozen=True)
class ServiceFacts:
    """One Service. `selector` is empty for one that picks no pods; `external_name` is "" unless it is an ExternalName."""

    ref: ServiceRef
    ports: tuple[Port, ...] = ()
    selector: Mapping[str, str] = field(default_factory=dict)
    headless: bool = False
    external_name: str = ""


@dataclass(frozen=True)
class PodGroup:
    """Active pods of one namespace with the same labels, the hashes that controllers add left out. `ready` of `total` pods are
    ready; `sidecar` is whether they have a proxy, `crashing` how many of them crash over and over."""

    namespace: str
    labels: Mapping[str, str]
    ready: int
    total: int
    sidecar: bool = True
    crashing: int = 0


@dataclass(frozen=True)
class Facts:
    """One mesh as the catalog last saw it. `istio_version` is "1.31.0", "" where nobody knows.

    `whole` is False where the inventory of services and pods is missing (no observer yet, no right to list them): a rule must
    then say nothing that rests on their absence.
    """

    objects: tuple[Manifest, ...] = ()
    services: tuple[ServiceFacts, ...] = ()
    pods: tuple[PodGroup, ...] = ()
    namespaces: frozenset[str] = frozenset()
    istio_version: str = ""
    root_namespace: str = "istio-system"
    domain: str = "cluster.local"
    whole: bool = True

    def of(self, *kinds: Kind) -> list[Manifest]:
        """Every object of these kinds, sorted by namespace and name."""
        names = {kind.kind for kind in kinds}
        found = [manifest for manifest in self.objects if manifest["kind"] in names]
        return sorted(found, key=lambda manifest: (manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]))

    def get(self, ref: ResourceRef) -> Manifest | None:
        return next((manifest for manifest in self.objects if ref_of(manifest) == ref), None)

    def service(self, ref: ServiceRef) -> ServiceFacts | None:
        return next((service for service in self.services if service.ref == ref), None)

    def pods_with(self, namespace: str, labels: Mapping[str, str]) -> list[PodGroup]:
        """The groups of a namespace that carry all of `labels`."""
        return [group for group in self.pods if group.namespace == namespace and labels.items() <= group.labels.items()]

    def pods_behind(self, service: ServiceFacts, labels: Mapping[str, str] | None = None) -> list[PodGroup]:
        """The groups that a Service's selector picks, narrowed to `labels` (a subset's). None for a Service without selector."""
        if not service.selector:
            return []
        return self.pods_with(service.ref.namespace, {**service.selector, **(labels or {})})

    def after(self, plan: Plan) -> Facts:
        """The same mesh with a plan carried out."""
        touched = {item.ref: item.after for item in plan.items}
        kept: Iterable[Manifest] = (manifest for manifest in self.objects if ref_of(manifest) not in touched)
        made = (manifest for manifest in touched.values() if manifest is not None)
        return replace(self, objects=(*kept, *made))
