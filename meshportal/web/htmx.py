"""Requests and answers of htmx: what a page's view needs to serve both a whole page and a part of it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event
from django_htmx.middleware import HtmxDetails


class Request(HttpRequest):
    """A request as the middleware leaves it. `theme` is "light", "dark" or "" for the system's."""

    htmx: HtmxDetails
    theme: str


class SeeOther(HttpResponseRedirect):
    """303: what follows a POST is read with GET, whatever the method was (RFC 9110 §15.4.4)."""

    status_code = 303


def wants_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of the page. Boosted links and a restored history want the whole."""
    return bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request


def done(request: Request, url: str, *, event: str = "", detail: dict[str, Any] | None = None) -> HttpResponse:
    """The answer to a POST that worked: go to `url`, after the browser-side `event` for htmx."""
    if not request.htmx:
        return SeeOther(url)
    # htmx would follow a redirect itself and put the page into its target
    response: HttpResponse = HttpResponseClientRedirect(url)
    return trigger_client_event(response, event, detail or {}) if event else response
