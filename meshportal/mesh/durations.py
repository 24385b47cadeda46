"""Durations as Istio writes them: Go's syntax, at least one millisecond, whole milliseconds.

Sources: `time.ParseDuration` of Go, which Istio and the API server's CEL `duration()` share, and `ValidateDuration` in Istio's
pkg/config/validation/agent.
"""

from __future__ import annotations

import re
from decimal import Decimal

_MICROSECONDS = {
    "ns": Decimal("0.001"),
    "us": Decimal(1),
    "µs": Decimal(1),
    "μs": Decimal(1),
    "ms": Decimal(1_000),
    "s": Decimal(1_000_000),
    "m": Decimal(60_000_000),
    "h": Decimal(3_600_000_000),
}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})(ns|us|µs|μs|ms|s|m|h)")
_MILLISECOND = _MICROSECONDS["ms"]
_LONGEST = Decimal(2**63 - 1) / 1_000  # Go counts nanoseconds in 64 bits


def parse(text: str, *, zero: bool = False) -> float | None:
    """Seconds in `text` ("1.5s", "300ms", "1h30m"); None where Istio would refuse it: no unit, negative, shorter than a
    millisecond, a fraction of one, or longer than 292 years. `zero` lets "0s" pass, for fields in which it means "off"."""
    rest, total = text.strip(), Decimal(0)
    if not rest or len(rest) > 100:
        return None
    place = 0
    while place < len(rest):
        part = _PART.match(rest, place)
        if part is None:
            return None
        total += Decimal(part[1]) * _MICROSECONDS[part[2]]
        place = part.end()
    if total % _MILLISECOND or total > _LONGEST or (total < _MILLISECOND and not (zero and total == 0)):
        return None
    return float(total / 1_000_000)


def write(seconds: float) -> str:
    """`seconds`, to the millisecond, as Istio's own examples have it: the largest unit that leaves a whole number, "0s" for 0."""
    milliseconds = round(seconds * 1_000)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if milliseconds % size == 0 and (milliseconds or unit == "s"):
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
