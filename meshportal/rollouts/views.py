"""Canaries: the list, one with everything that moves, and an own page for each act that needs a reason."""

from __future__ import annotations

from typing import Any, cast

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from meshportal.accounts.requests import PersonRequest
from meshportal.changes.kinds import Subject, SubjectUnknown
from meshportal.changes.models import Review
from meshportal.changes.services import IllegalTransition, Invalid, Refused
from meshportal.mesh.traffic import pods_of
from meshportal.policies.traffic.live import traffic_live
from meshportal.rollouts.acts import ACTS, Act
from meshportal.rollouts.models import OVER, Phase, Rollout
from meshportal.rollouts.page import fingerprint, page_of, state_of
from meshportal.rollouts.queries import rollout_for, visible_rollouts
from meshportal.rollouts.services import allowed
from meshportal.web.htmx import SeeOther

PER_PAGE = 50
WHICH = ("active", "over")


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Everything in one's scope, what is under way first; narrowed by ?show=, ?namespace=, ?service=."""
    person = cast(PersonRequest, request).user
    show = request.GET.get("show", "")
    wanted = {key: request.GET.get(key, "").replace("\x00", "").strip() for key in ("namespace", "service")}
    rows = visible_rollouts(person)
    active = rows.exclude(phase__in=OVER).count()
    if show in WHICH:
        rows = rows.filter(phase__in=OVER) if show == "over" else rows.exclude(phase__in=OVER)
    for key, value in wanted.items():
        if value:
            rows = rows.filter(**{key: value})
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    listed = [(row, row.wanted, state_of(row)) for row in page]
    context = {"section": "rollouts", "page": page, "listed": listed, "show": show, "active": active, **wanted}
    return render(request, "rollouts/list.html", context)


@require_safe
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "rollouts/detail.html", _context(request, _rollout(request, pk)))


@require_safe
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """The parts of the page that move. 204 while nothing has; `seen` is the fingerprint the browser has."""
    rollout = _rollout(request, pk)
    person = cast(PersonRequest, request).user
    if request.GET.get("seen") == fingerprint(rollout, sorted(allowed(rollout, person)), timezone.now()):
        return HttpResponse(status=204)
    return render(request, "rollouts/_live.html", _context(request, rollout) | {"oob": True})


@require_http_methods(["GET", "POST"])
def act(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """What one act does and needs, and the act itself. Raises Http404 for a verb that is none."""
    rollout = _rollout(request, pk)
    if verb not in ACTS:
        raise Http404
    return _do(request, rollout, ACTS[verb]) if request.method == "POST" else _ask(request, rollout, ACTS[verb])


def _do(request: HttpRequest, rollout: Rollout, wanted: Act) -> HttpResponse:
    person = cast(PersonRequest, request).user
    try:
        wanted.do(rollout, request.POST, by=person, now=timezone.now())
    except Refused as error:
        return _ask(request, rollout, wanted, {"": str(error)}, status=403)
    except IllegalTransition as error:
        return _ask(request, rollout, wanted, {"": str(error)}, status=409)
    except Invalid as error:
        return _ask(request, rollout, wanted, {found.field: found.sentence for found in error.problems}, status=422)
    return SeeOther(reverse("rollouts:detail", args=[rollout.pk]))


def _ask(
    request: HttpRequest, rollout: Rollout, wanted: Act, wrong: dict[str, str] | None = None, *, status: int = 200
) -> HttpResponse:
    rollout.refresh_from_db()
    context = {
        "section": "rollouts",
        "rollout": rollout,
        "spec": rollout.wanted,
        "act": wanted,
        "sentences": wanted.sentences(rollout),
        "step": wanted.step_of(rollout),
        "errors": wrong or {},
        "reason": request.POST.get("reason", ""),
        "weight": request.POST.get("weight", ""),
        "may": wanted.verb in allowed(rollout, cast(PersonRequest, request).user),
    }
    return render(request, "rollouts/act.html", context, status=status)


def _rollout(request: HttpRequest, pk: int) -> Rollout:
    rollout = rollout_for(cast(PersonRequest, request).user, pk) if pk < 2**63 else None
    if rollout is None:
        raise Http404
    return rollout


def _context(request: HttpRequest, rollout: Rollout) -> dict[str, Any]:
    person, now = cast(PersonRequest, request).user, timezone.now()
    per_second, pods = _around(rollout)
    may = allowed(rollout, person)
    approvals = rollout.change.reviews.filter(decision=Review.Decision.APPROVE, voided_at=None).select_related("reviewer")
    return {
        "section": "rollouts",
        "rollout": rollout,
        "spec": rollout.wanted,
        "page": page_of(rollout, per_second, pods, now),
        "acts": [found for verb, found in ACTS.items() if verb in may],
        "approvers": [review.reviewer for review in approvals],
        "moving": not rollout.is_over,
        "baking": rollout.phase == Phase.BAKING,
        "fingerprint": fingerprint(rollout, sorted(may), now),
        "now": now,
    }


def _around(rollout: Rollout) -> tuple[float | None, dict[str, str]]:
    """Requests a second to the service, and ready pods by subset in words; nothing where the catalog knows nothing."""
    try:
        live = traffic_live(Subject(rollout.cluster, rollout.namespace, rollout.service))
    except SubjectUnknown:
        return None, {}
    spec = rollout.wanted
    counts = {subset: pods_of(live, subset) for subset in (spec.baseline, spec.canary)}
    return live.per_second, {subset: f"{pods.ready} / {pods.total}" for subset, pods in counts.items() if pods.ready is not None}
