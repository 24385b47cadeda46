"""The audit page: what happened in one's scope, newest first, and whether the chain holds."""

from __future__ import annotations

from typing import cast

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from meshportal.accounts.models import Person, Role
from meshportal.accounts.permissions import bindings_of
from meshportal.accounts.requests import PersonRequest
from meshportal.audit.models import AuditEvent
from meshportal.audit.queries import filtered
from meshportal.audit.services import verify

PER_PAGE = 100


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Events of one's namespaces and one's own; an admin of everything also sees those that belong to no mesh."""
    person = cast(PersonRequest, request).user
    text = request.GET.get("q", "")[:200]
    events = filtered(AuditEvent.objects.filter(_visible(person)), text=text, subject=request.GET.get("subject", "")[:60])
    context = {
        "section": "audit",
        "page": Paginator(events, PER_PAGE).get_page(request.GET.get("page")),
        "q": text,
        "subject": request.GET.get("subject", ""),
        "verification": verify() if request.GET.get("verify") else None,
    }
    return render(request, "audit/list.html", context)


def _visible(person: Person) -> Q:
    seen = Q(actor_id=person.pk)
    for binding in bindings_of(person):
        if not binding.cluster and binding.role == Role.ADMIN:
            return Q(pk__isnull=False)
        here = Q(cluster=binding.cluster) if binding.cluster else ~Q(cluster="")
        seen |= here & Q(namespace=binding.namespace) if binding.namespace else here
    return seen
