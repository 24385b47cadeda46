"""Gateways beside one another and before their proxies.

Sources: gateway/ in pkg/config/analysis/analyzers of Istio, Kiali's checks of Gateways.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

from meshportal.mesh.findings import Finding
from meshportal.mesh.rules.node import Node
from meshportal.mesh.rules.view import Mesh, named, overlap

Selector = tuple[tuple[str, str], ...]


def selectors(mesh: Mesh) -> Iterator[Finding]:
    """KIA0302."""
    if not mesh.whole:
        return
    for spec in mesh.gateways:
        labels = spec["selector"].strings()
        if labels and not mesh.pods("", labels):
            yield spec["selector"].finding("KIA0302", selector=_written(labels))


def conflicts(mesh: Mesh) -> Iterator[Finding]:
    """IST0145, KIA0301. Selectors meet where they are equal, or where one holds the other and a pod has both."""
    alike = _alike(mesh)
    by_port: dict[tuple[Selector, int], list[Node]] = defaultdict(list)
    for spec in mesh.gateways:
        for server in spec.each("servers"):
            by_port[_selector(spec), int(server["port"]["number"].number or 0)].append(server)
    for (selector, port), servers in by_port.items():
        rivals = [server for other in alike[selector] for server in by_port.get((other, port), [])]
        index = _Claims(rivals)
        for server in servers:
            same, near = index.others(server)
            if same:
                yield server["hosts"].finding("IST0145", port=port, names=named(same))
            elif near:
                yield server["hosts"].finding("KIA0301", port=port, names=named(near))


class _Claims:
    """Who claims which host on one port, found without comparing every server with every other."""

    def __init__(self, servers: list[Node]) -> None:
        self.plain: dict[tuple[str, str], list[Node]] = defaultdict(list)
        self.wild: list[tuple[str, Node]] = []
        for server in servers:
            for host in server.texts("hosts"):
                self.plain[host.text, server["bind"].text].append(server)
                name = host.text.rpartition("/")[2]
                if name.startswith("*"):
                    self.wild.append((name, server))

    def others(self, server: Node) -> tuple[list[Node], list[Node]]:
        """Servers of other Gateways with one of the hosts, and those whose wildcards overlap one."""
        same: list[Node] = []
        near: list[Node] = []
        for host in server.texts("hosts"):
            same += self.plain.get((host.text, server["bind"].text), [])
            name = host.text.rpartition("/")[2]
            near += [other for wild, other in self.wild if other["bind"].value == server["bind"].value and overlap(wild, name)]
        return [one for one in same if one.ref != server.ref], [one for one in near if one.ref != server.ref]


def _alike(mesh: Mesh) -> Mapping[Selector, set[Selector]]:
    found: dict[Selector, set[Selector]] = {selector: {selector} for selector in map(_selector, mesh.gateways)}
    # different selectors are as few as sorts of gateway proxies, not as many as Gateways
    for one, other in combinations(found, 2):
        nested = set(one) <= set(other) or set(other) <= set(one)
        if nested and mesh.pods("", dict(one) | dict(other)):
            found[one].add(other)
            found[other].add(one)
    return found


def certificates(mesh: Mesh) -> Iterator[Finding]:
    """IST0138."""
    holders: dict[tuple[str, ...], list[Node]] = defaultdict(list)
    for spec in mesh.gateways:
        for server in spec.each("servers"):
            if key := _certificate(server["tls"]):
                holders[key].append(server)
    for servers in holders.values():
        for server in servers:
            others = [other for other in servers if other.ref != server.ref and _reaches(server, other, mesh)]
            if others:
                yield server["tls"].finding("IST0138", names=named(others))


def _certificate(tls: Node) -> tuple[str, ...]:
    if name := tls["credentialName"].text:
        return ("credential", name)
    files = (tls["serverCertificate"].text, tls["privateKey"].text)
    return ("files", *files) if all(files) else ()


def _reaches(server: Node, other: Node, mesh: Mesh) -> bool:
    """Whether the selector of `server`'s Gateway is within that of `other`'s."""
    mine, theirs = (mesh.gateways_by_name[f"{one.ref.namespace}/{one.ref.name}"] for one in (server, other))
    return set(_selector(mine)) <= set(_selector(theirs))


def _selector(spec: Node) -> Selector:
    return tuple(sorted(spec["selector"].strings().items()))


def _written(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
