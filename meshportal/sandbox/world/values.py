"""What a PromQL expression is worth: a number or labelled numbers at every time; and the error of one that cannot be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from meshportal.sandbox.world.tsdb import NAME, Labels


class QueryError(Exception):
    """A query that cannot be answered. `kind` is Prometheus' errorType: bad_data (400) or execution (422)."""

    def __init__(self, message: str, kind: str = "bad_data") -> None:
        super().__init__(message)
        self.kind = kind


class Sample(NamedTuple):
    labels: Labels
    value: float


@dataclass(frozen=True)
class Scalar:
    """An expression with one number at every time (milliseconds)."""

    at: Callable[[int], float]


@dataclass(frozen=True)
class Vector:
    """An expression with any number of labelled values at every time (milliseconds)."""

    at: Callable[[int], list[Sample]]


Expression = Scalar | Vector


def unsupported(what: str) -> QueryError:
    return QueryError(f"parse error: the sandbox does not evaluate {what}")


def nameless(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != NAME)


def unique(samples: list[Sample]) -> list[Sample]:
    """`samples`, if no label set occurs twice. Raises QueryError otherwise, as Prometheus does once a name was dropped."""
    if len({sample.labels for sample in samples}) < len(samples):
        raise QueryError("vector cannot contain metrics with the same labelset", "execution")
    return samples


def projection(names: Iterable[str], *, without: bool, drop_name: bool = True) -> Callable[[Labels], Labels]:
    """A function that keeps only `names` of a label set, or all `without` them (then the metric's name goes too)."""
    chosen = frozenset(names)
    dropped = chosen | {NAME} if drop_name else chosen
    known: dict[Labels, Labels] = {}

    def project(labels: Labels) -> Labels:
        found = known.get(labels)
        if found is None:
            if without:
                found = tuple(pair for pair in labels if pair[0] not in dropped)
            else:
                found = tuple(pair for pair in labels if pair[0] in chosen)
            known[labels] = found
        return found

    return project
