"""What the rules say of a whole live mesh, as far as somebody may see it. Page and REST share it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.urls import NoReverseMatch, reverse

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Scope, Verb, can, visible_namespaces
from meshportal.catalog import queries
from meshportal.clusters.models import Cluster
from meshportal.mesh.facts import Facts
from meshportal.mesh.findings import Finding, Severity
from meshportal.mesh.refs import DESTINATION_RULE, GATEWAY, VIRTUAL_SERVICE, Kind, Manifest, ResourceRef, ServiceRef, ref_of
from meshportal.mesh.rules import analyse, concerning
from meshportal.mesh.snapshot import Snapshot
from meshportal.policies.findings import sentence
from meshportal.policies.freshness import is_stale

FORMS: Mapping[Kind, str] = {VIRTUAL_SERVICE: "routes", DESTINATION_RULE: "destination", GATEWAY: "gateway"}
"""The form that edits an object of each kind."""


@dataclass(frozen=True)
class Remark:
    """One finding in words. `ref` is None for one about the mesh; `resource_version` is that of the object it was found in.
    `service` is the one the object is for, None for none that is known; `form` is the address of the form that mends it, "" where
    the reader may not."""

    code: str
    severity: Severity
    sentence: str
    remedy: str
    ref: ResourceRef | None
    path: str
    resource_version: str
    service: ServiceRef | None
    form: str


@dataclass(frozen=True)
class Looked:
    """Worst first. `namespaces` are those that the remarks are about, before any filter. `observed_at` is None before an observer
    has looked, and then there are no remarks. `stale`: it has been silent for over two of its periods."""

    remarks: list[Remark]
    namespaces: list[str]
    observed_at: datetime | None
    stale: bool


def look(person: Person, cluster: Cluster, now: datetime, *, namespace: str = "", severity: str = "") -> Looked:
    """The rules over the catalog's rows as they are now; of objects in namespaces that `person` may see, narrowed if asked."""
    snapshot = queries.latest(cluster)
    if snapshot is None:
        return Looked([], [], None, stale=False)
    facts, visible = queries.facts(cluster), visible_namespaces(person, cluster.name)
    findings = concerning(analyse(facts), lambda name: name in visible)
    wanted = [
        finding
        for finding in findings
        if severity in ("", finding.severity)
        and (not namespace or (finding.ref is not None and finding.ref.namespace == namespace))
    ]
    at = datetime.fromtimestamp(snapshot.taken_at, UTC)
    return Looked(
        remarks=list(_remarks(person, cluster, facts, snapshot, wanted)),
        namespaces=sorted({finding.ref.namespace for finding in findings if finding.ref is not None}),
        observed_at=at,
        stale=is_stale(snapshot, now),
    )


def _remarks(person: Person, cluster: Cluster, facts: Facts, snapshot: Snapshot, findings: list[Finding]) -> Iterator[Remark]:
    objects = {ref_of(manifest): manifest for manifest in facts.objects}
    known = {ServiceRef(service.namespace, service.name) for service in snapshot.services}
    for finding in findings:
        said, remedy = sentence(finding)
        manifest = objects.get(finding.ref) if finding.ref else None
        service = _service(manifest, known, facts.domain) if manifest else None
        if service and not can(person, Verb.VIEW, Scope(cluster.name, service.namespace)):
            service = None
        yield Remark(
            code=finding.code,
            severity=finding.severity,
            sentence=said,
            remedy=remedy,
            ref=finding.ref,
            path=finding.path,
            resource_version=str(manifest["metadata"].get("resourceVersion", "")) if manifest else "",
            service=service,
            form=_form(person, cluster, finding.ref.kind, service) if finding.ref and service else "",
        )


def _form(person: Person, cluster: Cluster, kind: Kind, service: ServiceRef) -> str:
    if kind not in FORMS or not can(person, Verb.OPERATE, Scope(cluster.name, service.namespace)):
        return ""
    try:
        return reverse(f"policies:{FORMS[kind]}", args=[cluster.name, service.namespace, service.name])
    except NoReverseMatch:
        # a portal without this form
        return ""


def _service(manifest: Manifest, known: set[ServiceRef], domain: str) -> ServiceRef | None:
    """The service that an object is for: its host, else where its routes go."""
    namespace = manifest["metadata"].get("namespace", "")
    named = (_named(host, namespace, domain) for host in _hosts(manifest))
    return next((service for service in named if service in known), None)


def _hosts(manifest: Manifest) -> Iterator[str]:
    spec = manifest.get("spec")
    if not isinstance(spec, dict):
        return
    hosts = spec.get("hosts")
    routes = [entry for kind in ("http", "tcp", "tls") for entry in _maps(spec.get(kind))]
    places = [spec.get("host"), *(hosts if isinstance(hosts, list) else [])]
    for route in routes:
        places += [
            entry["destination"].get("host") for entry in _maps(route.get("route")) if isinstance(entry.get("destination"), dict)
        ]
    yield from (place for place in places if isinstance(place, str))


def _maps(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _named(host: str, namespace: str, domain: str) -> ServiceRef:
    """The service that `host` would name in an object of `namespace`."""
    parts = host.removesuffix(f".svc.{domain}").split(".")
    return ServiceRef(parts[1] if len(parts) == 2 else namespace, parts[0])
