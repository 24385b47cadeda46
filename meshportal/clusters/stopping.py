"""Stop everything: one act halts all applies and all weight increases in a mesh, never a rollback."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Scope, Verb, can
from meshportal.accounts.services import actor
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import record
from meshportal.clusters.models import Cluster, Stop
from meshportal.clusters.refusals import NotNow, Refused, Unusable, unkeepable

MAX_REASON = 2000


def stopped(cluster: Cluster) -> Stop | None:
    """The stop that holds in this mesh, None if nothing is stopped."""
    return Stop.objects.filter(cluster=cluster, lifted_at=None).select_related("by").first()


def may_stop(person: Person, cluster: Cluster) -> bool:
    """Whether `person` may stop and go on: a responder or an admin of the whole mesh."""
    return any(can(person, verb, Scope(cluster.name, "")) for verb in (Verb.RESPOND, Verb.ADMINISTER))


@transaction.atomic
def stop(cluster: Cluster, *, reason: str, by: Person, via: AuditEvent.Via, now: datetime) -> Stop:
    """Halt applies and weight increases from now on. Raises Refused, Unusable, NotNow when the mesh is stopped already."""
    _must(by, cluster)
    reason = _said(reason)
    try:
        with transaction.atomic():
            row = Stop.objects.create(cluster=cluster, by=by, reason=reason, at=now)
    except IntegrityError:
        raise NotNow(_("Everything in %(mesh)s is stopped already.") % {"mesh": cluster.name}) from None
    record(
        actor(by, via), "stop everything", f"cluster {cluster.name}", f"Stopped everything: {reason}", now=now,
        cluster=cluster.name,
    )  # fmt: skip
    return row


@transaction.atomic
def lift(cluster: Cluster, *, by: Person, via: AuditEvent.Via, now: datetime) -> Stop:
    """Let it go on. Every other guard is asked again before anything is written. Raises Refused, NotNow."""
    _must(by, cluster)
    row = stopped(cluster)
    if row is None or Stop.objects.filter(pk=row.pk, lifted_at=None).update(lifted_by=by, lifted_at=now) != 1:
        raise NotNow(_("Nothing is stopped in %(mesh)s.") % {"mesh": cluster.name})
    row.refresh_from_db()
    record(
        actor(by, via), "lift stop", f"cluster {cluster.name}", f"Let everything go on that {row.by.username} had stopped",
        now=now, cluster=cluster.name,
    )  # fmt: skip
    return row


def _must(person: Person, cluster: Cluster) -> None:
    if not may_stop(person, cluster):
        raise Refused(_("Only a responder or an admin of the whole mesh can stop everything or let it go on."))


def _said(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Unusable({"reason": _("Say why: everybody who waits will read it.")})
    if len(reason) > MAX_REASON or unkeepable(reason):
        raise Unusable({"reason": _("Use at most %(limit)d characters that can be kept.") % {"limit": MAX_REASON}})
    return reason
