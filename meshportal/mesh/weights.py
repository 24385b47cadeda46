"""How a service's route divides its requests among versions, read from whatever VirtualServices and DestinationRules there are.

Read only, and forgiving: what cannot be told is left out. `traffic.py` is the strict reader that edits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshportal.mesh.hosts import names_service, routes_in_mesh, rules_service
from meshportal.mesh.inventory import Pod
from meshportal.mesh.refs import Manifest, ServiceRef

VERSION_LABEL = "version"


@dataclass(frozen=True)
class Route:
    """`split`: the catch-all route tells versions apart. `percent`: share by version, 0–100, for those it names."""

    split: bool = False
    percent: Mapping[str, float] = field(default_factory=dict)


class Routing:
    """The routes of a whole mesh, indexed by service name so that a thousand services do not scan a thousand objects each."""

    def __init__(self, virtual_services: Iterable[Manifest], destination_rules: Iterable[Manifest]) -> None:
        self._routes: dict[str, list[Manifest]] = {}
        self._rules: dict[str, list[Manifest]] = {}
        for manifest in sorted(virtual_services, key=_age):
            for name in {_first_part(host) for host in (manifest.get("spec") or {}).get("hosts") or []}:
                self._routes.setdefault(name, []).append(manifest)
        for manifest in sorted(destination_rules, key=_age):
            self._rules.setdefault(_first_part((manifest.get("spec") or {}).get("host", "")), []).append(manifest)

    def virtual_services(self, service: ServiceRef) -> list[Manifest]:
        """Those that route `service` inside the mesh, oldest first: sidecars follow the oldest."""
        return [manifest for manifest in self._routes.get(service.name, []) if routes_in_mesh(manifest, service)]

    def destination_rules(self, service: ServiceRef) -> list[Manifest]:
        """Those for `service`, its own namespace's first, then oldest first."""
        rules = [manifest for manifest in self._rules.get(service.name, []) if rules_service(manifest, service)]
        return sorted(rules, key=lambda manifest: _namespace(manifest) != service.namespace)

    def configures(self, service: ServiceRef) -> bool:
        return bool(self.virtual_services(service) or self.destination_rules(service))

    def route(self, service: ServiceRef, pods: Sequence[Pod]) -> Route:
        """How the first HTTP route without a match divides requests to `service`, whose active pods are `pods`.

        Weights are relative; one destination alone gets everything, whatever its weight
        (https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRouteDestination).
        """
        virtual_service = next(iter(self.virtual_services(service)), None)
        entries = _catch_all(virtual_service) if virtual_service else []
        if virtual_service is None or not entries:
            return Route()
        total = sum(_weight(entry) for entry in entries)
        labels = _subsets(self.destination_rules(service))
        own, named, percent = 0, False, dict[str, float]()
        for entry in entries:
            destination = entry.get("destination") or {}
            if not names_service(destination.get("host", ""), service, _namespace(virtual_service)):
                continue
            own += 1
            subset = destination.get("subset", "")
            named = named or bool(subset)
            version = _version(labels.get(subset, {}), pods)
            if version:
                share = 100.0 if len(entries) == 1 else (100.0 * _weight(entry) / total if total else 0.0)
                percent[version] = percent.get(version, 0.0) + share
        return Route(own >= 2 or named, percent)


def _catch_all(virtual_service: Manifest) -> list[Mapping[str, Any]]:
    for http in (virtual_service.get("spec") or {}).get("http") or []:
        if not http.get("match"):
            return list(http.get("route") or [])
    return []


def _weight(entry: Mapping[str, Any]) -> float:
    weight = entry.get("weight", 0)
    return float(weight) if isinstance(weight, int | float) else 0.0


def _subsets(rules: Iterable[Manifest]) -> dict[str, dict[str, str]]:
    """Labels by subset; of two with one name the first counts."""
    found: dict[str, dict[str, str]] = {}
    for rule in rules:
        for subset in (rule.get("spec") or {}).get("subsets") or []:
            found.setdefault(subset.get("name", ""), subset.get("labels") or {})
    return found


def _version(labels: Mapping[str, str], pods: Sequence[Pod]) -> str:
    """The version a subset stands for: its version label, else the one version of the pods with its labels; "" for neither."""
    if not labels or VERSION_LABEL in labels:
        return labels.get(VERSION_LABEL, "")
    versions = {pod.version for pod in pods if labels.items() <= pod.labels.items()}
    return versions.pop() if len(versions) == 1 else ""


def _first_part(host: str) -> str:
    return host.partition(".")[0]


def _age(manifest: Manifest) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return metadata.get("creationTimestamp") or "", _namespace(manifest), metadata["name"]


def _namespace(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace", ""))
