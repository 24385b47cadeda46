"""The shape of a form: leaves, groups and lists of rows, and how what was typed or sent is laid over what is live.

One walk serves the page, whose leaves are text, and REST, whose leaves may be numbers and booleans. A key that is absent keeps
what is live, an empty value removes it. A value that is as it is live is never judged: what the mesh has taken may stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshportal.mesh.field_errors import FieldError

Raw = dict[str, Any]
Wrong = tuple[str, Mapping[str, Any]]
"""A code and the values of its sentence."""
Check = Callable[[str], "Wrong | None"]

MAX_TEXT = 2048
ORIGIN = "origin"


def anything(_text: str) -> Wrong | None:
    return None


@dataclass(frozen=True)
class Leaf:
    """One value, as text. `check` judges what is not empty, `tidy` brings it into the form that is kept."""

    check: Check = anything
    tidy: Callable[[str], str] = str.strip


@dataclass(frozen=True)
class Group:
    """Named fields."""

    fields: Mapping[str, Leaf | Group | Rows]


@dataclass(frozen=True)
class Rows:
    """A list of rows of one shape. A row that comes from a live entry carries its `origin`."""

    row: Group


@dataclass
class Walk:
    """Collects what is wrong, and which paths differ from what is live."""

    errors: list[FieldError] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)

    def wrong(self, path: str, code: str, **values: Any) -> None:
        self.errors.append(FieldError(path, code, values))

    def touched(self, *paths: str) -> bool:
        """Whether anything at or below one of `paths` differs from what is live."""
        return any(one == path or one.startswith((f"{path}.", f"{path}[")) for path in paths for one in self.changed)


def text_of(value: Any) -> str | None:
    """A leaf as text: "" for nothing, None for what is no leaf. Numbers are written without a needless ".0"."""
    if value is None or value is False:
        return ""
    if value is True:
        return "true"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value) if abs(value) < 10**18 else None
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return None


def blank(shape: Group) -> Raw:
    """A row or group in which nothing is set."""
    return {
        name: "" if isinstance(inner, Leaf) else [] if isinstance(inner, Rows) else blank(inner)
        for name, inner in shape.fields.items()
    }


def is_blank(value: Any) -> bool:
    """Whether nothing is set in a row, a group or a list."""
    if isinstance(value, Mapping):
        return all(is_blank(inner) for key, inner in value.items() if key != ORIGIN)
    return not value


def lay(shape: Group, given: Any, live: Mapping[str, Any] | None, path: str, walk: Walk) -> Raw:
    """`given` laid over `live` (None for a new row): every field of `shape`, as text. Errors and differences go to `walk`."""
    before = live if live is not None else blank(shape)
    if given is None or given == "":
        given = blank(shape)
    if not isinstance(given, Mapping):
        walk.wrong(path, "not-a-group", known=", ".join(shape.fields))
        return blank(shape)
    for name in given:
        if name not in shape.fields and name != ORIGIN:
            walk.wrong(_below(path, str(name)[:60]), "unknown-field", name=str(name)[:60], known=", ".join(shape.fields))
    result: Raw = {}
    for name, inner in shape.fields.items():
        here = _below(path, name)
        if name not in given:
            result[name] = before[name]
        elif isinstance(inner, Leaf):
            result[name] = _leaf(inner, given[name], before[name], here, walk)
        elif isinstance(inner, Group):
            result[name] = lay(inner, given[name], before[name], here, walk)
        else:
            result[name] = _rows(inner, given[name], before[name], here, walk)
    return result


def _leaf(shape: Leaf, given: Any, before: str, path: str, walk: Walk) -> str:
    text = text_of(given)
    if text is None:
        walk.wrong(path, "not-text")
        walk.changed.add(path)
        return ""
    if before in (text, shape.tidy(text)):
        return before
    walk.changed.add(path)
    text = shape.tidy(text)
    if any(ord(character) < 32 or ord(character) == 127 or 0xD800 <= ord(character) <= 0xDFFF for character in text):
        walk.wrong(path, "control-character")
    elif len(text.encode()) > MAX_TEXT:
        walk.wrong(path, "too-long", limit=MAX_TEXT)
    elif text and (wrong := shape.check(text)):
        walk.wrong(path, wrong[0], **wrong[1])
    return text


def _rows(shape: Rows, given: Any, before: Sequence[Raw], path: str, walk: Walk) -> list[Raw]:
    if given is None or given == "":
        given = []
    if not isinstance(given, list):
        walk.wrong(path, "not-a-list")
        return list(before)
    rows: list[Raw] = []
    taken: set[str] = set()
    for number, row in enumerate(given):
        here = f"{path}[{number}]"
        origin = row.get(ORIGIN) if isinstance(row, Mapping) else None
        source = _source(origin, before, taken, here, walk)
        laid = lay(shape.row, row if row not in (None, "") else {}, source, here, walk)
        if source is not None:
            taken.add(source[ORIGIN])
            laid[ORIGIN] = source[ORIGIN]
        else:
            walk.changed.add(here)
        rows.append(laid)
    if [row.get(ORIGIN) for row in rows] != [row[ORIGIN] for row in before]:
        walk.changed.add(path)
    return rows


def _source(origin: Any, before: Sequence[Raw], taken: set[str], path: str, walk: Walk) -> Raw | None:
    """The live row that `origin` marks. Where others have moved it since, it is found by its content."""
    if origin in (None, ""):
        return None
    fingerprint = str(origin).partition(":")[2]
    same = [row for row in before if fingerprint and row[ORIGIN].partition(":")[2] == fingerprint]
    free = [row for row in same if row[ORIGIN] not in taken]
    exact = [row for row in free if row[ORIGIN] == origin]
    if not free:
        walk.wrong(f"{path}.{ORIGIN}", "origin-twice" if same else "origin-gone")
        return None
    return (exact or free)[0]


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
