"""Every host that a mesh's gateways answer, as far as somebody may see it, with who set it."""

from __future__ import annotations

from dataclasses import dataclass

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Namespaces, Scope, Verb, can, visible_namespaces
from meshportal.catalog import queries
from meshportal.changes.models import ChangeRequest
from meshportal.changes.queries import visible_changes
from meshportal.clusters.models import Cluster
from meshportal.mesh.gateways.exposed import Exposed, exposed
from meshportal.mesh.refs import ServiceRef


@dataclass(frozen=True)
class HostRow:
    """One host, port and path. `services` are those of its targets that the reader may see, `hidden` how many others there are;
    `change` is the portal's change that set it last, where the reader may see it; `editable` those they may change here."""

    found: Exposed
    services: tuple[ServiceRef, ...]
    hidden: int
    change: ChangeRequest | None
    editable: tuple[ServiceRef, ...]

    @property
    def path(self) -> str:
        """The path as people write it: /api*; "" where paths play no part."""
        ends = {"prefix": f"{self.found.path}*", "any": "/*", "exact": self.found.path, "regex": f"~ {self.found.path}"}
        return ends.get(self.found.how, "")


def host_rows(cluster: Cluster, person: Person) -> list[HostRow]:
    """What `person` may see: hosts that lead to a service of theirs, or whose VirtualService or unused Gateway is theirs."""
    visible = visible_namespaces(person, cluster.name)
    found = [one for one in exposed(queries.facts(cluster)) if _seen(one, visible)]
    numbers = {one.author.change for one in found if one.author and one.author.change is not None}
    mine = visible_changes(person).filter(cluster=cluster, pk__in=numbers) if numbers else []
    changes = {change.pk: change for change in mine}
    return [_row(one, cluster, person, visible, changes) for one in found]


def _seen(one: Exposed, visible: Namespaces) -> bool:
    if any(service.namespace in visible for service in one.services):
        return True
    holder = one.virtual_service or one.gateway
    return holder.namespace in visible


def _row(one: Exposed, cluster: Cluster, person: Person, visible: Namespaces, changes: dict[int, ChangeRequest]) -> HostRow:
    services = tuple(service for service in one.services if service.namespace in visible)
    number = one.author.change if one.author else None
    return HostRow(
        found=one,
        services=services,
        hidden=len(one.services) - len(services),
        change=changes.get(number) if number is not None else None,
        editable=tuple(service for service in services if can(person, Verb.OPERATE, Scope(cluster.name, service.namespace))),
    )
