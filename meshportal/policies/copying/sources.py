"""Where a policy is copied from, and how that is written: {"mesh", "namespace", "service"}, on a page all three with slashes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Namespaces, Scope, Verb, can, visible_namespaces
from meshportal.catalog import queries
from meshportal.changes.kinds import Subject, SubjectUnknown
from meshportal.clusters.models import Cluster
from meshportal.clusters.queries import cluster_named
from meshportal.mesh.copying import Side
from meshportal.mesh.hosts import routes_in_mesh, rules_service
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ServiceRef
from meshportal.policies.live import live_of

KEYS = ("mesh", "namespace", "service")


def written(raw: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """(mesh, namespace, service) as sent, None where one of them is missing or no text."""
    given = raw.get("from")
    if not isinstance(given, Mapping):
        return None
    mesh, namespace, service = (given.get(key) for key in KEYS)
    if isinstance(mesh, str) and isinstance(namespace, str) and isinstance(service, str) and mesh and namespace and service:
        return mesh, namespace, service
    return None


def from_text(text: str) -> dict[str, str]:
    """What a page sends, as a pipeline would."""
    parts = text.split("/")
    return dict(zip(KEYS, parts if len(parts) == len(KEYS) else ("", "", ""), strict=True))


def as_text(raw: Mapping[str, Any]) -> str:
    """The inverse, "" for none."""
    return "/".join(written(raw) or ())


def side_of(raw: Mapping[str, Any]) -> Side | None:
    """The source that `raw` names, None where there is none. Whether somebody may see it is for the caller to ask."""
    given = written(raw)
    cluster = cluster_named(given[0]) if given else None
    if given is None or cluster is None:
        return None
    try:
        live = live_of(Subject(cluster, given[1], given[2]))
    except SubjectUnknown:
        return None
    return Side(live.service, live.facts)


def namespaces_in(raw: Mapping[str, Any]) -> list[str]:
    """The namespaces of the objects that `raw` names: a service's objects may live in any."""
    names = raw.get("objects")
    places = [str(name).partition(" ")[2] for name in names] if isinstance(names, list) else []
    return sorted({place.partition("/")[0] for place in places})


@dataclass(frozen=True)
class Visible:
    """A source as one person may see it."""

    side: Side
    objects: tuple[Manifest, ...]


def visible(raw: Mapping[str, Any], person: Person) -> Visible | None:
    """The source that `raw` names, None where there is none for `person`."""
    given = written(raw)
    if given is None or not can(person, Verb.VIEW, Scope(given[0], given[1])):
        return None
    side, namespaces = side_of(raw), visible_namespaces(person, given[0])
    if side is None:
        return None
    return Visible(side, tuple(one for one in side.objects() if one["metadata"].get("namespace", "") in namespaces))


def offered(person: Person, target: Subject) -> list[tuple[str, str]]:
    """Every service that has something to copy and that `person` may see: (mesh/namespace/service, words), the target's mesh
    first."""
    found: list[tuple[str, str]] = []
    for cluster in sorted(Cluster.objects.all(), key=lambda one: (one != target.cluster, one.name)):
        namespaces = visible_namespaces(person, cluster.name)
        for service in _with_policy(cluster, namespaces) if namespaces else []:
            if (cluster, service) != (target.cluster, ServiceRef(target.namespace, target.service)):
                text = f"{cluster.name}/{service.namespace}/{service.name}"
                found.append((text, text.replace("/", " / ")))
    return found


def _with_policy(cluster: Cluster, namespaces: Namespaces) -> list[ServiceRef]:
    snapshot = queries.latest(cluster, namespaces)
    if snapshot is None:
        return []
    facts = queries.facts(cluster)
    virtual_services, rules = facts.of(VIRTUAL_SERVICE), facts.of(DESTINATION_RULE)
    # hosts are compared by their first label before anything else: a mesh has many services and many objects
    first_labels = {str(host).partition(".")[0] for vs in virtual_services for host in (vs.get("spec") or {}).get("hosts") or []}
    first_labels |= {str((rule.get("spec") or {}).get("host", "")).partition(".")[0] for rule in rules}
    candidates = [ServiceRef(one.namespace, one.name) for one in snapshot.services if one.name in first_labels]
    return [
        ref
        for ref in sorted(candidates)
        if any(routes_in_mesh(vs, ref) for vs in virtual_services) or any(rules_service(rule, ref) for rule in rules)
    ]
