"""One request for a canary being read, leaf by leaf: numbers, shares, durations and choices, and what is wrong with them.

Every leaf may be text, as a page sends it, or a number, as a pipeline does. Empty takes the default.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from meshportal.mesh import durations
from meshportal.mesh.field_errors import FieldError

SHORTEST, LONGEST = 1.0, 7 * 86_400.0
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,12})?", re.ASCII)


class Reading:
    """One request being read: what is wrong so far."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def wrong(self, field: str, code: str, **values: Any) -> None:
        self.errors.append(FieldError(field, code, values))

    def known(self, body: Mapping[str, Any], keys: Sequence[str], prefix: str = "") -> None:
        for key in body:
            if key not in keys:
                self.wrong(prefix.rstrip("."), "unknown-key", key=str(key)[:40], known=", ".join(keys))

    def number(self, field: str, typed: Any, default: float, low: float, high: float) -> float:
        if empty(typed):
            return default
        found = number_in(typed)
        if found is None:
            self.wrong(field, "not-a-number", typed=shown(typed))
        elif not low <= found <= high:
            self.wrong(field, "out-of-range", typed=shown(typed), low=plain(low), high=plain(high))
        else:
            return found
        return default

    def whole(self, field: str, typed: Any, default: int, low: int, high: int) -> int:
        found = self.number(field, typed, default, low, high)
        if found != int(found):
            self.wrong(field, "not-whole", typed=shown(typed))
            return default
        return int(found)

    def seconds(self, field: str, typed: Any, default: float, low: float = SHORTEST) -> float:
        if empty(typed):
            return default
        found = number_in(typed)
        if found is None and isinstance(typed, str):
            found = durations.parse(typed, zero=True)
        if found is None:
            self.wrong(field, "not-a-duration", typed=shown(typed))
        elif not low <= found <= LONGEST:
            self.wrong(field, "duration-range", typed=shown(typed), low=durations.write(low), high=durations.write(LONGEST))
        else:
            return found
        return default

    def share(self, body: Mapping[str, Any], keys: tuple[str, str], default: float, most: float, prefix: str = "") -> float:
        """A rate by its ratio or its percent, above 0 and at most `most` (a ratio)."""
        ratio, percent = keys
        if not empty(body.get(ratio)) and not empty(body.get(percent)):
            self.wrong(prefix + percent, "both", one=ratio, other=percent)
            return default
        if not empty(body.get(percent)):
            found = number_in(body[percent])
            if found is None or not 0 < found <= most * 100:
                self.wrong(prefix + percent, "not-a-percentage", typed=shown(body[percent]), most=plain(most * 100))
                return default
            return found / 100
        if empty(body.get(ratio)):
            return default
        found = number_in(body[ratio])
        if found is None or not 0 < found <= most:
            self.wrong(prefix + ratio, "not-a-ratio", typed=shown(body[ratio]), most=plain(most))
            return default
        return found

    def choice(self, field: str, typed: Any, known: Sequence[str], default: str) -> str:
        if empty(typed):
            return default
        if typed not in known:
            self.wrong(field, "unknown-choice", typed=shown(typed), known=", ".join(known))
            return default
        return str(typed)


def number_in(typed: Any) -> float | None:
    """A finite number that is not negative, sent or typed; None for anything else (true is not 1 here)."""
    if isinstance(typed, bool):
        return None
    if isinstance(typed, int | float):
        return float(typed) if abs(typed) < 1e15 and math.isfinite(typed) and typed >= 0 else None
    return float(typed.strip()) if isinstance(typed, str) and _NUMBER.fullmatch(typed.strip()) else None


def plain(value: float) -> str:
    """A number without a trailing zero and without an exponent: "0.05", "500"."""
    return f"{value:.10f}".rstrip("0").rstrip(".")


def empty(typed: Any) -> bool:
    return typed is None or (isinstance(typed, str) and not typed.strip()) or typed in ([], {})


def shown(typed: Any) -> str:
    return str(typed)[:40]
