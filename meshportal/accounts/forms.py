"""Forms about oneself: signing in, preferences."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from meshportal.accounts import throttle
from meshportal.accounts.models import Person
from meshportal.web import words


class SignInForm(AuthenticationForm):
    """Name and password. `throttled` tells the view that the password was not even looked at."""

    error_messages = {
        # One sentence for a wrong name, a wrong password and a person who may not sign in any more: it tells no guesser which.
        "invalid_login": _("This name and password do not belong together. Both are case-sensitive."),
        "inactive": _("This name and password do not belong together. Both are case-sensitive."),
        "throttled": _("Too many wrong passwords for this name. Try again at %(time)s."),
    }
    throttled = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = pgettext_lazy("of a person", "Name")

    def clean(self) -> dict[str, Any]:
        """Authenticate, unless there were too many failures."""
        username = self.cleaned_data.get("username")
        if not username or not self.cleaned_data.get("password") or self.request is None:
            return super().clean()
        try:
            attempt = throttle.begin(username, self.request.META.get("REMOTE_ADDR", ""), timezone.now())
        except throttle.TooManyFailures as refusal:
            self.throttled = True
            raise ValidationError(
                self.error_messages["throttled"], code="throttled", params={"time": words.clock(refusal.until)}
            ) from None
        cleaned = super().clean()
        throttle.succeeded(attempt)
        return cleaned


def languages() -> list[tuple[str, Any]]:
    """What can be chosen; each by its own name, so that who reads only one of them finds it."""
    ours = [(code, translation.get_language_info(code)["name_local"]) for code, _english in settings.LANGUAGES]
    return [("", _("as the browser asks")), *ours]


class PreferencesForm(forms.Form):
    """Theme and language of the person who is signed in."""

    theme = forms.ChoiceField(label=_("Theme"), choices=Person.Theme.choices, widget=forms.RadioSelect)
    language = forms.ChoiceField(label=_("Language"), choices=languages, required=False)

    def save(self, person: Person) -> None:
        person.theme, person.language = self.cleaned_data["theme"], self.cleaned_data["language"]
        person.save(update_fields=["theme", "language"])
