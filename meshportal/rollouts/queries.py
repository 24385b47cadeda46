"""Reading rollouts: for pages, the board and the API."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Namespaces
from meshportal.changes.queries import visible_changes
from meshportal.clusters.models import Cluster
from meshportal.mesh.rollouts import phases
from meshportal.rollouts.models import OVER, Look, Rollout, Shift

ACTIVE = sorted(str(phase) for phase in phases.ACTIVE)


def visible_rollouts(person: Person) -> QuerySet[Rollout]:
    """Every rollout in the scope of `person`, newest first."""
    return Rollout.objects.filter(change__in=visible_changes(person).values("pk")).select_related("cluster", "change__author")


def rollout_for(person: Person, pk: int) -> Rollout | None:
    """One rollout, or None where it does not exist in the scope of `person`."""
    return visible_rollouts(person).filter(pk=pk).first()


def active_rollouts(cluster: Cluster, visible: Namespaces | None = None) -> list[Rollout]:
    """Rollouts of a mesh that are under way, newest first; with `visible` only those of these namespaces."""
    rows = Rollout.objects.filter(cluster=cluster).exclude(phase__in=OVER).select_related("cluster", "change__author")
    if visible is not None and not visible.everything:
        rows = rows.filter(namespace__in=visible.names)
    return list(rows)


def rollout_of(cluster: Cluster, namespace: str, service: str) -> Rollout | None:
    """The rollout of a host: the one under way, else the last."""
    rows = Rollout.objects.filter(cluster=cluster, namespace=namespace, service=service).select_related(
        "cluster", "change__author"
    )
    return rows.exclude(phase__in=OVER).first() or rows.first()


def looks_at(rollout: Rollout, step: int) -> list[Look]:
    """The looks of one step, oldest first."""
    return list(rollout.looks.filter(step=step))


def intended(rollout: Rollout) -> Shift | None:
    """The write that was announced and of which nothing more is known."""
    return rollout.shifts.filter(state=Shift.State.INTENDED).order_by("-id").first()


def active() -> Q:
    return Q(phase__in=ACTIVE)
