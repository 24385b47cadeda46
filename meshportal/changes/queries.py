"""Reading changes: for pages, the board and the API."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import MAY, Namespaces, Scope, Verb, bindings_of, people_who_can
from meshportal.changes.models import ChangeRequest, Item, Review, Revision, Status
from meshportal.clusters.models import Cluster
from meshportal.mesh.plans import Plan, PlanItem
from meshportal.mesh.refs import KINDS, ResourceRef


def visible_changes(person: Person) -> QuerySet[ChangeRequest]:
    """Every change in the scope of `person`, newest first."""
    return ChangeRequest.objects.filter(_in_scope(person, Verb.VIEW)).select_related("cluster", "author")


def _in_scope(person: Person, verb: Verb) -> Q:
    allowed = Q(pk__in=[])
    for binding in bindings_of(person):
        if verb in MAY[binding.role]:
            here = Q()
            if binding.cluster:
                here &= Q(cluster__name=binding.cluster)
            if binding.namespace:
                here &= Q(namespace=binding.namespace)
            # Q() alone matches everything, and `allowed | Q()` would drop it
            allowed |= here if here else Q(pk__isnull=False)
    return allowed


def waiting_for(person: Person) -> QuerySet[ChangeRequest]:
    """Changes that wait for a decision which `person` may take and has not taken."""
    return (
        visible_changes(person)
        .filter(_in_scope(person, Verb.APPROVE), status=Status.IN_REVIEW)
        .exclude(revisions__author=person)
        .exclude(author=person)
        .exclude(pk__in=Review.objects.filter(reviewer=person, voided_at=None).values("change"))
    )


def change_for(person: Person, pk: int) -> ChangeRequest | None:
    """A change with its revisions, items, writes and reviews, or None where it does not exist in the scope of `person`."""
    return visible_changes(person).prefetch_related(*WHOLE).filter(pk=pk).first()


WHOLE = (
    Prefetch("revisions", Revision.objects.select_related("author")),
    Prefetch("revisions__items", Item.objects.prefetch_related("writes")),
    Prefetch("reviews", Review.objects.select_related("reviewer")),
)


def current_revision(change: ChangeRequest) -> Revision:
    """The newest revision: what is asked now."""
    return next(revision for revision in change.revisions.all() if revision.number == change.revision)


def scopes_of(change: ChangeRequest) -> list[Scope]:
    """Where a change has effect: its own namespace first, then those of the objects that it writes."""
    written = {item.namespace for item in current_revision(change).items.all() if item.outcome != Item.Outcome.UNTOUCHED}
    return [Scope(change.cluster.name, namespace) for namespace in (change.namespace, *sorted(written - {change.namespace}))]


def approvers_of(change: ChangeRequest) -> list[Person]:
    """Active people who may approve everywhere the change has effect, by name."""
    first, *others = [people_who_can(Verb.APPROVE, scope) for scope in scopes_of(change)]
    return [person for person in first if all(person in also for also in others)]


def plan_item(item: Item) -> PlanItem:
    """A row as a value."""
    ref = ResourceRef(KINDS[item.kind], item.namespace, item.name)
    return PlanItem(ref, item.before, item.after, tuple(tuple(path) for path in item.fields))


def plan_of(revision: Revision) -> Plan:
    return Plan(tuple(plan_item(item) for item in revision.items.all()))


def recent_changes(cluster: Cluster, namespaces: Namespaces, since: datetime) -> list[ChangeRequest]:
    """Changes whose status moved since then and that somebody with these namespaces may see, newest first. Drafts are private."""
    rows = ChangeRequest.objects.filter(cluster=cluster, status_since__gte=since).exclude(status=Status.DRAFT)
    if not namespaces.everything:
        rows = rows.filter(namespace__in=namespaces.names)
    return list(rows.select_related("author", "cluster").order_by("-status_since")[:20])


def last_change_of(cluster: Cluster, namespace: str, service: str) -> ChangeRequest | None:
    """The change of this service that was applied last."""
    return (
        ChangeRequest.objects.filter(cluster=cluster, namespace=namespace, service=service, status=Status.APPLIED)
        .select_related("author", "cluster")
        .order_by("-applied_at")
        .first()
    )


def open_changes_of(cluster: Cluster, namespace: str, service: str) -> QuerySet[ChangeRequest]:
    """Changes of the same host that are under way: shown to authors and reviewers of each other."""
    under_way = [Status.IN_REVIEW, Status.APPROVED, Status.APPLYING, Status.WATCHING, Status.NEEDS_HUMAN]
    return ChangeRequest.objects.filter(cluster=cluster, namespace=namespace, service=service, status__in=under_way)
