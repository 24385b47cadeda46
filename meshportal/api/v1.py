"""The REST API, version 1: one OpenAPI document over the same services as the pages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from meshportal.api import changes, findings, halting, hosts, policies, rollouts, runbooks, signals
from meshportal.api.auth import BearerToken
from meshportal.changes.services import IllegalTransition, Invalid, Refused, Stale

api = NinjaAPI(
    title="MeshPortal",
    version="1",
    description="Everything the pages do for service owners, for pipelines. Tokens come from `manage.py token`.",
    auth=BearerToken(),
    urls_namespace="api",
    docs_url=None,
)
api.add_router("", signals.router)
api.add_router("", findings.router)
# before changes: its address would read “preview” as a number
api.add_router("", policies.router)
api.add_router("", runbooks.router)
api.add_router("", hosts.router)
api.add_router("", changes.router)
api.add_router("", rollouts.router)
api.add_router("", halting.router)


def urlpatterns() -> tuple[list[URLPattern | URLResolver], str, str]:
    """The API's addresses for `path(...)`. The token is its sign-in, so the page for people must not get in between."""
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            pattern.callback = login_not_required(pattern.callback)
    return patterns, app_name, str(namespace)


def _answer(request: HttpRequest, status: int, message: str, problems: list[dict[str, str]] | None = None) -> HttpResponse:
    body: dict[str, Any] = {"message": message}
    if problems is not None:
        body["problems"] = problems
    return api.create_response(request, body, status=status)


@api.exception_handler(AuthenticationError)
def unauthenticated(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    response = _answer(request, 401, "A valid token is needed: send “Authorization: Bearer TOKEN”.")
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(Http404)
def not_found(request: HttpRequest, _error: Http404) -> HttpResponse:
    return _answer(request, 404, "There is nothing of that name in your scope.")


@api.exception_handler(Refused)
def refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return _answer(request, 403, str(error))


@api.exception_handler(Invalid)
def invalid(request: HttpRequest, error: Invalid) -> HttpResponse:
    problems = [{"field": problem.field, "message": problem.sentence} for problem in error.problems]
    return _answer(request, 422, "What was sent cannot be used.", problems)


@api.exception_handler(Stale)
def stale(request: HttpRequest, error: Stale) -> HttpResponse:
    message = "The mesh has changed since you read it. Read it again; `base` is what is live now."
    return api.create_response(request, {"message": message, "base": error.proposal.base}, status=409)


@api.exception_handler(IllegalTransition)
def conflict(request: HttpRequest, error: IllegalTransition) -> HttpResponse:
    return _answer(request, 409, str(error))


@api.exception_handler(ValidationError)
def malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    problems = [
        {"field": ".".join(str(part) for part in item["loc"][1:] if part != "payload"), "message": str(item["msg"])}
        for item in error.errors
    ]
    return _answer(request, 422, "What was sent cannot be used.", problems)


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _answer(request, error.status_code, str(error))
