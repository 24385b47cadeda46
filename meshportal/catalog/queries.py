"""The read side of the catalog for pages: one query each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from meshportal.accounts.permissions import Namespaces
from meshportal.catalog.models import Heartbeat, Inventory, LiveObject, Trail
from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.clusters.models import Cluster
from meshportal.mesh import totals
from meshportal.mesh import trail as trails
from meshportal.mesh.facts import Facts
from meshportal.mesh.hosts import routes_in_mesh, rules_service
from meshportal.mesh.refs import DESTINATION_RULE, ISTIO_KINDS, ROUTING_KINDS, VIRTUAL_SERVICE, Kind, Manifest, ServiceRef
from meshportal.mesh.snapshot import NamespaceNow, Snapshot
from meshportal.mesh.stock import Stock
from meshportal.mesh.versions import oldest

WORKER = "worker"


def latest(cluster: Cluster, visible: Namespaces | None = None) -> Snapshot | None:
    """What the observer last saw of `cluster`, None before its first look. With `visible`: only what comes from those
    namespaces, the numbers of the mesh recomputed from them."""
    body = SnapshotRow.objects.filter(cluster=cluster).values_list("body", flat=True).first()
    snapshot = readable(body) if body is not None else None
    if snapshot is None or visible is None or visible.everything:
        return snapshot
    return totals.visible(snapshot, visible)


def readable(body: dict[str, Any]) -> Snapshot | None:
    """The Snapshot in a row; None for one that another version of the portal wrote, until the observer replaces it."""
    try:
        return Snapshot.from_json(body)
    except (KeyError, TypeError, ValueError):
        return None


def trail(cluster: Cluster, visible: Namespaces | None = None) -> trails.Stored:
    """The last hour of `cluster` by service (see `mesh.trail`), empty before the first minute. `visible` as for `latest`."""
    body: trails.Stored = Trail.objects.filter(cluster=cluster).values_list("body", flat=True).first() or {}
    if visible is None or visible.everything:
        return body
    return trails.visible(body, visible)


def live_object(cluster: Cluster, kind: Kind | str, namespace: str, name: str) -> LiveObject | None:
    """One of Istio's objects as last seen. `namespace` is "" for cluster-scoped kinds."""
    named = kind if isinstance(kind, str) else kind.kind
    return LiveObject.objects.filter(cluster=cluster, kind=named, namespace=namespace, name=name).first()


def live_objects_for_service(cluster: Cluster, namespace: str, service: str) -> tuple[list[Manifest], list[Manifest]]:
    """(VirtualServices that route the service inside the mesh, DestinationRules for it), from any namespace, sorted."""
    ref = ServiceRef(namespace, service)
    kinds = [VIRTUAL_SERVICE.kind, DESTINATION_RULE.kind]
    rows = LiveObject.objects.filter(cluster=cluster, kind__in=kinds).order_by("namespace", "name")
    found: tuple[list[Manifest], list[Manifest]] = ([], [])
    for kind, manifest in rows.values_list("kind", "manifest"):
        if kind == VIRTUAL_SERVICE.kind and routes_in_mesh(manifest, ref):
            found[0].append(manifest)
        elif kind == DESTINATION_RULE.kind and rules_service(manifest, ref):
            found[1].append(manifest)
    return found


def facts(cluster: Cluster) -> Facts:
    """What rules and forms know of the mesh of `cluster`: everything, whoever asks, for a rule that saw less would say less.

    Not `whole` without an inventory, or where one of the kinds that route is not seen: what is named may be there all the same.
    """
    rows = LiveObject.objects.filter(cluster=cluster, kind__in=[kind.kind for kind in ISTIO_KINDS])
    objects = tuple(rows.order_by("kind", "namespace", "name").values_list("manifest", flat=True))
    known = stock(cluster)
    seen = known or Stock()
    return Facts(
        objects=objects,
        services=seen.services,
        pods=seen.pods,
        namespaces=frozenset(seen.namespaces),
        istio_version=oldest(cluster.istio_version),
        root_namespace=seen.root_namespace or Facts.root_namespace,
        whole=known is not None and not {kind.kind for kind in ROUTING_KINDS} & set(seen.unseen),
    )


def stock(cluster: Cluster) -> Stock | None:
    """What runs in `cluster`; None before an observer has seen it, or where another version of the portal wrote the row."""
    body = Inventory.objects.filter(cluster=cluster).values_list("body", flat=True).first()
    try:
        return Stock.from_json(body) if body is not None else None
    except (KeyError, TypeError, ValueError):
        return None


def worker_heartbeat() -> datetime | None:
    """When a worker last said that it lives."""
    return Heartbeat.objects.filter(name=WORKER).values_list("at", flat=True).first()


def namespaces(cluster: Cluster, visible: Namespaces | None = None) -> tuple[NamespaceNow, ...]:
    """The namespaces of `cluster` as last seen, by name."""
    snapshot = latest(cluster, visible)
    return snapshot.namespaces if snapshot else ()
