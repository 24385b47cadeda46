"""How long answers take: log-normal distributions, moved by delays and cut by timeouts."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

FOREVER = math.inf


class Latency(NamedTuple):
    """A log-normal distribution of milliseconds: p95 is median * exp(1.645 * sigma). With a sigma of 0 all take the median.

    Whoever took longer than `cap_ms` is not among these requests any more; all the others take `shift_ms` on top.
    """

    median_ms: float
    sigma: float
    shift_ms: float = 0.0
    cap_ms: float = FOREVER

    def within(self, milliseconds: float) -> float:
        """The share (0–1) that takes at most so long."""
        whole = self._below(self.cap_ms)
        return min(1.0, self._below(milliseconds - self.shift_ms) / whole) if whole else float(milliseconds >= self.shift_ms)

    def mean_ms(self) -> float:
        whole = self.median_ms * math.exp(self.sigma**2 / 2)
        share = self._below(self.cap_ms)
        if self.cap_ms < FOREVER and self.sigma and share:
            cut = (math.log(self.cap_ms / self.median_ms) - self.sigma**2) / self.sigma
            whole *= NormalDist().cdf(cut) / share
        return self.shift_ms + whole

    def cut(self, cap_ms: float) -> Latency:
        """Of those the ones that take at most so long."""
        return self._replace(cap_ms=min(self.cap_ms, cap_ms))

    def later(self, milliseconds: float) -> Latency:
        return self._replace(shift_ms=round(self.shift_ms + milliseconds, 3))

    def _below(self, milliseconds: float) -> float:
        if math.isinf(milliseconds) or not self.sigma:
            return float(milliseconds >= self.median_ms)
        if milliseconds <= 0:
            return 0.0
        return NormalDist(math.log(self.median_ms), self.sigma).cdf(math.log(milliseconds))


def exactly(milliseconds: float) -> Latency:
    return Latency(round(milliseconds, 3), 0.0)
