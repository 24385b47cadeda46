"""What the page of routes shows of each rule: its summary, its rows, and what can be chosen in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from meshportal.mesh.routes.checks import PRESENT, REDIRECT_CODES
from meshportal.mesh.routes.fields import ROUTE
from meshportal.mesh.routes.shape import ORIGIN, Walk, lay
from meshportal.policies.formkit import Form, Row
from meshportal.policies.nesting import value_at
from meshportal.policies.routes.sentences import summary

Options = Sequence[tuple[str, str]]
FEW = 2  # rules that are shown open from the start
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Item:
    """One row of a list inside a rule."""

    row: Row
    path: str
    options: Options = ()
    foreign: bool = False  # a destination on another host, whose subsets are not known here


@dataclass(frozen=True)
class HeaderItem:
    """One change of a header."""

    row: Row
    path: str
    ons: Options
    dos: Options


@dataclass(frozen=True)
class Match:
    """One condition of a rule. `plain_method` is whether its method is one name, to be chosen from a list."""

    row: Row
    path: str
    plain_method: bool
    headers: Sequence[Item]
    query: Sequence[Item]


@dataclass(frozen=True)
class Rule:
    """One rule as the page shows it."""

    row: Row
    path: str
    name: str
    summary: str
    open: bool
    matches: Sequence[Match]
    destinations: Sequence[Item]
    mirrors: Sequence[Item]
    headers: Sequence[HeaderItem]


def rule_of(form: Form, row: Row, service: str, subsets: Options) -> Rule:
    """A rule as it was typed, however far it is from valid. `subsets` are those of the service itself."""
    count = len(form.rows("routes"))
    touched = form.inside(row.path) or form.focus.startswith(row.path) or not form.value(f"{row.path}.{ORIGIN}")
    return Rule(
        row=row,
        path=row.path,
        name=_("rule %(number)d") % {"number": row.number},
        summary=summary(service, lay(ROUTE, value_at(form.raw, row.path), None, row.path, Walk()), last=row.last),
        open=touched or count <= FEW,
        matches=[_match(form, inner) for inner in form.rows(f"{row.path}.match")],
        destinations=[_target(form, inner, subsets) for inner in form.rows(f"{row.path}.destinations")],
        mirrors=[_target(form, inner, subsets) for inner in form.rows(f"{row.path}.mirrors")],
        headers=[_header(form, inner) for inner in form.rows(f"{row.path}.headers")],
    )


def _match(form: Form, row: Row) -> Match:
    def conditions(name: str) -> list[Item]:
        rows = form.rows(f"{row.path}.{name}")
        return [Item(inner, inner.path, hows(form.value(f"{inner.path}.how"))) for inner in rows]

    plain = form.value(f"{row.path}.method_how") in ("", "exact")
    return Match(row, row.path, plain, conditions("headers"), conditions("query"))


def _target(form: Form, row: Row, subsets: Options) -> Item:
    return Item(row, row.path, subsets, foreign=bool(form.value(f"{row.path}.host")))


def _header(form: Form, row: Row) -> HeaderItem:
    on, do = form.value(f"{row.path}.on"), form.value(f"{row.path}.do")
    return HeaderItem(row, row.path, _offered(ons(), on), _offered(dos(), do))


def hows(chosen: str) -> Options:
    """How a header or parameter compares."""
    said = [("exact", _("is exactly")), ("prefix", _("begins with")), ("regex", _("is like (RE2)")), (PRESENT, _("is there"))]
    return _offered(said, chosen)


def _offered(options: Options, chosen: str) -> Options:
    """`options`, the first of which is what a row has in which nobody has chosen yet."""
    (first, said), *others = options
    return [(first if chosen else "", said), *others]


def path_hows() -> Options:
    return [("", _("any path")), ("prefix", _("begins with")), ("exact", _("is exactly")), ("regex", _("is like (RE2)"))]


def method_hows() -> Options:
    return [("exact", _("is exactly")), ("prefix", _("begins with")), ("regex", _("is like (RE2)"))]


def methods() -> Options:
    return [("", _("any")), *((method, method) for method in METHODS)]


def codes() -> Options:
    return [("", _("301 (for good)")), *((code, code) for code in REDIRECT_CODES)]


def ons() -> Options:
    return [("request", _("request")), ("response", _("answer"))]


def dos() -> Options:
    return [("set", _("set")), ("add", _("add")), ("remove", _("remove"))]
