"""Freeze windows of a mesh, and the page that stops everything in it."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import visible_namespaces
from meshportal.accounts.requests import PersonRequest
from meshportal.audit.models import AuditEvent
from meshportal.clusters.freezing import add_window, frozen_until, may_freeze, next_window, remove_window
from meshportal.clusters.models import Cluster, FreezeWindow
from meshportal.clusters.queries import cluster_named
from meshportal.clusters.refusals import NotNow, Refused, Unusable
from meshportal.clusters.stopping import lift, may_stop, stop, stopped
from meshportal.web.htmx import SeeOther

PAGE = AuditEvent.Via.PAGE
FIELDS = ("name", "namespaces", "cron", "minutes")


@require_safe
def freeze(request: HttpRequest) -> HttpResponse:
    """The windows of the first mesh that the person sees. Raises Http404 where there is none."""
    person = _person(request)
    cluster = next((found for found in Cluster.objects.all() if visible_namespaces(person, found.name)), None)
    if cluster is None:
        raise Http404
    return SeeOther(reverse("settings:windows", args=[cluster.name]))


@require_http_methods(["GET", "POST"])
def windows(request: HttpRequest, cluster: str) -> HttpResponse:
    """The windows of one mesh, and a form for one more."""
    mesh = _mesh(request, cluster)
    if request.method != "POST":
        return _show(request, mesh)
    typed = {field: request.POST.get(field, "").strip() for field in FIELDS}
    minutes = typed["minutes"]
    try:
        window = add_window(
            mesh,
            name=typed["name"],
            namespaces=typed["namespaces"].replace(",", " ").split(),
            cron=typed["cron"],
            minutes=int(minutes) if minutes.isascii() and minutes.isdecimal() and len(minutes) < 7 else 0,
            by=_person(request),
            via=PAGE,
            now=timezone.now(),
        )
    except Refused as error:
        return _show(request, mesh, typed, {"": str(error)}, status=403)
    except Unusable as error:
        return _show(request, mesh, typed, error.problems, status=422)
    messages.success(request, _("%(name)s freezes this mesh from now on.") % {"name": window.name})
    return SeeOther(reverse("settings:windows", args=[mesh.name]))


@require_POST
def remove(request: HttpRequest, cluster: str, pk: int) -> HttpResponse:
    mesh = _mesh(request, cluster)
    window = get_object_or_404(_seen(request, mesh), pk=pk)
    try:
        remove_window(window, by=_person(request), via=PAGE, now=timezone.now())
    except Refused as error:
        return _show(request, mesh, wrong={"": str(error)}, status=403)
    messages.success(request, _("%(name)s freezes nothing any more.") % {"name": window.name})
    return SeeOther(reverse("settings:windows", args=[mesh.name]))


@require_http_methods(["GET", "POST"])
def stop_everything(request: HttpRequest, cluster: str) -> HttpResponse:
    """What stopping does, and the act itself."""
    mesh, person = _mesh(request, cluster), _person(request)
    if request.method != "POST":
        return _ask(request, mesh)
    reason = request.POST.get("reason", "")
    try:
        stop(mesh, reason=reason, by=person, via=PAGE, now=timezone.now())
    except Refused as error:
        return _ask(request, mesh, {"": str(error)}, status=403)
    except NotNow as error:
        return _ask(request, mesh, {"": str(error)}, status=409)
    except Unusable as error:
        return _ask(request, mesh, error.problems, status=422)
    return SeeOther(f"{reverse('board:home')}?mesh={mesh.name}")


@require_POST
def lift_stop(request: HttpRequest, cluster: str) -> HttpResponse:
    mesh = _mesh(request, cluster)
    try:
        lift(mesh, by=_person(request), via=PAGE, now=timezone.now())
    except Refused as error:
        return _ask(request, mesh, {"": str(error)}, status=403)
    except NotNow as error:
        return _ask(request, mesh, {"": str(error)}, status=409)
    return SeeOther(f"{reverse('board:home')}?mesh={mesh.name}")


def _person(request: HttpRequest) -> Person:
    return cast(PersonRequest, request).user


def _mesh(request: HttpRequest, name: str) -> Cluster:
    """Raises Http404 for a mesh that is not there for this person."""
    cluster = cluster_named(name)
    if cluster is None or not visible_namespaces(_person(request), name):
        raise Http404
    return cluster


def _seen(request: HttpRequest, mesh: Cluster) -> Any:
    """The windows that concern a namespace the person sees."""
    visible = visible_namespaces(_person(request), mesh.name)
    rows = FreezeWindow.objects.filter(cluster=mesh).select_related("created_by", "cluster")
    keys = [row.pk for row in rows if not row.namespaces or any(namespace in visible for namespace in row.namespaces)]
    return rows.filter(pk__in=keys)


def _show(
    request: HttpRequest,
    mesh: Cluster,
    typed: dict[str, str] | None = None,
    wrong: dict[str, str] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    person, now = _person(request), timezone.now()
    rows = [
        (row, frozen_until(row.cron, row.minutes, now), next_window(row.cron, now), may_freeze(person, mesh, row.namespaces))
        for row in _seen(request, mesh)
    ]
    context = {
        "section": "settings",
        "mesh": mesh,
        "rows": rows,
        "typed": typed or {"cron": "0 9 * * 1-5", "minutes": "60"},
        "errors": wrong or {},
        "may_add": may_freeze(person, mesh, []) or _administers_some(person, mesh),
        "zone": timezone.get_current_timezone_name(),
        "stop": stopped(mesh),
        "may_stop": may_stop(person, mesh),
        "now": now,
    }
    return render(request, "clusters/freeze.html", context, status=status)


def _administers_some(person: Person, mesh: Cluster) -> bool:
    names = visible_namespaces(person, mesh.name).names
    return any(may_freeze(person, mesh, [name]) for name in names)


def _ask(request: HttpRequest, mesh: Cluster, wrong: dict[str, str] | None = None, *, status: int = 200) -> HttpResponse:
    context = {
        "section": "board",
        "mesh": mesh,
        "stop": stopped(mesh),
        "may_stop": may_stop(_person(request), mesh),
        "errors": wrong or {},
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "clusters/stop.html", context, status=status)
