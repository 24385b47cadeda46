"""What is remarkable about DestinationRules that Istio takes: their hosts, subsets, place, and risky settings.

Sources: Kiali's checks of DestinationRules; destinationrule/ in pkg/config/analysis/analyzers of Istio; foot-guns 7, 11 and 12 of
docs/findings.md.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from meshportal.mesh.findings import Finding
from meshportal.mesh.refs import ResourceRef
from meshportal.mesh.rules.node import Node
from meshportal.mesh.rules.policies import SECTIONS, policies
from meshportal.mesh.rules.view import Host, Mesh, named

FEW_ENDPOINTS = 2
EJECTED_BY_DEFAULT = 10  # percent; fewer than a whole pod is none (measured with two pods: 49 ejects none, 50 ejects one)


def hosts(mesh: Mesh) -> Iterator[Finding]:
    """KIA0202."""
    if not mesh.whole:
        return
    for spec in mesh.destination_rules:
        host = spec["host"]
        name = mesh.fqdn(host.text, spec.namespace)
        known = mesh.covers_any(name) if name.startswith("*") else mesh.host(name) is not None
        if host.text and not known:
            yield host.finding("KIA0202", host=host.text, full=name)


def shared(mesh: Mesh) -> Iterator[Finding]:
    """KIA0201: rules for one host in one namespace are merged, and of two for one subset the first alone counts. Rules in
    different namespaces hide each other instead (MP0206); those for chosen workloads stand beside the general one."""
    chosen = {rule.ref for rule in mesh.destination_rules if rule["workloadSelector"].there}
    for (host, name), subsets in mesh.subsets.items():
        for subset, others in _rivals(subsets, chosen):
            yield subset["name"].finding("KIA0201", host=host, subset=name, names=others)
    for host, rules in mesh.rules_by_host.items():
        general = [rule for rule in rules if rule["trafficPolicy"].there or not rule.each("subsets")]
        for rule, others in _rivals(general, chosen):
            yield rule["host"].finding("KIA0201", host=host, subset="", names=others)


def _rivals(nodes: list[Node], chosen: set[ResourceRef]) -> Iterator[tuple[Node, list[str]]]:
    """Each node with the names of the other objects of its namespace that have one too."""
    by_namespace: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        if node.ref not in chosen:
            by_namespace[node.namespace].append(node)
    for group in by_namespace.values():
        names = named(group)
        for node in group if len(names) > 1 else []:
            yield node, [name for name in names if name != f"{node.ref.namespace}/{node.ref.name}"]


def subsets(mesh: Mesh) -> Iterator[Finding]:
    """KIA0203, KIA0209."""
    for spec in mesh.destination_rules:
        host = mesh.host(mesh.fqdn(spec["host"].text, spec.namespace))
        for subset in spec.each("subsets"):
            labels = subset["labels"].strings()
            if not labels:
                yield subset.finding("KIA0209", subset=subset["name"].text)
            if mesh.whole and host is not None and not _selects(mesh, host, labels):
                written = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
                yield subset.finding("KIA0203", subset=subset["name"].text, labels=written)


def _selects(mesh: Mesh, host: Host, labels: dict[str, str]) -> bool:
    """Labels of a place (topology…, region) come from nodes and are not known here. A host that picks no pods by labels has
    endpoints that nobody lists."""
    if any(key.startswith(("topology.", "kubernetes.io/hostname")) for key in labels):
        return True
    return not host.selector or bool(mesh.pods(host.namespace, {**host.selector, **labels}))


def certificates(mesh: Mesh) -> Iterator[Finding]:
    """IST0128, IST0129."""
    for spec in mesh.destination_rules:
        policy, chosen = spec["trafficPolicy"], spec["workloadSelector"].there
        if _unverified(policy["tls"], chosen=chosen):
            yield policy["tls"].finding("IST0128", mode=policy["tls"]["mode"].text, host=spec["host"].text)
        for port in policy.each("portLevelSettings"):
            if _unverified(port["tls"], chosen=chosen):
                number = int(port["port"]["number"].number or 0)
                yield port["tls"].finding("IST0129", mode=port["tls"]["mode"].text, host=spec["host"].text, port=number)


def _unverified(tls: Node, *, chosen: bool) -> bool:
    if tls["mode"].text not in {"SIMPLE", "MUTUAL"} or tls["caCertificates"].text:
        return False
    return not (chosen and tls["credentialName"].text)


def places(mesh: Mesh) -> Iterator[Finding]:
    """MP0205, MP0206: a sidecar looks in its own namespace, then in the service's, then in the root namespace."""
    for name, rules in mesh.rules_by_host.items():
        host = mesh.host(name)
        if host is None or host.service is None:
            continue
        beside = [rule for rule in rules if rule.namespace == host.namespace]
        for rule in rules:
            if rule.namespace in {host.namespace, mesh.facts.root_namespace}:
                continue
            clients = bool(mesh.pods(rule.namespace, {}))
            if mesh.whole and not clients:
                yield rule["host"].finding("MP0205", host=name, namespace=rule.namespace, service=host.namespace)
            elif beside:
                yield rule["host"].finding("MP0206", host=name, namespace=rule.namespace, names=named(beside))


def ports(mesh: Mesh) -> Iterator[Finding]:
    """MP0209."""
    for spec in mesh.destination_rules:
        for top in policies(spec):
            above = [name for name in SECTIONS if top[name].there]
            for port in top.each("portLevelSettings"):
                lost = [name for name in above if not port[name].there]
                if lost:
                    number = int(port["port"]["number"].number or 0)
                    yield port.finding("MP0209", port=number, fields=", ".join(lost))


def limits(mesh: Mesh) -> Iterator[Finding]:
    """MP0260, MP0261, MP0268."""
    for spec in mesh.destination_rules:
        host = mesh.host(mesh.fqdn(spec["host"].text, spec.namespace))
        for policy in policies(spec):
            pool = policy["connectionPool"]
            if any(pool[kind][name].there for kind, name in _LIMITS):
                yield pool.finding("MP0261")
            outliers = policy["outlierDetection"]
            if outliers["maxEjectionPercent"].number == 100:
                yield outliers["maxEjectionPercent"].finding("MP0260", why="all", endpoints=0)
            elif outliers.there and mesh.whole and host is not None and host.selector:
                endpoints = sum(group.total for group in mesh.pods(host.namespace, host.selector))
                percent = outliers["maxEjectionPercent"].number
                if 0 < endpoints <= FEW_ENDPOINTS and (percent or 0) > 50:
                    yield outliers.finding("MP0260", why="few", endpoints=endpoints)
                most = EJECTED_BY_DEFAULT if percent is None else percent
                if 0 < endpoints * most < 100:
                    yield outliers.finding("MP0268", endpoints=endpoints, percent=int(most), least=math.ceil(100 / endpoints))


_LIMITS = (("tcp", "maxConnections"), ("http", "http1MaxPendingRequests"), ("http", "http2MaxRequests"), ("http", "maxRetries"))
