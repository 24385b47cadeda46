"""The product's addresses, and some whose views fail in the ways that error pages are for."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from meshportal import urls
from meshportal.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

FAILURES: dict[str, Exception] = {
    "bad": BadRequest("The time range is not one of ours."),
    "forbidden": PermissionDenied(),
    "gone": Http404("There is no change CR-9."),
    "broken": RuntimeError("a secret of the inside"),
}


@login_not_required
def fail(request: HttpRequest, how: str) -> HttpResponse:
    raise FAILURES[how]


@login_not_required
def read_form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.POST)))


urlpatterns = [*urls.urlpatterns, path("fail/<how>/", fail), path("read-form/", read_form)]
