"""The page of the runbook for traffic that goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from meshportal.accounts.guards import require
from meshportal.accounts.permissions import Scope, Verb, can
from meshportal.accounts.requests import PersonRequest
from meshportal.changes.kinds import Subject, SubjectUnknown
from meshportal.clusters.models import Cluster
from meshportal.mesh.traffic_rules import FIELD_PREFIX
from meshportal.policies.runbooks.traffic import Offer, run

STALE_AFTER_PERIODS = 2


@require_safe
def traffic(request: HttpRequest, cluster: str, namespace: str, service: str) -> HttpResponse:
    """Every check with its evidence; each fix opens its form with everything filled in."""
    person = cast(PersonRequest, request).user
    require(person, Verb.VIEW, Scope(cluster, namespace))
    subject = Subject(get_object_or_404(Cluster, name=cluster), namespace, service)
    try:
        runbook = run(subject)
    except SubjectUnknown:
        raise Http404 from None
    now = timezone.now()
    old = now - runbook.observed_at > STALE_AFTER_PERIODS * timedelta(seconds=runbook.snapshot.period_seconds)
    place = [cluster, namespace, service]
    answers = [
        (answer, [(offer.words, reverse(f"policies:{offer.kind}", args=place), fields(offer)) for offer in answer.offers])
        for answer in runbook.answers
    ]
    context = {
        "section": "diagnostics",
        "subject": subject,
        "answers": answers,
        "observed_at": runbook.observed_at,
        "stale": old,
        "now": now,
        "may_operate": can(person, Verb.OPERATE, Scope(cluster, namespace)),
    }
    return render(request, "diagnostics/traffic.html", context)


def fields(offer: Offer) -> list[tuple[str, str]]:
    """The fields of the form that a fix fills in."""
    if offer.kind == "traffic":
        return [(f"{FIELD_PREFIX}{subset}", str(weight)) for subset, weight in offer.raw["weights"].items()]
    return list(flat(offer.raw))


def flat(raw: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as the fields of a page, their paths as names: what `policies.nesting.nest` takes apart again."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from flat(value, f"{path}.{key}" if path else key)
    elif isinstance(raw, list | tuple):
        yield path, ""
        for place, value in enumerate(raw):
            yield from flat(value, f"{path}[{place}]")
    elif isinstance(raw, bool):
        yield path, "true" if raw else ""
    else:
        yield path, "" if raw is None else str(raw)
