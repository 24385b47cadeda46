"""Template tags of the live pages."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from meshportal.board.page import Board
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
def look(board: Board, now: float) -> SafeString:
    """How long ago the observer reported; the browser knows that moment from the newest frame and counts on."""
    return format_html("<span data-look>{}</span>", age(now - board.taken_at))
