"""What is live around a service, from the catalog's rows: where every form of this folder starts."""

from __future__ import annotations

from dataclasses import dataclass

from meshportal.catalog import queries
from meshportal.changes.kinds import Subject, SubjectUnknown
from meshportal.mesh.facts import Facts
from meshportal.mesh.hosts import routes_in_mesh, rules_service
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ServiceRef
from meshportal.mesh.snapshot import ServiceNow


@dataclass(frozen=True)
class Live:
    """One service as last seen: the objects that steer it inside the mesh, all facts of its mesh, and its numbers.

    `virtual_services` route it for sidecars, `destination_rules` are for exactly its host; both from any namespace, sorted.
    """

    service: ServiceRef
    facts: Facts
    virtual_services: tuple[Manifest, ...]
    destination_rules: tuple[Manifest, ...]
    now: ServiceNow

    @property
    def per_second(self) -> float | None:
        """Requests a second, None where nobody knows."""
        return self.now.per_second


def live_of(subject: Subject) -> Live:
    """What the observer last saw of one service. Raises SubjectUnknown."""
    snapshot = queries.latest(subject.cluster)
    now = snapshot.service(subject.namespace, subject.service) if snapshot else None
    if now is None:
        raise SubjectUnknown(f"{subject.namespace}/{subject.service}")
    facts, service = queries.facts(subject.cluster), ServiceRef(subject.namespace, subject.service)
    return Live(
        service=service,
        facts=facts,
        virtual_services=tuple(found for found in facts.of(VIRTUAL_SERVICE) if routes_in_mesh(found, service)),
        destination_rules=tuple(found for found in facts.of(DESTINATION_RULE) if rules_service(found, service)),
        now=now,
    )
