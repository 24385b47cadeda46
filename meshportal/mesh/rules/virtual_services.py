"""What istiod refuses of a VirtualService as a whole (ValidateVirtualService in pkg/config/validation of Istio)."""

from __future__ import annotations

from collections.abc import Iterator

from meshportal.mesh.findings import Finding
from meshportal.mesh.hosts import MESH_GATEWAY
from meshportal.mesh.rules import strings, values
from meshportal.mesh.rules.destinations import gateway_names
from meshportal.mesh.rules.node import Node
from meshportal.mesh.rules.view import Mesh, in_mesh, is_address, overlap


def whole(mesh: Mesh) -> Iterator[Finding]:
    for spec in mesh.virtual_services:
        yield from _delegate(spec)
        yield from gateway_names(spec)
        yield from _hosts(spec)
        yield from _claims(spec)
        yield from strings.export_to(spec, own_only=False)
        if not any(spec.each(kind) for kind in ("http", "tcp", "tls")):
            yield from values.any_of(Node(spec.ref, spec.path, {}), "http", "tcp", "tls")


def _delegate(spec: Node) -> Iterator[Finding]:
    if spec.texts("hosts"):
        return
    for name in ("gateways", "tls", "tcp"):
        if spec.each(name):
            yield spec[name].finding("MP0228", field=name)


def _hosts(spec: Node) -> Iterator[Finding]:
    hosts, good = spec.texts("hosts"), True
    for host in hosts:
        sni = not in_mesh(spec) and host.text.startswith("outbound_")
        if not strings.is_host(host.text) and not is_address(host.text) and not sni:
            good = False
            yield host.finding("MP0220", host=host.text)
        elif host.text == "*" and in_mesh(spec):
            good = False
            yield host.finding("MP0222")
    if not good:
        return
    seen: dict[str, None] = {}
    for host in hosts:
        # among plain names only equal ones overlap: no search
        among = seen if host.text.startswith("*") else [text for text in seen if text.startswith("*") or text == host.text]
        other = next((text for text in among if overlap(text, host.text)), None)
        if other is not None:
            yield host.finding("MP0221", host=host.text, other=other)
        seen[host.text] = None


def _claims(spec: Node) -> Iterator[Finding]:
    gateways = [gateway.text for gateway in spec.texts("gateways")]
    if gateways and MESH_GATEWAY not in gateways:
        return
    for route in spec.each("http"):
        for match in route.each("match"):
            for name in ("headers", "withoutHeaders"):
                for header, place in match[name].pairs():
                    if strings.is_claim(header):
                        yield place.finding("MP0229", claim=header)
