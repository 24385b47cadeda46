"""Every rule, in the order in which it is asked."""

from __future__ import annotations

from meshportal.mesh.findings import Finding
from meshportal.mesh.rules import references
from meshportal.mesh.rules.table import CODES
from meshportal.mesh.rules.view import Mesh


def inventory(mesh: Mesh) -> list[Finding]:
    """MP0200: said once, instead of guessing what is not there."""
    return [] if mesh.whole else [Finding("MP0200", CODES["MP0200"].severity)]


RULES = (
    inventory,
    references.hosts,
    references.ports,
    references.subsets,
    references.gateways,
    references.exports,
)
