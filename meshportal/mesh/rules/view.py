"""A mesh prepared for rules: hosts, subsets and pods are looked up, never searched for, so that rules stay linear in its size."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from meshportal.mesh.facts import Facts, PodGroup, Port, ServiceFacts
from meshportal.mesh.hosts import MESH_GATEWAY
from meshportal.mesh.refs import DESTINATION_RULE, GATEWAY, SERVICE_ENTRY, VIRTUAL_SERVICE, ResourceRef
from meshportal.mesh.rules.node import Node, spec_of


@dataclass(frozen=True)
class Host:
    """What a host name stands for: a Service, or a ServiceEntry. `selector` picks its pods in `namespace`, {} for none."""

    name: str
    namespace: str
    ports: tuple[Port, ...]
    selector: Mapping[str, str] = field(default_factory=dict)
    service: ServiceFacts | None = None


@dataclass(frozen=True)
class Target:
    """One destination of a VirtualService. `entry` is the destination's own place, `share` the percent of its route's requests
    that it gets (0 for a mirror that copies nothing), `kind` "http", "tcp", "tls" or "mirror"."""

    entry: Node
    kind: str
    host: str
    subset: str
    share: float


class Mesh:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.whole = facts.whole
        self.virtual_services = [spec_of(manifest) for manifest in facts.of(VIRTUAL_SERVICE)]
        self.destination_rules = [spec_of(manifest) for manifest in facts.of(DESTINATION_RULE)]
        self.gateways = [spec_of(manifest) for manifest in facts.of(GATEWAY)]
        self._by_label: dict[tuple[str, str, str], list[PodGroup]] = defaultdict(list)
        self._by_namespace: dict[str, list[PodGroup]] = defaultdict(list)
        for group in facts.pods:
            for space in (group.namespace, ""):
                self._by_namespace[space].append(group)
                for key, value in group.labels.items():
                    self._by_label[space, key, value].append(group)

    def fqdn(self, host: str, namespace: str) -> str:
        """A host as Istio resolves it: a name without a dot gets the namespace of the object that holds it; all else stays
        (ResolveShortnameToFQDN in pilot/pkg/model)."""
        if "." in host or "*" in host or not host or is_address(host):
            return host
        return f"{host}.{namespace}.svc.{self.facts.domain}"

    # ------------------------------------------------------------ hosts

    @cached_property
    def _hosts(self) -> dict[str, Host]:
        found: dict[str, Host] = {}
        for entry in (spec_of(manifest) for manifest in self.facts.of(SERVICE_ENTRY)):
            ports = tuple(
                Port(port["name"].text, int(port["number"].number or 0), port["protocol"].text.lower())
                for port in entry.each("ports")
            )
            labels = entry["workloadSelector"]["labels"].strings()
            for host in entry.texts("hosts"):
                name = self.fqdn(host.text, entry.namespace)
                found[name] = Host(name, entry.namespace, ports, labels)
        for service in self.facts.services:
            name = self.fqdn(service.ref.name, service.ref.namespace)
            found[name] = Host(name, service.ref.namespace, service.ports, service.selector, service)
        return found

    @cached_property
    def _wild_hosts(self) -> list[Host]:
        return [host for name, host in self._hosts.items() if name.startswith("*")]

    def host(self, name: str) -> Host | None:
        """What a full name stands for: exactly, else by the wildcard of a ServiceEntry; None for nothing."""
        known = self._hosts.get(name)
        if known is None:
            known = next((wild for wild in self._wild_hosts if name.lstrip("*").endswith(wild.name.lstrip("*"))), None)
        return known

    @cached_property
    def _suffixes(self) -> set[str]:
        found: set[str] = set()
        for name in self._hosts:
            parts = name.split(".")
            found.update(".".join(parts[place:]) for place in range(1, len(parts)))
        return found

    def covers_any(self, wildcard: str) -> bool:
        """Whether a wildcard such as *.bookinfo.svc.cluster.local covers a known host."""
        rest = wildcard[1:].removeprefix(".")
        if wildcard == "*":
            return bool(self._hosts)
        return rest in self._suffixes or (not wildcard.startswith("*.") and any(name.endswith(rest) for name in self._hosts))

    @cached_property
    def by_short_name(self) -> Mapping[str, list[ServiceFacts]]:
        found: dict[str, list[ServiceFacts]] = defaultdict(list)
        for service in self.facts.services:
            found[service.ref.name].append(service)
        return found

    # ------------------------------------------------------------ pods

    def pods(self, namespace: str, labels: Mapping[str, str]) -> list[PodGroup]:
        """The groups of a namespace ("" for every one) with all of `labels`."""
        candidates = [self._by_label.get((namespace, key, value), []) for key, value in labels.items()]
        few = min(candidates, key=len) if candidates else self._by_namespace.get(namespace, [])
        return [group for group in few if labels.items() <= group.labels.items()]

    # ------------------------------------------------------------ destination rules

    @cached_property
    def _rules(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = defaultdict(list)
        for rule in self.destination_rules:
            found[self.fqdn(rule["host"].text, rule.namespace)].append(rule)
        return found

    @cached_property
    def rules_by_host(self) -> Mapping[str, list[Node]]:
        """DestinationRules by the full name of their host."""
        return self._rules

    def rules_for(self, name: str) -> list[Node]:
        """The DestinationRules of a host: those that name it, and those of wildcards above it."""
        parts = name.split(".")
        wild = ["*", *("*." + ".".join(parts[place:]) for place in range(1, len(parts)))]
        return [rule for host in (name, *wild) for rule in self._rules.get(host, [])]

    @cached_property
    def subsets(self) -> Mapping[tuple[str, str], list[Node]]:
        """Subsets by the host of their rule and their name."""
        found: dict[tuple[str, str], list[Node]] = defaultdict(list)
        for host, rules in self._rules.items():
            for rule in rules:
                for subset in rule.each("subsets"):
                    found[host, subset["name"].text].append(subset)
        return found

    def subset(self, host: str, name: str) -> list[Node]:
        """The subsets of this name that a route to `host` may mean."""
        parts = host.split(".")
        wild = ["*", *("*." + ".".join(parts[place:]) for place in range(1, len(parts)))]
        return [subset for each in (host, *wild) for subset in self.subsets.get((each, name), [])]

    # ------------------------------------------------------------ routes

    @cached_property
    def targets(self) -> Mapping[ResourceRef, list[Target]]:
        """Every destination of every VirtualService, mirrors included."""
        return {spec.ref: list(self._targets(spec)) for spec in self.virtual_services}

    def _targets(self, spec: Node) -> Iterator[Target]:
        for kind in ("http", "tcp", "tls"):
            for route in spec.each(kind):
                entries = route.each("route")
                yield from (
                    self._target(entry["destination"], kind, share)
                    for entry, share in zip(entries, shares(entries), strict=True)
                    if entry["destination"].there
                )
                mirrors = [route["mirror"], *(mirror["destination"] for mirror in route.each("mirrors"))]
                yield from (self._target(mirror, "mirror", 0.0) for mirror in mirrors if mirror.there)

    def _target(self, entry: Node, kind: str, share: float) -> Target:
        return Target(entry, kind, self.fqdn(entry["host"].text, entry.namespace), entry["subset"].text, share)

    @cached_property
    def gateways_by_name(self) -> Mapping[str, Node]:
        return {f"{gateway.ref.namespace}/{gateway.ref.name}": gateway for gateway in self.gateways}


def shares(entries: list[Node]) -> list[float]:
    """Percent of each entry of a route: weights are relative, and one entry alone gets everything whatever its weight."""
    weights = [max(0.0, entry["weight"].number or 0.0) for entry in entries]
    total = sum(weights)
    if len(entries) == 1:
        return [100.0]
    return [100.0 * weight / total if total else 0.0 for weight in weights]


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def in_mesh(spec: Node) -> bool:
    """Whether sidecars follow a VirtualService: no gateways at all means the mesh."""
    gateways = [gateway.text for gateway in spec.texts("gateways")]
    return not gateways or MESH_GATEWAY in gateways


def full_gateway(name: str, namespace: str) -> str:
    """A Gateway as a VirtualService of `namespace` names it, as namespace/name; the old form is name.namespace.svc…"""
    if "/" in name:
        return name
    first, dot, rest = name.partition(".")
    return f"{rest.partition('.')[0] if dot else namespace}/{first}"


def overlap(one: str, other: str) -> bool:
    """Whether two host patterns can mean one host (Matches in pkg/config/host)."""
    if one.startswith("*") and other.startswith("*"):
        return one[1:].endswith(other[1:]) or other[1:].endswith(one[1:])
    if one.startswith("*"):
        return other.endswith(one[1:])
    if other.startswith("*"):
        return one.endswith(other[1:])
    return one == other


def covered(one: str, other: str) -> bool:
    """Whether every host that `one` can mean is among those of `other` (SubsetOf in pkg/config/host)."""
    if one.startswith("*"):
        return other.startswith("*") and len(one) >= len(other) and one[1:].endswith(other[1:])
    return one.endswith(other[1:]) if other.startswith("*") else one == other


def named(nodes: Iterable[Node]) -> list[str]:
    """Objects as namespace/name, sorted, each once."""
    return sorted({f"{node.ref.namespace}/{node.ref.name}" for node in nodes})
