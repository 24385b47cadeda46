"""What is live around one service as far as its destination is concerned, and the subsets that its pods offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshportal.mesh.destinations.reading import entries, group, text_of
from meshportal.mesh.facts import Facts, PodGroup
from meshportal.mesh.hosts import names_service
from meshportal.mesh.refs import DESTINATION_RULE, Manifest, ResourceRef, ServiceRef, ref_of

VERSION_LABEL = "version"
MAX_OFFERS = 12


class NotEditable(ValueError):
    """The live objects leave no one place for the settings of this service. `code` says why: several-destination-rules (KIA0201),
    name-taken."""

    def __init__(self, code: str, names: Sequence[str] = ()) -> None:
        super().__init__(code)
        self.code, self.names = code, tuple(names)


@dataclass(frozen=True)
class DestinationLive:
    """`rules` are the DestinationRules for exactly this service, `wildcards` those whose host has a * and covers it too."""

    service: ServiceRef
    facts: Facts
    rules: tuple[Manifest, ...] = ()
    wildcards: tuple[Manifest, ...] = ()

    @property
    def rule(self) -> Manifest | None:
        """The one DestinationRule, None where there is none yet. Raises NotEditable."""
        if len(self.rules) > 1:
            raise NotEditable("several-destination-rules", [str(ref_of(rule)) for rule in self.rules])
        if not self.rules and self.facts.get(self.ref) is not None:
            raise NotEditable("name-taken", [str(self.ref)])
        return self.rules[0] if self.rules else None

    @property
    def ref(self) -> ResourceRef:
        """The object that is or would be written."""
        if self.rules:
            return ref_of(self.rules[0])
        return ResourceRef(DESTINATION_RULE, self.service.namespace, self.service.name)

    @property
    def host(self) -> str:
        """The full name of the service, which means the same in every namespace."""
        return f"{self.service.name}.{self.service.namespace}.svc.{self.facts.domain}"


@dataclass(frozen=True)
class Ready:
    """Ready and all pods; None where nobody knows."""

    ready: int | None
    total: int | None


@dataclass(frozen=True)
class Offer:
    """A subset that pods are there for and that does not exist yet."""

    name: str
    labels: Mapping[str, str]
    pods: Ready


def destination_live(service: ServiceRef, facts: Facts) -> DestinationLive:
    """Everything in `facts` that says how requests reach `service`."""
    rules, wildcards = [], []
    host = f"{service.name}.{service.namespace}.svc.{facts.domain}"
    for rule in facts.of(DESTINATION_RULE):
        written = text_of(group(rule, "spec").get("host"))
        if names_service(written, service, rule["metadata"].get("namespace", ""), facts.domain):
            rules.append(rule)
        elif written.startswith("*") and host.endswith(written[1:]):
            wildcards.append(rule)
    return DestinationLive(service, facts, tuple(rules), tuple(wildcards))


def pods_of(live: DestinationLive, labels: Mapping[str, str]) -> Ready:
    """The pods of the service with these labels; unknown where the pods or the Service are not seen."""
    service = live.facts.service(live.service)
    if service is None or not live.facts.whole or not service.selector:
        return Ready(None, None)
    return _sum(live.facts.pods_behind(service, labels))


def _sum(groups: Sequence[PodGroup]) -> Ready:
    return Ready(sum(found.ready for found in groups), sum(found.total for found in groups))


def offers(live: DestinationLive) -> list[Offer]:
    """Subsets by the labels of the pods: one for each version, else one for each value of a label in which the pods differ.

    What a live subset picks already is not offered again.
    """
    service = live.facts.service(live.service)
    groups = live.facts.pods_behind(service) if service else []
    there = [group(subset, "labels") for rule in live.rules for subset in entries(rule, "spec", "subsets")]
    names = {text_of(group(subset).get("name")) for rule in live.rules for subset in entries(rule, "spec", "subsets")}
    found = []
    for key in _telling(groups, service.selector if service else {}):
        for value in sorted({pods.labels[key] for pods in groups if pods.labels.get(key)}):
            labels = {key: value}
            name = value.lower().replace(".", "-").replace("_", "-")
            if labels not in there and name not in names:
                found.append(Offer(name, labels, _sum([pods for pods in groups if pods.labels.get(key) == value])))
    return found[:MAX_OFFERS]


def _telling(groups: Sequence[PodGroup], selector: Mapping[str, str]) -> list[str]:
    """The labels that tell versions apart: `version` where there is one, else those whose values differ."""
    keys = sorted({key for pods in groups for key in pods.labels if key not in selector})
    if VERSION_LABEL in keys:
        return [VERSION_LABEL]
    return [key for key in keys if len({pods.labels.get(key) for pods in groups}) > 1]
