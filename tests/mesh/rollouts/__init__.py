"""Tests of the pure part of canaries. `MESHPORTAL_THOROUGH=1` makes the random ones run as long as they deserve: minutes."""

from __future__ import annotations

import os

THOROUGH = os.environ.get("MESHPORTAL_THOROUGH", "") not in {"", "0"}


def how_many(usually: int, thorough: int) -> int:
    """How many cases a random test tries in this run."""
    return thorough if THOROUGH else usually
