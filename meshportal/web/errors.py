"""Pages for what went wrong. Each says what happened and what to do."""

from __future__ import annotations

import uuid

import structlog
from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.csrf import requires_csrf_token

log = structlog.get_logger(__name__)

# What is left when even the template of the error page fails.
LAST_WORDS = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Error · MeshPortal</title></head><body><h1>'
    "MeshPortal could not answer</h1><p>Try again in a minute. If it stays like this, tell your administrators the reference {}."
    "</p></body></html>"
)


def _page(request: HttpRequest, template: str, status: int, **context: object) -> HttpResponse:
    """An error page. Without a person (the request failed before we knew who it is) nothing is asked of the database."""
    html = render_to_string(template, context, request=request if hasattr(request, "user") else None)
    return HttpResponse(html, status=status)


@requires_csrf_token
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, or 413 for a form that is larger than any of ours. Texts of Django's own refusals are not shown: they are for us."""
    too_large = isinstance(exception, RequestDataTooBig | TooManyFieldsSent)
    reason = str(exception) if type(exception) is BadRequest else ""
    return _page(request, "400.html", 413 if too_large else 400, too_large=too_large, reason=reason)


@requires_csrf_token
def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403. `PermissionDenied("why")` in a view puts its sentence on the page."""
    return _page(request, "403.html", 403, reason=str(exception))


@requires_csrf_token
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404. `Http404("sentence")` in a view puts its sentence on the page; those of the address table are not for people."""
    sentence = exception.args[0] if isinstance(exception, Http404) and exception.args else ""
    return _page(request, "404.html", 404, reason=sentence if isinstance(sentence, str) else "")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form that does not prove where it comes from: mostly a page that was open for longer than its session."""
    log.info("form refused", reason=reason, path=request.path)
    sentence = _("The page you sent was opened before you last signed in or out. Nothing was changed. Load it again and repeat.")
    return _page(request, "403.html", 403, reason=sentence, reload=True)


def server_error(request: HttpRequest) -> HttpResponse:
    """500. Asks neither the database nor the context processors: either may be what failed."""
    reference = uuid.uuid4().hex[:8]
    log.error("page failed", reference=reference, method=request.method, path=request.path)
    try:
        html: str = render_to_string(
            "500.html", {"reference": reference, "wrote": request.method not in {"GET", "HEAD", "OPTIONS"}}
        )
    except Exception:
        log.exception("the error page failed too", reference=reference)
        html = LAST_WORDS.format(reference)
    return HttpResponse(html, status=500)
