"""What a part of the bench found, as a table for people and as JSON for programs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Number:
    """One measured number. `promised` is what the portal has said of it, "" for nothing; `kind` is count, ratio or time: a time
    depends on the machine, and is there to be compared on one and the same."""

    name: str
    value: float | int | str | None
    unit: str
    kind: str
    promised: str = ""


@dataclass(frozen=True)
class Section:
    """`where` says on what it was measured."""

    name: str
    where: str
    numbers: Sequence[Number]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "where": self.where, "numbers": [asdict(number) for number in self.numbers]}


def table(section: Section) -> str:
    rows = [(n.name, written(n.value), n.unit, n.promised) for n in section.numbers]
    heads = ("what", "value", "unit", "promised")
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(4)]
    lines = [
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {unit:<{widths[2]}}  {promised}".rstrip()
        for name, value, unit, promised in (heads, *rows)
    ]
    return "\n".join([f"## {section.name} ({section.where})", *lines, ""])


def written(value: float | int | str | None) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return "-" if value is None else str(value)


def microseconds(act: Callable[[], object], *, least_seconds: float = 0.3) -> float:
    """The median of as many calls as fit into `least_seconds`, five at least."""
    took: list[float] = []
    end = perf_counter() + least_seconds
    while perf_counter() < end or len(took) < 5:
        began = perf_counter()
        act()
        took.append(perf_counter() - began)
    return statistics.median(took) * 1e6


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest rank; None of nothing."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None
