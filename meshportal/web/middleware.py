"""Language and theme of each request, and who may keep the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from meshportal.web.htmx import Request


def supported(code: str) -> str:
    """The language of ours that `code` means, "" for none: "zh-CN" is Simplified Chinese, "de" nothing."""
    try:
        return translation.get_supported_language_variant(code) if code else ""
    except LookupError:
        return ""


def remember_language(response: HttpResponse, code: str) -> None:
    """Keep the choice in the browser, for the pages before signing in."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, code, max_age=365 * 86_400, secure=settings.SESSION_COOKIE_SECURE,
        httponly=True, samesite="Lax",
    )  # fmt: skip


class NotKeptMiddleware:
    """A page shows what one person may see at one moment: nothing between keeps it, nor a browser after signing out, unless its
    view says otherwise."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class PreferencesMiddleware:
    """Language: the person's choice, else the browser's cookie, else Accept-Language. Theme: the person's choice.

    Stands after AuthenticationMiddleware, which it asks for the person. The language is undone afterwards, so that it cannot leak
    into the next request of the thread.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, plain: HttpRequest) -> HttpResponse:
        request = cast(Request, plain)
        person: Any = request.user
        chosen = supported(getattr(person, "language", ""))
        cookie = supported(request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, ""))
        language = chosen or cookie or translation.get_language_from_request(request)
        theme = getattr(person, "theme", "")
        request.theme = theme if theme in {"light", "dark"} else ""
        request.LANGUAGE_CODE = language  # where Django's own LocaleMiddleware puts it
        with translation.override(language):
            response = self.get_response(request)
        if not chosen and not cookie:
            patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", language)
        if chosen and chosen != cookie and settings.LANGUAGE_COOKIE_NAME not in response.cookies:
            remember_language(response, chosen)
        return response
