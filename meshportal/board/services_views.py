"""Services: the list, one service, and the parts of its page that are asked for again while somebody looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from meshportal.accounts.guards import require
from meshportal.accounts.permissions import Scope, Verb, can, visible_namespaces
from meshportal.accounts.requests import PersonRequest
from meshportal.board.canaries import canary_of
from meshportal.board.changed import changed_by, changes_of, line
from meshportal.board.context import chrome_of
from meshportal.board.history import WINDOWS, History, history_of, letters, marks
from meshportal.board.policies import policy_rows, subset_rows
from meshportal.board.scope import choose
from meshportal.board.services_page import Filter, header_facts, listed, looked, set_policies, set_routes, sync_line, version_rows
from meshportal.board.sources import chips, staleness
from meshportal.board.views import kept_by_its_reader, no_mesh
from meshportal.board.ways import ways_in
from meshportal.catalog import queries as catalog
from meshportal.catalog.services import ask_history
from meshportal.changes.models import ChangeRequest
from meshportal.clusters.models import Cluster
from meshportal.mesh.hosts import routes_in_mesh
from meshportal.mesh.refs import VIRTUAL_SERVICE, ServiceRef
from meshportal.mesh.snapshot import ServiceNow, Snapshot, State


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The services that the person may see, narrowed by text, namespace and state."""
    chrome = chrome_of(request)
    choose(request, chrome.clusters)
    cluster = chrome.cluster
    if cluster is None:
        return no_mesh(request, "services")
    person = cast(PersonRequest, request).user
    snapshot = catalog.latest(cluster, visible_namespaces(person, cluster.name))
    wanted = Filter.of(request.GET)
    context: dict[str, Any] = {
        "section": "services",
        "cluster": cluster.name,
        "snapshot": snapshot,
        "wanted": wanted,
        "states": list(State),
    }
    if snapshot is not None:
        now = chrome.now.timestamp()
        context |= {
            "services": listed(snapshot, wanted),
            "total": len(snapshot.services),
            "namespaces": sorted({service.namespace for service in snapshot.services}),
            "stale": staleness(now - snapshot.taken_at, snapshot.period_seconds),
            "now": now,
        }
    return render(request, "services/list.html", context)


@dataclass(frozen=True)
class Place:
    """One service as the observer last saw it, and what the portal did to it."""

    cluster: Cluster
    snapshot: Snapshot
    service: ServiceNow
    changes: list[ChangeRequest]


def place_of(request: HttpRequest, cluster: str, namespace: str, service: str) -> Place:
    """Raises Http404 alike for what the person may not see and for what is not there."""
    require(cast(PersonRequest, request).user, Verb.VIEW, Scope(cluster, namespace))
    mesh = get_object_or_404(Cluster, name=cluster)
    snapshot = catalog.latest(mesh)
    found = snapshot.service(namespace, service) if snapshot else None
    if snapshot is None or found is None:
        raise Http404
    return Place(mesh, snapshot, found, changes_of(mesh, namespace, service))


@require_safe
def detail(request: HttpRequest, cluster: str, namespace: str, service: str) -> HttpResponse:
    """One service, with its last hour."""
    place = place_of(request, cluster, namespace, service)
    minutes = minutes_of(request)
    context = live_context(request, place, minutes) | history_context(place, minutes)
    return render(request, "services/detail.html", context | {"section": "services"})


@require_safe
def fragment(request: HttpRequest, cluster: str, namespace: str, service: str) -> HttpResponse:
    """The live parts of the page, for its script. 304 while they are what the browser has."""
    place = place_of(request, cluster, namespace, service)
    context = live_context(request, place, minutes_of(request))
    tag = f'"{context["board"].version}"'
    if request.headers.get("If-None-Match") == tag:
        return kept_by_its_reader(HttpResponseNotModified(), tag)
    return kept_by_its_reader(render(request, "services/_parts.html", context), tag)


@require_safe
def history(request: HttpRequest, cluster: str, namespace: str, service: str) -> HttpResponse:
    """The charts. 204 while they are those that ?have= names."""
    place = place_of(request, cluster, namespace, service)
    context = history_context(place, minutes_of(request))
    if cast(History, context["history"]).version == request.GET.get("have"):
        return HttpResponse(status=204)
    return render(request, "services/_history.html", context)


def minutes_of(request: HttpRequest) -> int:
    """The length of the charts: one of WINDOWS, the longest for anything else."""
    asked = request.GET.get("minutes", "")
    return next((minutes for minutes in WINDOWS if str(minutes) == asked), WINDOWS[-1])


def live_context(request: HttpRequest, place: Place, minutes: int) -> dict[str, Any]:
    """What moves with every look of the observer and with every change."""
    now = timezone.now()
    service, cluster = place.service, place.cluster
    facts, ref = catalog.facts(cluster), ServiceRef(service.namespace, service.name)
    virtual_services = [found for found in facts.of(VIRTUAL_SERVICE) if routes_in_mesh(found, ref)]
    applied = {change.pk: found for change in place.changes if (found := changed_by(change)) is not None}
    may_operate = can(cast(PersonRequest, request).user, Verb.OPERATE, Scope(cluster.name, service.namespace))
    lines = [line(change) for change in place.changes]
    routes, subsets = set_routes(virtual_services, applied), subset_rows(facts, ref)
    policies, ways = set_policies(policy_rows(facts, ref), applied), ways_in(facts, ref, applied)
    canary = canary_of(cluster, service.namespace, service.name)
    silent = [chip for chip in chips(place.snapshot, now, now.timestamp()) if chip.state != State.OK]
    return {
        "board": looked(
            place.snapshot, now.timestamp(), (lines, routes, ways, policies, subsets, may_operate, silent, minutes, canary)
        ),
        "now": now.timestamp(),
        "cluster": cluster.name,
        "service": service,
        "window": place.snapshot.window_seconds,
        "facts": header_facts(service),
        "sync": sync_line(service, place.snapshot.source("syncz")),
        "versions": version_rows(service),
        "routes": routes,
        "ways": ways,
        "policies": policies,
        "subsets": subsets,
        "changes": lines,
        "canary": canary,
        "letters": letters(place.changes, marks(place.changes, now.timestamp() - minutes * 60)),
        "may_operate": may_operate,
        "silent": silent,
        "minutes": minutes,
        "windows": WINDOWS,
    }


def history_context(place: Place, minutes: int) -> dict[str, Any]:
    """The charts of the last `minutes`; asks the worker for newer ones where they are old."""
    now = timezone.now()
    service = place.service
    row = ask_history(place.cluster, service.namespace, service.name, minutes, now)
    return {
        "history": history_of(row, service, place.changes, now),
        "cluster": place.cluster.name,
        "service": service,
        "minutes": minutes,
        "now": now.timestamp(),
    }
