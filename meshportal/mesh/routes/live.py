"""What is live around the routes of one service, and which object carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshportal.mesh.refs import VIRTUAL_SERVICE, Manifest, ResourceRef, ServiceRef, ref_of
from meshportal.mesh.traffic import NotEditable, Pods, TrafficLive, subset_labels

MAX_ROWS = 200  # as many rows as a page of this portal sends; a longer list would lose its end on the way


@dataclass(frozen=True)
class RoutesLive:
    """What the catalog knows around one service.

    `virtual_services` are those that route its host for sidecars, `destination_rules` those for its host, `pods` by version
    label. `taken` is whether another object already has the name that a new VirtualService would get.
    """

    service: ServiceRef
    virtual_services: tuple[Manifest, ...] = ()
    destination_rules: tuple[Manifest, ...] = ()
    pods: Mapping[str, Pods] = field(default_factory=dict)
    domain: str = "cluster.local"
    taken: bool = False

    @property
    def fqdn(self) -> str:
        """The service's host in full: short names mean another service in another namespace."""
        return f"{self.service.name}.{self.service.namespace}.svc.{self.domain}"


def virtual_service_of(live: RoutesLive) -> Manifest | None:
    """The VirtualService that a form of routes edits, None where a new one is needed. Raises NotEditable with code
    several-virtual-services, too-many-routes or name-taken."""
    if len(live.virtual_services) > 1:
        raise NotEditable("several-virtual-services", [str(ref_of(one)) for one in live.virtual_services])
    if not live.virtual_services:
        if live.taken:
            raise NotEditable("name-taken", [str(new_ref(live))])
        return None
    found = live.virtual_services[0]
    if _longest(found.get("spec", {}).get("http")) > MAX_ROWS:
        raise NotEditable("too-many-routes", [str(ref_of(found))])
    return found


def new_ref(live: RoutesLive) -> ResourceRef:
    """The VirtualService that is made where there is none."""
    return ResourceRef(VIRTUAL_SERVICE, live.service.namespace, live.service.name)


def namespace_of(live: RoutesLive) -> str:
    """The namespace in which short hosts of the routes resolve."""
    manifest = live.virtual_services[0] if live.virtual_services else None
    return str(manifest["metadata"].get("namespace", "")) if manifest else live.service.namespace


def offered_subsets(live: RoutesLive) -> dict[str, dict[str, str]]:
    """Subsets of this service one can send requests to, with their labels: the DestinationRule's, and one for each version that
    has pods but no subset, which is then added. Nothing is added where several DestinationRules are for the host."""
    pods = live.pods if len(live.destination_rules) < 2 else {}
    return subset_labels(TrafficLive(live.service, destination_rules=live.destination_rules, pods=pods))


def there_subsets(live: RoutesLive) -> frozenset[str]:
    """Subsets that a DestinationRule has already."""
    return frozenset(
        subset["name"] for rule in live.destination_rules for subset in rule.get("spec", {}).get("subsets") or [] if subset
    )


def _longest(value: object) -> int:
    """The length of the longest list or map of entries inside the routes."""
    if isinstance(value, list):
        return max([len(value), *(_longest(inner) for inner in value)])
    if isinstance(value, dict):
        return max([len(value), *(_longest(inner) for inner in value.values())])
    return 0
