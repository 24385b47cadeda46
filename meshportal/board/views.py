"""The board: the page, and its live part for browsers that cannot hold a stream."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from meshportal.accounts.permissions import visible_namespaces
from meshportal.accounts.requests import PersonRequest
from meshportal.board.context import chrome_of
from meshportal.board.reading import read_board
from meshportal.board.scope import choose
from meshportal.clusters.models import Cluster
from meshportal.clusters.stopping import may_stop


@require_safe
def home(request: PersonRequest) -> HttpResponse:
    """How the mesh is, in one look."""
    chrome = chrome_of(request)
    choose(request, chrome.clusters)
    cluster = chrome.cluster
    if cluster is None:
        return no_mesh(request)
    board = read_board(cluster, visible_namespaces(request.user, cluster.name), chrome.now)
    context = {
        "cluster": cluster.name,
        "board": board,
        "now": chrome.now.timestamp(),
        "may_stop": may_stop(request.user, cluster),
    }
    page = render(request, "board/home.html", context | {"section": "board"})
    page["Cache-Control"] = "no-store"
    return page


@require_safe
def fragment(request: PersonRequest) -> HttpResponse:
    """The live part of the board of ?mesh=NAME. 304 without a render while it is the one that the browser has."""
    chrome = chrome_of(request)
    cluster = next((cluster for cluster in chrome.clusters if cluster.name == request.GET.get("mesh")), None)
    if cluster is None:
        raise Http404
    board = read_board(cluster, visible_namespaces(request.user, cluster.name), chrome.now)
    tag = f'"{board.version}"' if board else '"none"'
    if request.headers.get("If-None-Match") == tag:
        return kept_by_its_reader(HttpResponseNotModified(), tag)
    context = {
        "cluster": cluster.name,
        "board": board,
        "now": chrome.now.timestamp(),
        "may_stop": may_stop(request.user, cluster),
    }
    part = render(request, "board/_part.html", context)
    return kept_by_its_reader(part, tag)


def kept_by_its_reader(response: HttpResponse, tag: str) -> HttpResponse:
    """What one person sees is for no shared cache, and is asked again each time."""
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ("Cookie",))
    return response


def no_mesh(request: HttpRequest, section: str = "board") -> HttpResponse:
    """What to do when there is no mesh at all, or none for this person. Neither names a mesh."""
    any_mesh = Cluster.objects.exists()
    heading = _("You have no role in any mesh yet") if any_mesh else _("No mesh yet")
    return render(request, "board/empty.html", {"section": section, "any_mesh": any_mesh, "heading": heading})
