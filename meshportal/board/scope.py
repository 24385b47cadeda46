"""Which meshes somebody sees, and which one they look at."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import Http404, HttpRequest

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import visible_namespaces
from meshportal.clusters.models import Cluster

SESSION_KEY = "cluster"


def meshes_of(person: Person) -> list[Cluster]:
    """The meshes in which `person` has any role, by name."""
    return [cluster for cluster in Cluster.objects.all() if visible_namespaces(person, cluster.name)]


def mesh_of(request: HttpRequest, meshes: Sequence[Cluster]) -> Cluster | None:
    """The mesh that this session looks at: the one chosen last if it is still visible, else the first one."""
    chosen = request.session.get(SESSION_KEY)
    return next((mesh for mesh in meshes if mesh.name == chosen), meshes[0] if meshes else None)


def choose(request: HttpRequest, meshes: Sequence[Cluster]) -> None:
    """Follow ?mesh=NAME and remember it. Raises Http404 for a mesh that is not there for this person."""
    name = request.GET.get("mesh")
    if not name:
        return
    if name not in {mesh.name for mesh in meshes}:
        raise Http404
    if request.session.get(SESSION_KEY) != name:
        request.session[SESSION_KEY] = name
