"""Titles of changes."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.utils import translation


def titles(say: Callable[[], str]) -> dict[str, str]:
    """A change's title in every language of the portal: whoever reads the list is not whoever wrote the change."""
    found: dict[str, str] = {}
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            found[code] = say()
    return found
