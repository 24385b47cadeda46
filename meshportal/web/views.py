"""The switch of language, for everybody."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from meshportal.web.htmx import SeeOther
from meshportal.web.middleware import remember_language, supported


def own_address(request: HttpRequest, url: str) -> str:
    """`url` if it leads to this portal, else "": an address in a parameter could lead anywhere."""
    ours = url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return url if ours else ""


@login_not_required
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Keep the posted `language`, for the person if somebody is signed in and for this browser, and go back to `next`."""
    code = supported(request.POST.get("language", ""))
    if not code:
        raise BadRequest(_("This portal speaks English and Simplified Chinese."))
    person: Any = request.user
    if person.is_authenticated:
        person.language = code
        person.save(update_fields=["language"])
    response = SeeOther(own_address(request, request.POST.get("next", "")) or resolve_url(settings.LOGIN_REDIRECT_URL))
    remember_language(response, code)
    return response
