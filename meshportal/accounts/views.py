"""Signing in and out, and what a person sets for themselves."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from meshportal.accounts.forms import PreferencesForm, SignInForm
from meshportal.accounts.requests import PersonRequest
from meshportal.web.htmx import SeeOther


class SignIn(LoginView):
    """The sign-in page. A refused form is 422; 429 when the name has to wait."""

    form_class = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def form_invalid(self, form: SignInForm) -> HttpResponse:  # type: ignore[override]  # our form is the only one here
        return self.render_to_response(self.get_context_data(form=form), status=429 if form.throttled else 422)


def preferences(request: HttpRequest) -> HttpResponse:
    """Show and keep theme and language."""
    person = cast(PersonRequest, request).user
    if request.method != "POST":
        return render(
            request,
            "accounts/preferences.html",
            {"form": PreferencesForm(initial={"theme": person.theme, "language": person.language})},
        )
    form = PreferencesForm(request.POST)
    if not form.is_valid():
        return render(request, "accounts/preferences.html", {"form": form}, status=422)
    form.save(person)
    response = SeeOther(reverse("accounts:preferences"))
    if not person.language:
        # the choice made before in this browser would go on to win over what the browser asks for
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
        request.COOKIES.pop(settings.LANGUAGE_COOKIE_NAME, None)
    # the message is read on the next page, so it must already be in the new language
    with translation.override(person.language or translation.get_language_from_request(request)):
        messages.success(request, _("Kept."))
    return response
