"""The look, kept by computation: classes that exist, contrast that is enough, nothing inline that the policy would block."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PAGES = [path for path in TEMPLATES if re.search(r'\{% extends "base\.html" %\}', path.read_text(encoding="utf-8"))]
CSS = "\n".join((ROOT / "static" / name).read_text(encoding="utf-8") for name in ("tokens.css", "portal.css"))
CLASS = re.compile(r"(?<![\w-])mp-[a-z0-9]+(?:(?:--|__|-)[a-z0-9]+)*")

# Classes of the design that no page uses yet. A page that starts to use one takes it from this list; nothing else may be added.
AHEAD = {"mp-table--fixed", "mp-wall-clock"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def defined() -> set[str]:
    return set(re.findall(r"\.(mp-[a-z0-9]+(?:(?:--|__|-)[a-z0-9]+)*)", CSS))


def used() -> dict[str, str]:
    """Every class that markup asks for, and one file that does."""
    sources = [*TEMPLATES, *(ROOT / "meshportal").rglob("*.py"), *(ROOT / "static" / "js").rglob("*.js")]
    return {name: relative(path) for path in sources for name in CLASS.findall(path.read_text(encoding="utf-8"))}


def test_every_class_in_use_is_defined() -> None:
    assert {name: where for name, where in used().items() if name not in defined()} == {}


def test_every_class_defined_is_in_use_or_known_to_be_ahead_of_it() -> None:
    assert defined() - set(used()) == AHEAD


def test_every_picture_in_use_exists() -> None:
    sprite = set(re.findall(r'<symbol id="(\w+)"', (ROOT / "static" / "icons.svg").read_text(encoding="utf-8")))
    asked = {(name, relative(path)) for path in TEMPLATES for name in re.findall(r'\{% icon "(\w+)"', path.read_text("utf-8"))}
    assert {(name, where) for name, where in asked if name not in sprite} == set()


# ---------------------------------------------------------------- markup

FORBIDDEN = {
    "inline style": r"\sstyle\s*=",
    "style sheet in the page": r"<style\b",
    "inline script": r"<script(?![^>]*\bsrc=)",
    "inline handler": r"\son[a-z]+\s*=\s*[\"']",
    "script in htmx": r"\bhx-on\b|hx-vals\s*=\s*[\"']js:|javascript:",
    "Bootstrap colours, blind to the theme": r"\b(?:text|bg)-(?:muted|primary|secondary|success|danger|warning|info|bg-)",
    "Bootstrap components that are not part of the look": (
        r"class=\"[^\"]*(?<![\w-])(?:card|alert|badge|navbar|container|row|col-\w+)\b"
    ),
}


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_a_template_holds_nothing_that_the_policy_or_the_look_forbids(path: Path) -> None:
    text = re.sub(r"\{% comment %\}.*?\{% endcomment %\}|\{[#%{].*?[#%}]\}", "", path.read_text(encoding="utf-8"), flags=re.S)
    found = {what: match[0] for what, pattern in FORBIDDEN.items() if (match := re.search(pattern, text))}
    assert found == {}


def with_includes(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return re.sub(r'\{% include "([^"]+)"[^%]*%\}', lambda match: with_includes(ROOT / "templates" / match[1]), text)


@dataclass
class Choice:
    """An {% if %} that is being read: the possible counts of each branch so far, and whether one of them is taken in any case."""

    branches: list[set[int]] = field(default_factory=lambda: [{0}])
    complete: bool = False


def headings(text: str) -> set[int]:
    """How many <h1> a page may get, over every way through its {% if %}s."""
    reading = [Choice()]
    for tag, heading in re.findall(r"\{% *(if|elif|else|endif)\b|(<h1)", text):
        if heading:
            reading[-1].branches[-1] = {count + 1 for count in reading[-1].branches[-1]}
        elif tag == "if":
            reading.append(Choice())
        elif tag == "endif":
            done = reading.pop()
            inside = set[int]().union(*done.branches, set() if done.complete else {0})
            reading[-1].branches[-1] = {before + more for before in reading[-1].branches[-1] for more in inside}
        else:
            reading[-1].branches.append({0})
            reading[-1].complete = tag == "else"
    return reading[0].branches[0]


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_a_page_has_one_heading_and_a_title(path: Path) -> None:
    text = with_includes(path)
    assert headings(text) == {1}
    assert "{% block title %}" in text


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_tables_and_forms_can_be_read_aloud_and_sent_safely(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("<table") == text.count("<caption"), "a table has a caption"
    assert re.findall(r"<th(?![^>]*scope=)[\s>]", text) == [], "a header says what it heads"
    posts = [form for form in re.findall(r"<form\b.*?</form>", text, flags=re.S) if re.search(r'method="post"', form)]
    assert all("{% csrf_token %}" in form for form in posts)


def test_htmx_is_told_what_the_policy_needs_and_shows_refused_forms() -> None:
    base = (ROOT / "templates" / "base.html").read_text(encoding="utf-8")
    config = json.loads(re.search(r"name=\"htmx-config\" content='([^']+)'", base)[1])  # type: ignore[index]  # fails if absent
    assert (config["includeIndicatorStyles"], config["allowEval"], config["selfRequestsOnly"]) == (False, False, True)

    def swaps(status: str) -> bool:
        return next(bool(rule["swap"]) for rule in config["responseHandling"] if re.search(rule["code"], status))

    assert [swaps(status) for status in ("200", "204", "409", "422", "403", "404", "500")] == [
        True, False, True, True, False, False, False,
    ]  # fmt: skip


def test_what_others_wrote_comes_with_its_licence_in_the_version_that_pages_ask_for() -> None:
    base = (ROOT / "templates" / "base.html").read_text(encoding="utf-8")
    asked = set(re.findall(r"vendor/([^/']+)/", base))
    there = {path.name for path in (ROOT / "static" / "vendor").iterdir()}
    assert asked == there
    assert all((ROOT / "static" / "vendor" / name / "LICENSE").is_file() for name in there)


# ---------------------------------------------------------------- contrast

Colour = tuple[float, float, float]
THEMES = ("light", "dark")
TEXT, GRAPHIC = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11


def tokens(theme: str) -> dict[str, Colour]:
    pairs = re.findall(r"--mp-([a-z0-9-]+): light-dark\(#([0-9a-f]{6})\w*, #([0-9a-f]{6})\w*\)", CSS)
    return {name: channels(light if theme == "light" else dark) for name, light, dark in pairs}


def channels(hexadecimal: str) -> Colour:
    red, green, blue = (int(hexadecimal[place : place + 2], 16) / 255 for place in (0, 2, 4))
    return red, green, blue


def luminance(colour: Colour) -> float:
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: Colour, other: Colour) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


SURFACES = ("canvas", "surface", "sunken")
STATES = ("ok", "warn", "fail", "unknown", "held")
PAIRS: list[tuple[str, str, float]] = [
    *((ink, ground, TEXT) for ink in ("ink", "ink-2", "ink-3", "link") for ground in SURFACES),
    *((state, ground, TEXT) for state in STATES for ground in ("canvas", "surface", f"{state}-ground")),
    *(("ink", f"{state}-ground", TEXT) for state in STATES),
    *(("ink-2", f"{state}-ground", TEXT) for state in STATES),
    ("ink", "select", TEXT),
    ("link", "select", TEXT),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-hover", TEXT),
    ("on-accent", "fail-solid", TEXT),
    ("add-ink", "add", TEXT),
    ("del-ink", "del", TEXT),
    ("add-ink", "surface", TEXT),
    ("del-ink", "surface", TEXT),
    ("mark", "surface", TEXT),
    ("line-strong", "surface", GRAPHIC),
    ("line-strong", "canvas", GRAPHIC),
    ("focus", "canvas", GRAPHIC),
    ("focus", "surface", GRAPHIC),
    ("accent", "surface", GRAPHIC),
    ("chart-line", "surface", GRAPHIC),
    ("chart-2", "surface", GRAPHIC),
]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "ground", "limit"), PAIRS)
def test_contrast_is_enough_in_both_themes(theme: str, ink: str, ground: str, limit: float) -> None:
    colours = tokens(theme)
    assert ratio(colours[ink], colours[ground]) >= limit


@pytest.mark.parametrize("theme", THEMES)
def test_text_on_a_line_of_the_hatch_can_still_be_read(theme: str) -> None:
    colours = tokens(theme)
    line, ground = colours["unknown-line"], colours["surface"]
    mixed = (0.45 * line[0] + 0.55 * ground[0], 0.45 * line[1] + 0.55 * ground[1], 0.45 * line[2] + 0.55 * ground[2])
    assert ratio(colours["ink-3"], mixed) >= TEXT


def test_the_computation_agrees_with_known_ratios() -> None:
    assert ratio(channels("000000"), channels("ffffff")) == pytest.approx(21)
    assert ratio(channels("767676"), channels("ffffff")) == pytest.approx(4.54, abs=0.01)
