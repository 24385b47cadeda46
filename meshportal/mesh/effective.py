"""What applies to the requests of one service, from which object, and who set it: the sum of all its policies as Istio takes it.

Rules: a VirtualService's routes in order; of DestinationRules the one in the client's namespace, else in the service's, else in
the root namespace (https://istio.io/latest/docs/ops/best-practices/traffic-management/#cross-namespace-configuration); a subset's
policy replaces the host's section by section, a port's replaces it whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.authors import Author, author_of
from meshportal.mesh.facts import Facts, PodGroup, ServiceFacts
from meshportal.mesh.hosts import routes_in_mesh
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ResourceRef, ServiceRef, ref_of

SECTIONS = ("loadBalancer", "connectionPool", "outlierDetection", "tls")
ROUTE_TOPICS = ("timeout", "retries", "fault", "mirrors", "headers", "rewrite", "redirect")

# What holds where nobody says anything (istio.md: load balancing of Envoy clusters, retry.go's default policy, auto mTLS).
DEFAULTS: Mapping[str, Any] = {
    "routes": None,
    "timeout": None,
    "retries": {"attempts": 2, "retryOn": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"},
    "loadBalancer": {"simple": "LEAST_REQUEST"},
    "connectionPool": None,
    "outlierDetection": None,
    "tls": {"mode": "ISTIO_MUTUAL"},
}


@dataclass(frozen=True)
class Setting:
    """One thing that applies. `ref` is None for Istio's default, then `value` is what that is (None: nothing).

    `route` is the place of the route among the service's, None for what holds for all. `subset` and `port` narrow a setting of a
    DestinationRule. `clients` is the namespace of the callers it holds for, "" for all that have no other.
    """

    topic: str
    value: Any
    ref: ResourceRef | None = None
    path: str = ""
    author: Author | None = None
    route: int | None = None
    subset: str = ""
    port: int | None = None
    clients: str = ""


@dataclass(frozen=True)
class SubsetPods:
    """A subset of a service and the pods it picks."""

    name: str
    labels: Mapping[str, str]
    ref: ResourceRef
    groups: tuple[PodGroup, ...]

    @property
    def ready(self) -> int:
        return sum(group.ready for group in self.groups)

    @property
    def total(self) -> int:
        return sum(group.total for group in self.groups)


def effective(facts: Facts, service: ServiceRef) -> list[Setting]:
    """Everything that applies to requests to `service`, routes first. Where clients of one namespace have their own
    DestinationRule, its settings follow with `clients` set."""
    return [*_routes(facts, service), *_destination(facts, service)]


def ruling_virtual_service(facts: Facts, service: ServiceRef) -> Manifest | None:
    """The VirtualService that sidecars obey for `service`: the oldest that names it (with several, Istio promises nothing)."""
    found = [manifest for manifest in facts.of(VIRTUAL_SERVICE) if routes_in_mesh(manifest, service)]
    return min(found, key=_age) if found else None


def rules_for(facts: Facts, service: ServiceRef, client: str = "") -> list[Manifest]:
    """The DestinationRules that callers in namespace `client` use for `service`, oldest first; "" is one without its own."""
    full = f"{service.name}.{service.namespace}.svc.{facts.domain}"
    candidates = sorted((rule for rule in facts.of(DESTINATION_RULE) if _covers(rule, full, facts.domain)), key=_age)
    for namespace in dict.fromkeys((client, service.namespace, facts.root_namespace)):
        visible = [rule for rule in candidates if _namespace(rule) == namespace and _exported(rule, client or service.namespace)]
        if visible:
            exact = [rule for rule in visible if not str(rule["spec"].get("host", "")).startswith("*")]
            return exact or visible
    return []


def subsets_of(facts: Facts, service: ServiceRef, client: str = "") -> list[SubsetPods]:
    """The subsets that routes may name, each with the pods behind it."""
    known = facts.service(service) or ServiceFacts(service)
    found: dict[str, SubsetPods] = {}
    for rule in rules_for(facts, service, client):
        for subset in _list(rule.get("spec"), "subsets"):
            labels = {str(key): str(value) for key, value in (subset.get("labels") or {}).items()}
            groups = tuple(facts.pods_behind(known, labels))
            found.setdefault(str(subset.get("name", "")), SubsetPods(str(subset.get("name", "")), labels, ref_of(rule), groups))
    return list(found.values())


# ---------------------------------------------------------------- routes


def _routes(facts: Facts, service: ServiceRef) -> Iterator[Setting]:
    manifest = ruling_virtual_service(facts, service)
    if manifest is None:
        yield Setting("routes", None)
        for topic in ("timeout", "retries"):
            yield Setting(topic, DEFAULTS[topic])
        return
    ref, author = ref_of(manifest), author_of(manifest, ("spec", "http"))
    for place, http in enumerate(_list(manifest.get("spec"), "http")):
        path = f"spec.http[{place}]"
        shown = {key: http[key] for key in ("match", "route", "redirect", "directResponse", "delegate") if key in http}
        yield Setting("routes", shown, ref, path, author, place)
        for topic in ROUTE_TOPICS:
            key = "mirror" if topic == "mirrors" and "mirror" in http else topic
            if key in http and topic != "redirect":
                yield Setting(topic, http[key], ref, f"{path}.{key}", author, place)
            elif topic in DEFAULTS and "redirect" not in http:
                yield Setting(topic, DEFAULTS[topic], route=place)


# ---------------------------------------------------------------- destination


def _destination(facts: Facts, service: ServiceRef) -> Iterator[Setting]:
    yield from _of_rules(rules_for(facts, service), "")
    own = {_namespace(rule) for rule in facts.of(DESTINATION_RULE)} - {service.namespace, facts.root_namespace}
    for client in sorted(own):
        rules = [rule for rule in rules_for(facts, service, client) if _namespace(rule) == client]
        if rules:
            yield from _of_rules(rules, client)


def _of_rules(rules: Sequence[Manifest], clients: str) -> Iterator[Setting]:
    policies = [(rule, policy) for rule in rules if (policy := _dict(rule.get("spec"), "trafficPolicy"))]
    top = policies[:1]
    for section in SECTIONS:
        holder = next(((rule, policy) for rule, policy in top if section in policy), None)
        if holder:
            yield _setting(holder[0], section, holder[1][section], f"spec.trafficPolicy.{section}", clients)
        else:
            yield Setting(section, DEFAULTS[section], clients=clients)
    for rule, policy in top:
        for place, port in enumerate(_list(policy, "portLevelSettings")):
            number = _dict(port, "port").get("number")
            for section in SECTIONS:
                path = f"spec.trafficPolicy.portLevelSettings[{place}]"
                if section in port:
                    yield _setting(rule, section, port[section], f"{path}.{section}", clients, port=number)
                elif section in policy:
                    yield Setting(section, DEFAULTS[section], ref_of(rule), path, None, port=number, clients=clients)
    for rule in rules:
        for place, subset in enumerate(_list(rule.get("spec"), "subsets")):
            for section, value in _dict(subset, "trafficPolicy").items():
                path = f"spec.subsets[{place}].trafficPolicy.{section}"
                yield _setting(rule, section, value, path, clients, subset=str(subset.get("name", "")))


def _setting(
    rule: Manifest, topic: str, value: Any, path: str, clients: str, *, subset: str = "", port: int | None = None
) -> Setting:
    author = author_of(rule, ("spec", "subsets") if subset else ("spec", "trafficPolicy", topic))
    return Setting(topic, value, ref_of(rule), path, author, subset=subset, port=port, clients=clients)


# ---------------------------------------------------------------- reading odd objects


def _list(value: Any, key: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _dict(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _namespace(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace", ""))


def _age(manifest: Manifest) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return metadata.get("creationTimestamp", ""), metadata.get("namespace", ""), metadata["name"]


def _covers(rule: Manifest, full: str, domain: str) -> bool:
    host = str(_dict(rule, "spec").get("host", ""))
    if host.startswith("*"):
        return full.endswith(host[1:])
    if "." not in host:
        return f"{host}.{_namespace(rule)}.svc.{domain}" == full
    return host == full or f"{host}.{domain}" == full or f"{host}.svc.{domain}" == full


def _exported(manifest: Manifest, client: str) -> bool:
    export = _dict(manifest, "spec").get("exportTo") or ["*"]
    return "*" in export or client in export or ("." in export and _namespace(manifest) == client)
