"""Template tags of the live pages."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from meshportal.board.page import Board
from meshportal.board.sentences import rate_digits, sentence, short_of_hundred, transition
from meshportal.board.services_page import Looked
from meshportal.mesh.snapshot import ServiceNow
from meshportal.web.words import age

register = template.Library()


@register.filter
def since(moment: float, now: float) -> SafeString:
    """How long ago `moment` was at `now`, both in seconds since 1970; the browser counts on from there."""
    return format_html('<span data-epoch="{}">{}</span>', f"{moment:.1f}", age(now - moment))


@register.filter
def minus(value: float, other: float) -> float:
    return value - other


@register.filter
def look(board: Board | Looked, now: float) -> SafeString:
    """How long ago the observer reported; the browser knows that moment from the newest frame and counts on."""
    return format_html("<span data-look>{}</span>", age(now - board.taken_at))


@register.filter
def rate_places(per_second: float | None) -> int:
    return rate_digits(per_second or 0)


@register.filter
def spoken(service: ServiceNow) -> str:
    """What is said when the service enters its state."""
    return transition(service)


@register.filter
def why(service: ServiceNow) -> SafeString:
    """Why it is in its state."""
    return sentence(service)


@register.filter
def at(values: Mapping[int, str], key: int) -> str:
    """The value under `key`, "" where there is none."""
    return values.get(key, "")


@register.filter
def nearly(percent: float | None, digits: int = 1) -> float | None:
    """A percentage that is shown as 100 only where it is."""
    return None if percent is None else short_of_hundred(percent, digits)
