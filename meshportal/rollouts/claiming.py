"""Taking canaries in hand: a lease and a higher epoch for each, so that two engines never work on the same one."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.models import F, Q

from meshportal.catalog.models import LiveObject
from meshportal.mesh.refs import VIRTUAL_SERVICE
from meshportal.rollouts.drifting import News, news
from meshportal.rollouts.models import Rollout
from meshportal.rollouts.queries import active
from meshportal.rollouts.recording import Held, lease_from

log = structlog.get_logger(__name__)

AFTER_A_FAULT = 10.0


def claim(now: datetime) -> list[Held]:
    """Every canary that is due, the longest first, and those whose route somebody else has changed."""
    moved = _moved(now)
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    wanted = Q(next_due_at__lte=now) | Q(pk__in=moved)
    rows = Rollout.objects.filter(active(), free, wanted).order_by("next_due_at", "pk")
    if not rows.exists():
        return []  # a tick that finds nothing takes no lock
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(of=("self",), skip_locked=True)
        found = list(rows.select_related("cluster", "change__cluster"))
        taken = Rollout.objects.filter(active(), free, pk__in=[row.pk for row in found])
        taken.update(epoch=F("epoch") + 1, lease_until=lease_from(now))
    return [held for row in found if (held := _held(row, now)) is not None]


def _held(row: Rollout, now: datetime) -> Held | None:
    row.epoch += 1
    try:
        held = Held(row, row.wanted, due=row.next_due_at is not None and row.next_due_at <= now)
        _readable = held.state
        return held
    except (KeyError, TypeError, ValueError) as error:
        log.exception("a canary that cannot be read", rollout=row.label)
        mine = Rollout.objects.filter(pk=row.pk, epoch=row.epoch)
        mine.update(error=f"{type(error).__name__}: {error}"[:500], lease_until=None, next_due_at=_later(now))
        return None


def _later(now: datetime) -> datetime:
    return now + timedelta(seconds=AFTER_A_FAULT)


def _moved(now: datetime) -> list[int]:
    """Canaries whose route in the catalog is newer than what they last saw of it. Nobody is asked: rows are compared."""
    rows = {
        (row.cluster_id, row.route_namespace, row.route_name): row
        for row in Rollout.objects.filter(active(), next_due_at__gt=now, lease_until=None).exclude(route={})
    }
    if not rows:
        return []
    clusters = {cluster for cluster, _namespace, _name in rows}
    objects = LiveObject.objects.filter(kind=VIRTUAL_SERVICE.kind, cluster__in=clusters)
    versions = {
        (cluster, namespace, name): (version, pk)
        for pk, cluster, namespace, name, version in objects.values_list("pk", "cluster", "namespace", "name", "resource_version")
    }
    changed = {versions[key][1]: row for key, row in rows.items() if key in versions and versions[key][0] != row.route["version"]}
    gone = [row.pk for key, row in rows.items() if key not in versions and row.route["version"]]
    manifests = objects.filter(pk__in=changed).values_list("pk", "manifest")
    return gone + [changed[pk].pk for pk, manifest in manifests if news(changed[pk], manifest) is News.NEW]
