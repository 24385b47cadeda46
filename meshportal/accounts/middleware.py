"""Who is not signed in is sent to the sign-in page, also by a page that was open when its session ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast
from urllib.parse import urlencode

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect

from meshportal.web.htmx import Request


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Django's, and for htmx a redirect of the whole page: htmx would put the sign-in form into the part that it asked for."""

    def handle_no_permission(  # type: ignore[override]  # htmx reads a header where a browser follows a redirect
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseBase:
        htmx = cast(Request, request).htmx
        if not htmx:
            return super().handle_no_permission(request, view_func)
        address = resolve_url(self.get_login_url(view_func))
        return HttpResponseClientRedirect(f"{address}?{urlencode({'next': htmx.current_url_abs_path or '/'})}")
