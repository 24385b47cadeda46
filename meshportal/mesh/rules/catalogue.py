"""Every rule, in the order in which it is asked."""

from __future__ import annotations

from collections.abc import Iterator

from meshportal.mesh.findings import Finding
from meshportal.mesh.rules import (
    destinations,
    gateways,
    http,
    order,
    ownership,
    policies,
    references,
    routes,
    rules_of_hosts,
    servers,
    shadowed,
    unanswered,
    virtual_services,
)
from meshportal.mesh.rules.table import CODES
from meshportal.mesh.rules.view import Mesh


def inventory(mesh: Mesh) -> Iterator[Finding]:
    """MP0200: said once, instead of guessing what is not there."""
    if not mesh.whole:
        yield Finding("MP0200", CODES["MP0200"].severity)


RULES = (
    inventory,
    virtual_services.whole,
    http.routes,
    destinations.tcp,
    destinations.tls,
    policies.whole,
    servers.whole,
    references.hosts,
    references.ports,
    references.subsets,
    references.gateways,
    references.exports,
    routes.shared_hosts,
    routes.weights,
    routes.idle_subsets,
    routes.short_hosts,
    routes.retries,
    routes.protocols,
    routes.kinds_of_service,
    routes.visibility,
    routes.ingress,
    order.unreachable,
    shadowed.routes,
    unanswered.requests,
    rules_of_hosts.hosts,
    rules_of_hosts.shared,
    rules_of_hosts.subsets,
    rules_of_hosts.certificates,
    rules_of_hosts.places,
    rules_of_hosts.ports,
    rules_of_hosts.limits,
    gateways.selectors,
    gateways.conflicts,
    gateways.certificates,
    ownership.others,
)
