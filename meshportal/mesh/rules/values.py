"""What Istio's webhook takes for numbers, durations and blocks of fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshportal.mesh.durations import parse
from meshportal.mesh.findings import Finding
from meshportal.mesh.rules.node import Node

_MOST = 2**31 - 1


def duration(place: Node, *, zero: bool = False) -> Iterator[Finding]:
    """At least a millisecond, whole milliseconds; `zero` where "0s" means off."""
    if place.there and parse(place.text, zero=zero) is None:
        yield place.finding("MP0210", value=str(place.value))


def within(place: Node, low: float, high: float) -> Iterator[Finding]:
    number = place.number
    if number is not None and not low <= number <= high:
        yield place.finding("MP0211", value=number, low=low, high=high)


def at_least_zero(*places: Node) -> Iterator[Finding]:
    for place in places:
        yield from within(place, 0, _MOST)


def above_zero(place: Node) -> Iterator[Finding]:
    if place.number is not None and place.number <= 0:
        yield place.finding("MP0211", value=place.number, low=0.01, high=_MOST)


def port(place: Node) -> Iterator[Finding]:
    yield from within(place, 1, 65535)


def percentage(place: Node) -> Iterator[Finding]:
    """percentage.value of a fault: 0, or at least a ten-thousandth."""
    number = place.number
    if number is not None and 0 < number < 0.0001:
        yield place.finding("MP0211", value=number, low=0.0001, high=100)
    else:
        yield from within(place, 0, 100)


def one_of(place: Node, known: Sequence[str]) -> Iterator[Finding]:
    if place.there and place.text not in known:
        yield place.finding("MP0226", value=str(place.value), known=", ".join(known))


def exclusive(place: Node, *names: str) -> Iterator[Finding]:
    """At most one of these fields; an empty list counts as none."""
    given = [name for name in names if place[name].there and place[name].value != []]
    for other in given[1:]:
        yield place[other].finding("MP0212", one=given[0], other=other)


def required(place: Node, name: str) -> Iterator[Finding]:
    if not place[name].there or place[name].value in ("", []):
        yield place.finding("MP0213", field=name)


def any_of(place: Node, *names: str) -> Iterator[Finding]:
    """A block that is there and has none of these fields."""
    if place.there and not any(place[name].value not in (None, "", []) for name in names):
        yield place.finding("MP0233", fields=", ".join(names))
