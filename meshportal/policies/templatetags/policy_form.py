"""Fields of a policy's form: each names its path once, and gets value, error, live value and help from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import template

from meshportal.policies.formkit import Form, Row

register = template.Library()


def _said(text: str) -> str:
    """A text of the page: Django doubles the percent sign of a literal `_("…")` in a tag, and never halves it again."""
    return text.replace("%%", "%") if "%%" in text else text


def _field(form: Form, path: str, label: str, extra: dict[str, Any]) -> dict[str, Any]:
    live = form.live(path)
    value = form.value(path)
    error = form.error(path)
    extra = extra | {"hint": _said(extra.get("hint", ""))}
    hint = extra["hint"] or extra.get("disabled", "")
    described = [
        name for name, there in ((f"{path}-e", error), (f"{path}-h", hint), (f"{path}-l", live not in (None, value))) if there
    ]
    return {
        "path": path,
        "label": _said(label),
        "value": value,
        "error": error,
        "live": live,
        "moved": live is not None and live != value,
        "focused": bool(form.focus) and path.startswith(f"{form.focus}.") and extra.get("first", False),
        "described": " ".join(described),
        **extra,
    }


@register.inclusion_tag("policies/_text.html")
def text(
    form: Form,
    path: str,
    label: str,
    hint: str = "",
    unit: str = "",
    placeholder: str = "",
    mode: str = "text",
    optional: bool = False,
    disabled: str = "",
    first: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """A line of text. `mode` is the inputmode, `unit` stands behind the field, `disabled` is the reason why it cannot be filled,
    `first` marks the field that a new row starts with, `quiet` hides the label from the eye."""
    extra = {"hint": hint, "unit": unit, "placeholder": placeholder, "mode": mode, "optional": optional}
    return _field(form, path, label, extra | {"disabled": disabled, "first": first, "quiet": quiet})


@register.inclusion_tag("policies/_choice.html")
def choice(
    form: Form,
    path: str,
    label: str,
    options: Sequence[tuple[str, str]],
    hint: str = "",
    disabled: str = "",
    first: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """A choice between `options`, pairs of value and words. A value that is none of them is offered too, so that it survives."""
    context = _field(form, path, label, {"hint": hint, "disabled": disabled, "first": first, "quiet": quiet})
    known = [value for value, _words in options]
    context["options"] = [*options] if context["value"] in known else [*options, (context["value"], context["value"])]
    return context


@register.inclusion_tag("policies/_check.html")
def check(form: Form, path: str, label: str, hint: str = "", disabled: str = "") -> dict[str, Any]:
    """A box to tick. Unticked it sends "", ticked "true"."""
    context = _field(form, path, label, {"hint": hint, "disabled": disabled})
    context["ticked"] = form.ticked(path)
    return context


@register.inclusion_tag("policies/_hidden.html")
def hidden(form: Form, path: str) -> dict[str, Any]:
    """A value that goes along unseen, such as a row's origin."""
    return {"path": path, "value": form.value(path)}


@register.inclusion_tag("policies/_hidden.html")
def marker(path: str) -> dict[str, Any]:
    """Says that the list at `path` is on the page, though it may have no rows. Stands before its rows."""
    return {"path": path, "value": ""}


@register.simple_tag
def rows(form: Form, path: str) -> list[Row]:
    """The rows of a list: {% rows form "routes" as routes %}."""
    return form.rows(path)


@register.simple_tag
def filled(form: Form, *paths: str) -> bool:
    """Whether any of these groups has something in it."""
    return any(form.filled(path) for path in paths)


@register.simple_tag
def unfold(form: Form, *paths: str) -> bool:
    """Whether a fold over these groups must be open: something in it is wrong, or a button was used in it."""
    return any(form.inside(path) or (form.focus and form.focus.startswith(path)) for path in paths)


@register.inclusion_tag("policies/_row_buttons.html")
def row_buttons(row: Row, name: str, movable: bool = True) -> dict[str, Any]:
    """Up, down and remove. `name` says of what, for those who hear the page: "route 2"."""
    return {"row": row, "name": name, "movable": movable}


@register.inclusion_tag("policies/_add_button.html", takes_context=True)
def add_button(context: Mapping[str, Any], path: str, label: str) -> dict[str, Any]:
    """Adds an empty row to the list at `path`. It has the focus after the last row was removed: no row is left to go on in."""
    return {"path": path, "label": label, "focused": bool(path) and context["form"].focus == path}


@register.simple_tag
def field_error(form: Form, path: str) -> str:
    """What is wrong with a row as a whole."""
    return form.error(path)
