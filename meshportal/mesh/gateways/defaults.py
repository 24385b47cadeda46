"""What a new row starts from, on the page and over REST alike: what the mesh has already, where that is no question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.gateways.binding import TLS_PROTOCOLS, namespace_of, workloads
from meshportal.mesh.gateways.intent import HTTPS_PORT, REDIRECT_PORT
from meshportal.mesh.refs import GATEWAY, ServiceRef


def with_defaults(row: Mapping[str, Any], facts: Facts, service: ServiceRef) -> dict[str, Any]:
    """A new row with what it does not name: the only Gateway of the service's namespace or else of the mesh, the first ingress
    gateway, HTTP on port 80 or HTTPS on 443, and the service's port where it has one alone."""
    protocol = row.get("protocol", "HTTP")
    secure = str(protocol).strip().upper() in TLS_PROTOCOLS
    offered = workloads(facts)
    return {
        "gateway": _only_gateway(facts, service),
        "workload": offered[0].labels if offered else "",
        "protocol": protocol,
        "port": str(HTTPS_PORT if secure else REDIRECT_PORT),
        "tls_mode": "SIMPLE",
        "target_port": _only_port(facts, service),
        **row,
    }


def _only_gateway(facts: Facts, service: ServiceRef) -> str:
    everywhere = facts.of(GATEWAY)
    here = [gateway for gateway in everywhere if namespace_of(gateway) == service.namespace]
    found = here or everywhere
    return f"{namespace_of(found[0])}/{found[0]['metadata']['name']}" if len(found) == 1 else ""


def _only_port(facts: Facts, service: ServiceRef) -> str:
    known = facts.service(service)
    return str(known.ports[0].number) if known and len(known.ports) == 1 else ""
