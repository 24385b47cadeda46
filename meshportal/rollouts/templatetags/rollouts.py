"""The pieces of a canary's picture in its legend."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from meshportal.web.ramp import swatch

register = template.Library()


@register.simple_tag
def ramp_swatch(role: str) -> SafeString:
    """The piece in a legend: "planned", "configured", "measured" or "held"."""
    return swatch(role)
