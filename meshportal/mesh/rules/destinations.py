"""What istiod refuses of destinations, their weights, and of matches that HTTP, TCP and TLS routes share.

Source: validateHTTPRouteDestinations, validateRouteDestinations, validateDestination, validateTCPMatch and validateTLSMatch in
pkg/config/validation/validation.go of Istio.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from meshportal.mesh.findings import Finding
from meshportal.mesh.hosts import MESH_GATEWAY
from meshportal.mesh.rules import strings, values
from meshportal.mesh.rules.node import Node
from meshportal.mesh.rules.view import Mesh, covered, is_address


def weighted(route: Node) -> Iterator[Finding]:
    """The destinations of one route."""
    entries = route.each("route")
    for entry in entries:
        if not entry["destination"].there:
            yield entry.finding("MP0213", field="destination")
        yield from destination(entry["destination"])
        yield from values.at_least_zero(entry["weight"])
        yield from strings.changed_headers(entry["headers"])
    if len(entries) > 1 and sum(entry["weight"].number or 0 for entry in entries) == 0:
        yield route["route"].finding("MP0219")


def destination(place: Node) -> Iterator[Finding]:
    if not place.there:
        return
    host, subset = place["host"], place["subset"]
    if host.text == "*" or not strings.is_host(host.text):
        yield host.finding("MP0220", host=host.text)
    if subset.text and not strings.is_label(subset.text):
        yield subset.finding("MP0223", name=subset.text)
    if place["port"].there:
        yield from values.required(place["port"], "number")
        yield from values.port(place["port"]["number"])


def match_of_any_kind(match: Node) -> Iterator[Finding]:
    """port, sourceLabels and gateways."""
    if match["port"].number:
        yield from values.port(match["port"])
    yield from strings.labels(match["sourceLabels"])
    yield from gateway_names(match)


def gateway_names(holder: Node) -> Iterator[Finding]:
    """The list gateways of a VirtualService or a match: namespace/name, or a name."""
    for entry in holder.texts("gateways"):
        where, slash, name = entry.text.partition("/")
        if not slash:
            if "." in entry.text:
                parts = entry.text.split(".")
                yield entry.finding("KIA1108", name=entry.text, better=f"{parts[1]}/{parts[0]}")
            if entry.text != MESH_GATEWAY and not strings.is_name(entry.text):
                yield entry.finding("MP0220", host=entry.text)
        elif not strings.is_label(where) or not strings.is_label(name):
            yield entry.finding("MP0223", name=entry.text)


def tcp(mesh: Mesh) -> Iterator[Finding]:
    for spec in mesh.virtual_services:
        for route in spec.each("tcp"):
            for match in route.each("match"):
                yield from _layer_four(match)
            yield from _tail(route)


def tls(mesh: Mesh) -> Iterator[Finding]:
    for spec in mesh.virtual_services:
        hosts = [host.text for host in spec.texts("hosts")]
        for route in spec.each("tls"):
            yield from values.required(route, "match")
            for match in route.each("match"):
                yield from values.required(match, "sniHosts")
                for sni in match.texts("sniHosts"):
                    if not strings.is_host(sni.text):
                        if not is_address(sni.text) and not sni.text.startswith("outbound_"):
                            yield sni.finding("MP0220", host=sni.text)
                    elif not any(covered(sni.text, host) for host in hosts):
                        yield sni.finding("MP0241", sni=sni.text, hosts=", ".join(hosts))
                yield from _layer_four(match)
            yield from _tail(route)


def _layer_four(match: Node) -> Iterator[Finding]:
    for subnet in match.texts("destinationSubnets"):
        address, slash, bits = subnet.text.partition("/")
        if not is_address(address) or (slash and not _are_bits(address, bits)):
            yield subnet.finding("MP0220", host=subnet.text)
    yield from match_of_any_kind(match)


def _are_bits(address: str, bits: str) -> bool:
    return bits.isdecimal() and int(bits[:3]) <= ipaddress.ip_address(address).max_prefixlen


def _tail(route: Node) -> Iterator[Finding]:
    yield from values.required(route, "route")
    yield from weighted(route)
