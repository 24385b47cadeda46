"""One question, asked everywhere: may this person do this there? No answer means no."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import AnonymousUser

from meshportal.accounts.models import Person, Role, RoleBinding


class Verb(StrEnum):
    VIEW = "view"
    OPERATE = "operate"  # draft, submit and withdraw changes
    APPROVE = "approve"
    RESPOND = "respond"  # acknowledge, pause, abort, revert
    ADMINISTER = "administer"


MAY: dict[str, frozenset[Verb]] = {
    Role.VIEWER: frozenset({Verb.VIEW}),
    Role.OPERATOR: frozenset({Verb.VIEW, Verb.OPERATE}),
    Role.APPROVER: frozenset({Verb.VIEW, Verb.APPROVE}),
    Role.RESPONDER: frozenset({Verb.VIEW, Verb.RESPOND}),
    Role.ADMIN: frozenset({Verb.VIEW, Verb.ADMINISTER}),
}


@dataclass(frozen=True)
class Scope:
    """A place in the meshes: one namespace of one cluster."""

    cluster: str
    namespace: str


@dataclass(frozen=True)
class Namespaces:
    """The namespaces of one cluster that somebody may see: all of them, or those named."""

    everything: bool
    names: frozenset[str]

    def __contains__(self, namespace: object) -> bool:
        return self.everything or namespace in self.names

    def __bool__(self) -> bool:
        return self.everything or bool(self.names)

    @property
    def key(self) -> str:
        """Equal for two people exactly when they see the same."""
        return "*" if self.everything else ",".join(sorted(self.names))


def bindings_of(person: Person) -> list[RoleBinding]:
    """The bindings of `person`, asked once per object: a page with many `can` costs one query."""
    cached: list[RoleBinding] | None = getattr(person, "_bindings", None)
    if cached is None:
        cached = list(RoleBinding.objects.filter(person=person)) if person.is_active else []
        person._bindings = cached  # type: ignore[attr-defined]  # a cache that lives as long as the request's person
    return cached


def can(person: Person | AnonymousUser, verb: Verb, scope: Scope) -> bool:
    """Whether `person` may `verb` in `scope`. Default deny; Django's superuser flag gives nothing here."""
    if not isinstance(person, Person):
        return False
    return any(
        verb in MAY[binding.role] and binding.cluster in {"", scope.cluster} and binding.namespace in {"", scope.namespace}
        for binding in bindings_of(person)
    )


def visible_namespaces(person: Person, cluster: str) -> Namespaces:
    """What `person` sees of `cluster`. Every role includes seeing."""
    mine = [binding for binding in bindings_of(person) if binding.cluster in {"", cluster}]
    if any(binding.namespace == "" for binding in mine):
        return Namespaces(True, frozenset())
    return Namespaces(False, frozenset(binding.namespace for binding in mine))


def people_who_can(verb: Verb, scope: Scope) -> list[Person]:
    """Active people who may `verb` in `scope`, by name."""
    roles: Iterable[str] = [role for role, verbs in MAY.items() if verb in verbs]
    return list(
        Person.objects.filter(
            is_active=True,
            bindings__role__in=roles,
            bindings__cluster__in=["", scope.cluster],
            bindings__namespace__in=["", scope.namespace],
        )
        .distinct()
        .order_by("username")
    )
