"""Writes what was seen, all of a tick in one transaction that the lease fences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from meshportal.catalog.lease import Lease, renew
from meshportal.catalog.models import Inventory, LiveObject, Trail
from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.clusters.models import Cluster
from meshportal.mesh.refs import KINDS, Kind, Manifest, ResourceRef, Version, version_of
from meshportal.mesh.snapshot import Snapshot
from meshportal.mesh.stock import Stock
from meshportal.mesh.trail import Body

BATCH = 200


@dataclass(frozen=True)
class ObjectChanges:
    """What differs between Istio's objects as they are and their rows."""

    upsert: Mapping[ResourceRef, Manifest] = field(default_factory=dict)
    gone: frozenset[ResourceRef] = frozenset()


@dataclass(frozen=True)
class Record:
    """Everything one tick has to write. `trail`, `stock` and the releases are None where they stay as they are."""

    snapshot: Snapshot
    objects: ObjectChanges
    trail: Body | None = None
    stock: Stock | None = None
    istio_version: str | None = None
    kubernetes_version: str | None = None


def changes_between(written: Mapping[ResourceRef, Version], live: Mapping[Kind, Mapping[ResourceRef, Manifest]]) -> ObjectChanges:
    """What to write so that the rows are as `live`. Rows of a kind that is not in `live` stay: nothing is known of it."""
    upsert = {
        ref: manifest
        for objects in live.values()
        for ref, manifest in objects.items()
        if written.get(ref) != version_of(manifest)
    }
    return ObjectChanges(upsert, frozenset(ref for ref in written if ref.kind in live and ref not in live[ref.kind]))


def written_objects(cluster_id: int) -> dict[ResourceRef, Version]:
    """Which objects there are rows of, at which version."""
    rows = LiveObject.objects.filter(cluster_id=cluster_id, kind__in=KINDS)
    values = rows.values_list("kind", "namespace", "name", "uid", "resource_version")
    return {ResourceRef(KINDS[kind], namespace, name): Version(uid, version) for kind, namespace, name, uid, version in values}


def record(lease: Lease, what: Record, *, until: datetime) -> bool:
    """Write all of it, or nothing and False where the lease was taken over. Raises DatabaseError."""
    at = datetime.fromtimestamp(what.snapshot.taken_at, UTC)
    with transaction.atomic():
        if not renew(lease, until=until):
            return False
        values = {"version": what.snapshot.version, "observed_at": at, "body": storable(what.snapshot.to_json())}
        if not SnapshotRow.objects.filter(cluster_id=lease.cluster_id).update(**values):
            SnapshotRow.objects.create(cluster_id=lease.cluster_id, **values)
        if what.trail is not None:
            Trail.objects.update_or_create(cluster_id=lease.cluster_id, defaults={"observed_at": at, "body": what.trail})
        if what.stock is not None:
            values = {"observed_at": at, "body": storable(what.stock.to_json())}
            Inventory.objects.update_or_create(cluster_id=lease.cluster_id, defaults=values)
        _objects(lease.cluster_id, what.objects, at)
        _releases(lease.cluster_id, what)
    return True


def storable(value: Any) -> Any:
    """JSON without NUL characters: Kubernetes keeps them in annotations, PostgreSQL refuses them, and one must not blind us."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def _objects(cluster_id: int, changes: ObjectChanges, at: datetime) -> None:
    rows = [
        LiveObject(
            cluster_id=cluster_id,
            kind=ref.kind.kind,
            namespace=ref.namespace,
            name=ref.name,
            uid=version_of(manifest).uid,
            resource_version=version_of(manifest).resource_version,
            manifest=storable(manifest),
            observed_at=at,
        )
        for ref, manifest in changes.upsert.items()
    ]
    if rows:
        LiveObject.objects.bulk_create(
            rows,
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=["cluster", "kind", "namespace", "name"],
            update_fields=["uid", "resource_version", "manifest", "observed_at"],
        )
    for ref in changes.gone:
        LiveObject.objects.filter(cluster_id=cluster_id, kind=ref.kind.kind, namespace=ref.namespace, name=ref.name).delete()


def _releases(cluster_id: int, what: Record) -> None:
    values = {"istio_version": what.istio_version, "kubernetes_version": what.kubernetes_version}
    known = {name: value[:60] for name, value in values.items() if value is not None}
    if known:
        Cluster.objects.filter(pk=cluster_id).update(**known)
