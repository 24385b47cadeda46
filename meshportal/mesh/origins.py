"""Which live entry of a list a form's row came from, so that a row can be moved and edited while what it does not show survives.

A mark is the entry's place and a fingerprint of its content: it still finds the entry after others were moved, and finds nothing
once somebody else has changed that entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any


def mark(place: int, value: Any) -> str:
    """The mark of the entry at `place`, such as "2:1f0c9a3e"."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{place}:{hashlib.sha256(canonical.encode()).hexdigest()[:8]}"


def find(origin: str, values: Sequence[Any]) -> int | None:
    """The place in `values` of the entry that `origin` marks: where it was if it still is there, else the first with the same
    content; None where no entry has that content, and for what is no mark."""
    place, _, fingerprint = origin.partition(":")
    if not fingerprint or not (place.isascii() and place.isdecimal()):
        return None
    same = [index for index, value in enumerate(values) if mark(index, value).partition(":")[2] == fingerprint]
    return int(place) if int(place) in same else next(iter(same), None)
