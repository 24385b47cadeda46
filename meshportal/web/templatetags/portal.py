"""Template tags of the portal, in every template without {% load %}: icons, states, numbers, moments, lines, form controls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms, template
from django.forms.boundfield import BoundWidget
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext_lazy, to_locale
from django.utils.translation import gettext as _

from meshportal.web import svg, words
from meshportal.web.charts import Line, Mark, Point

register = template.Library()

STATE_WORDS = {
    "FAIL": gettext_lazy("FAIL"),
    "WARN": gettext_lazy("WARN"),
    "UNKNOWN": gettext_lazy("UNKNOWN"),
    "STALE": gettext_lazy("STALE"),
    "HELD": gettext_lazy("HELD"),
    "OK": gettext_lazy("OK"),
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """A picture from icons.svg; decoration only, so a word must stand beside it."""
    return format_html('<svg class="mp-icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name)


def known_state(value: object) -> str:
    """The name of a state in capitals. None and "" are UNKNOWN: no evidence. Raises ValueError for any other word."""
    name = str(value or "UNKNOWN").upper()
    if name not in STATE_WORDS:
        raise ValueError(f"{value!r} is not a state; write one of {', '.join(STATE_WORDS)}")
    return name


@register.simple_tag
def state(value: object, text: str = "", box: bool = False) -> SafeString:
    """Shape, word and colour of a state, always together. `text` replaces the word ("STALE 95 s")."""
    name = known_state(value)
    return format_html(
        '<span class="mp-state{} is-{}">{}{}</span>',
        " mp-state--box" if box else "", name.lower(), icon(name.lower()), text or STATE_WORDS[name],
    )  # fmt: skip


@register.filter
def state_class(value: object) -> str:
    """The class that carries a state's colour to an edge: "is-fail"."""
    return f"is-{known_state(value).lower()}"


@register.filter
def state_word(value: object) -> str:
    """The word of a state alone, for sentences and for readers of screens."""
    return str(STATE_WORDS[known_state(value)])


# ---------------------------------------------------------------- numbers and moments


@register.simple_tag
def num(value: float | None, unit: str = "", digits: int = 0) -> SafeString:
    """A number and its unit, or "no data" for None: a measured 0 and nothing measured must not look alike."""
    if value is None or words.is_missing(value):
        return format_html('<span class="mp-quiet">{}</span>', _("no data"))
    if not unit:
        return mark_safe(words.number(value, digits))  # noqa: S308 - digits, commas, a point and a minus
    return format_html('{}{}<span class="mp-unit">{}</span>', words.number(value, digits), words.NBSP, unit)


@register.filter
def clock(moment: datetime | float | None, precision: str = "seconds") -> SafeString:
    """The time of day of a datetime or of seconds since 1970, in the portal's zone. "minutes" leaves the seconds out."""
    if moment is None:
        return mark_safe("")
    return _time(moment, words.clock(moment, seconds=precision != "minutes"))


@register.filter
def moment(value: datetime | float | None, now: datetime | float) -> SafeString:
    """The time of day if it was on the day of `now`, else the day: "14:06", "20 Nov"."""
    if value is None:
        return mark_safe("")
    same = timezone.localtime(words.as_datetime(value)).date() == timezone.localtime(words.as_datetime(now)).date()
    return _time(value, words.clock(value, seconds=False) if same else words.day(value))


def _time(value: datetime | float, text: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', words.as_datetime(value).isoformat(timespec="seconds"), text)


@register.filter
def ago(value: datetime | float | None, now: datetime | float) -> str:
    """How long before `now`: "26 min ago"; "" for None."""
    return "" if value is None else words.ago(words.as_datetime(value), words.as_datetime(now))


@register.filter
def age(seconds: float | None) -> str:
    """Seconds as "4 s", "3 min 10 s", "6 d 4 h"; "" for None."""
    return "" if seconds is None else words.age(seconds)


# ---------------------------------------------------------------- lines and bars


@register.simple_tag
def spark(
    points: Sequence[Point],
    label: str = "",
    limit: float | None = None,
    bad: str = "",
    variant: str = "",
    change: float | None = None,
    zoom: bool = False,
) -> SafeString:
    """A small line through (x, y or None). variant: "figure", "cell" or ""; bad: "fail", "warn" or a State; see web/svg.py."""
    return svg.spark(
        points, label=label, limit=limit, bad=str(bad).lower(), variant=variant, change=change, zoom=zoom
    )  # fmt: skip


@register.simple_tag
def chart(
    lines: Sequence[Line] | Sequence[Point],
    label: str = "",
    unit: str = "",
    limit: float | None = None,
    marks: Sequence[Mark] = (),
    start: float | None = None,
    end: float | None = None,
    top: float | None = None,
    tall: bool = False,
) -> SafeString:
    """A chart of `charts.Line`s (the first is the main one) or of the points of one; goes into a <figure class="mp-chart">."""
    drawn = [line for line in lines if isinstance(line, Line)]
    if not drawn:
        drawn = [Line([point for point in lines if not isinstance(point, Line)], filled=True)]
    return svg.chart(drawn, label=label, unit=unit, limit=limit, marks=marks, start=start, end=end, top=top, tall=tall)


@register.simple_tag
def swatch(role: str = "") -> SafeString:
    """The piece of line in a legend: "", "second", "third", "bad" or "limit"."""
    return svg.swatch(role)


@register.simple_tag
def share(measured: float | None, configured: float | None = None, label: str = "") -> SafeString:
    """The bar of a measured percent with the tick of the configured one. `label` names whose ("v2")."""
    parts = []
    if configured is not None:
        parts.append(_("configured %(percent)s") % {"percent": words.amount(configured, "%")})
    parts.append(_("measured %(percent)s") % {"percent": words.amount(measured, "%", 1)})
    sentence = _(", ").join(parts)
    return svg.share(
        measured, configured, _("%(name)s: %(sentence)s") % {"name": label, "sentence": sentence} if label else sentence
    )


# ---------------------------------------------------------------- people, forms, page


@register.simple_tag
def initials(person: Any) -> SafeString:
    """Two letters for a person or a name; hidden from readers of screens, so the name must stand beside it."""
    name = str(person).strip()
    parts = name.replace(".", " ").replace("-", " ").split()
    letters = parts[0][0] + parts[-1][0] if len(parts) > 1 else name[:2]
    return format_html('<span class="mp-initials" aria-hidden="true">{}</span>', letters.upper())


CONTROL_CLASSES: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxInput, "form-check-input"),
    (forms.RadioSelect, "form-check-input"),
    (forms.CheckboxSelectMultiple, "form-check-input"),
    (forms.Select, "form-select"),
)


@register.simple_tag
def control(field: forms.BoundField, **attrs: str) -> SafeString:
    """The input of a field with our classes and, where it is wrong, its mark. Further attributes as `inputmode="numeric"`."""
    widget = field.field.widget
    css = next((css for kind, css in CONTROL_CLASSES if isinstance(widget, kind)), "form-control")
    names = [css, widget.attrs.get("class", ""), "is-invalid" if field.errors else ""]
    return field.as_widget(attrs={**attrs, "class": " ".join(filter(None, names))})


@register.filter
def options(field: forms.BoundField) -> list[BoundWidget]:
    """The single choices of a field of radio buttons or boxes, with our classes."""
    attrs: dict[str, str | bool] = {"id": field.auto_id, "class": "form-check-input"}
    subwidgets = field.field.widget.subwidgets(field.html_name, field.value(), attrs=field.build_widget_attrs(attrs))
    return [BoundWidget(field.field.widget, data, field.form.renderer) for data in subwidgets]


@register.filter
def is_optional(field: forms.BoundField) -> bool:
    """Whether a field may stay empty. A list always shows a choice, so nothing is said of it."""
    return not field.field.required and not isinstance(field.field.widget, forms.Select)


@register.filter
def is_checkbox(field: forms.BoundField) -> bool:
    """Whether the label stands after the control, as a checkbox's does."""
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.simple_tag
def page_language() -> str:
    """The language for <html lang>: "en", "zh-Hans"."""
    return to_locale(get_language() or "en").replace("_", "-")


@register.filter
def errors_count(form: forms.BaseForm) -> int:
    """How many things a form was refused for."""
    return sum(len(errors) for errors in form.errors.values())
