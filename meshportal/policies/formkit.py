"""What a policy's page shows: what was typed, else what is live; what is wrong with it; and what stands beside each field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshportal.changes.kinds import Current, Problem
from meshportal.mesh.findings import Severity
from meshportal.policies.nesting import parts_of, value_at


@dataclass(frozen=True)
class Row:
    """One row of a list: its path (routes[1]), its number as people count, and whether it can move."""

    path: str
    number: int
    first: bool
    last: bool

    @property
    def add(self) -> str:
        """The beginning of the act that adds a row to a list inside this one."""
        return f"add:{self.path}"


@dataclass(frozen=True)
class Note:
    """What must stand beside a field, in the form and in its summary."""

    code: str
    severity: Severity
    sentence: str


@dataclass(frozen=True)
class Form:
    """One page's form. `raw` is what was typed or what is live; nothing typed is ever dropped.

    `focus` is the path of the row that a button has added or moved. `warnings` are the codes to be confirmed, `confirmed` those
    that are.
    """

    raw: Mapping[str, Any]
    current: Current
    base: str
    reason: str = ""
    ticket: str = ""
    problems: Sequence[Problem] = ()
    focus: str = ""
    confirmed: frozenset[str] = field(default_factory=frozenset)

    @property
    def blocked(self) -> str:
        return self.current.blocked

    @property
    def kept(self) -> Sequence[str]:
        return self.current.kept

    def value(self, path: str) -> str:
        """The text of a field: what was typed, "" for nothing."""
        return text_of(value_at(self.raw, path))

    def ticked(self, path: str) -> bool:
        return self.value(path).lower() in {"true", "on", "1"}

    def rows(self, path: str) -> list[Row]:
        """The rows of a list, none where it is absent or empty."""
        found = value_at(self.raw, path)
        count = len(found) if isinstance(found, list) else 0
        return [Row(f"{path}[{place}]", place + 1, place == 0, place == count - 1) for place in range(count)]

    def error(self, path: str) -> str:
        """What is wrong with exactly this field."""
        return " ".join(problem.sentence for problem in self.problems if problem.field == path)

    def inside(self, path: str) -> bool:
        """Whether something is wrong in a row or a group, so that it must be shown open."""
        return any(problem.field.startswith((f"{path}.", f"{path}[")) or problem.field == path for problem in self.problems)

    def filled(self, path: str) -> bool:
        """Whether a group has anything in it."""
        return _filled(value_at(self.raw, path))

    def live(self, path: str) -> str | None:
        """The live value of a field, None where its row is new: rows are followed to where they came from by their origin."""
        if self.current.suggested:
            return None
        node: Any = self.current.raw
        typed: Any = self.raw
        for step in parts_of(path) or ():
            if isinstance(step, int):
                typed = typed[step] if isinstance(typed, list) and step < len(typed) else None
                origin = typed.get("origin") if isinstance(typed, Mapping) else None
                same = [row for row in node if isinstance(row, Mapping) and row.get("origin") == origin] if origin else []
                if not isinstance(node, list) or not same:
                    return None
                node = same[0]
            else:
                typed = typed.get(step) if isinstance(typed, Mapping) else None
                node = node.get(step, "") if isinstance(node, Mapping) else ""
        return text_of(node)


def text_of(value: Any) -> str:
    """A leaf as a field shows it: "" for nothing and for what is no leaf."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "true" if value else ""
    return str(value)


def _filled(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_filled(inner) for key, inner in value.items() if key != "origin")
    if isinstance(value, list):
        return bool(value)
    return value not in (None, "", False)
