"""Samples in memory, kept the way Prometheus keeps them: one list of (time, value) per label set, with stale markers.

Times are whole milliseconds since the epoch. Rules: https://prometheus.io/docs/prometheus/2.42/querying/basics/#staleness
"""

from __future__ import annotations

import re
import struct
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Labels = tuple[tuple[str, str], ...]
"""A label set, sorted by name; the metric's name is the label __name__."""

_STALE_BITS = struct.pack("<Q", 0x7FF0000000000002)
STALE: float = struct.unpack("<d", _STALE_BITS)[0]
"""The NaN by which Prometheus marks that a series has ended (model/value in its source). Compare with `is_stale` only."""

LOOKBACK_MS = 300_000
NAME = "__name__"


def is_stale(value: float) -> bool:
    # a NaN never equals itself, so the costly look at the bits happens for NaNs only
    return value != value and struct.pack("<d", value) == _STALE_BITS


def labels_of(name: str, labels: Mapping[str, str]) -> Labels:
    """The label set of a sample. Empty values are dropped: to Prometheus they are the same as no label."""
    return tuple(sorted([(NAME, name), *((key, value) for key, value in labels.items() if value)]))


@dataclass(frozen=True)
class Matcher:
    """One condition of a selector. `op` is =, !=, =~ or !~; a missing label counts as the empty string."""

    name: str
    op: str
    value: str

    def matches(self, value: str) -> bool:
        if self.op in ("=", "!="):
            return (value == self.value) == (self.op == "=")
        return (re.fullmatch(self.value, value) is not None) == (self.op == "=~")


class Series:
    """The samples of one label set in order of time."""

    __slots__ = ("labels", "nameless", "times", "values")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.nameless = tuple(pair for pair in labels if pair[0] != NAME)
        self.times = array("q")
        self.values = array("d")

    def append(self, time_ms: int, value: float) -> None:
        """Adds a sample. Raises ValueError if it is not younger than the last one: Prometheus refuses those too."""
        if self.times and time_ms <= self.times[-1]:
            raise ValueError(f"out of order sample at {time_ms}")
        self.times.append(time_ms)
        self.values.append(value)

    def at(self, time_ms: int) -> tuple[int, float] | None:
        """The youngest sample not older than the lookback; None where there is none or the series has ended."""
        index = bisect_right(self.times, time_ms) - 1
        # 2.42 still takes a sample exactly as old as the lookback
        if index < 0 or self.times[index] < time_ms - LOOKBACK_MS or is_stale(self.values[index]):
            return None
        return self.times[index], self.values[index]

    def between(self, start_ms: int, end_ms: int) -> tuple[array[int], list[float]]:
        """Samples with start <= time <= end, stale markers left out."""
        first, last = bisect_left(self.times, start_ms), bisect_right(self.times, end_ms)
        times, values = self.times[first:last], self.values[first:last].tolist()
        if any(is_stale(value) for value in values):
            kept = [(time, value) for time, value in zip(times, values, strict=True) if not is_stale(value)]
            return array("q", (time for time, _ in kept)), [value for _, value in kept]
        return times, values

    def forget_before(self, time_ms: int) -> None:
        first = bisect_left(self.times, time_ms)
        if first:
            del self.times[:first]
            del self.values[:first]


class Store:
    """All series. Safe to be written by one thread and read by others."""

    def __init__(self, retention_ms: int = 75 * 60_000) -> None:
        self.lock = threading.RLock()
        self._retention_ms = retention_ms
        self._by_name: dict[str, dict[Labels, Series]] = {}
        self._live: dict[str, set[Labels]] = {}
        self._scrapes = 0

    def scrape(self, target: str, time_ms: int, samples: Iterable[tuple[Labels, float]]) -> None:
        """Stores what `target` exposed. Series that it exposed the last time and no longer does get a stale marker."""
        with self.lock:
            seen: set[Labels] = set()
            for labels, value in samples:
                self._series(labels).append(time_ms, value)
                seen.add(labels)
            for labels in self._live.get(target, set()) - seen:
                self._series(labels).append(time_ms, STALE)
            self._live[target] = seen
            self._scrapes += 1
            if self._scrapes % 60 == 0:
                self._forget(time_ms - self._retention_ms)

    def select(self, matchers: Iterable[Matcher]) -> list[Series]:
        """Every series that fulfils all `matchers`, in no particular order."""
        matchers = list(matchers)
        with self.lock:
            return [series for series in self._candidates(matchers) if _fulfils(series, matchers)]

    def series(self) -> list[Series]:
        with self.lock:
            return [series for group in self._by_name.values() for series in group.values()]

    def _candidates(self, matchers: list[Matcher]) -> Iterator[Series]:
        names = [matcher for matcher in matchers if matcher.name == NAME]
        for name, group in self._by_name.items():
            if all(matcher.matches(name) for matcher in names):
                yield from group.values()

    def _series(self, labels: Labels) -> Series:
        group = self._by_name.setdefault(dict(labels)[NAME], {})
        found = group.get(labels)
        if found is None:
            found = group[labels] = Series(labels)
        return found

    def _forget(self, time_ms: int) -> None:
        for name, group in list(self._by_name.items()):
            for labels, series in list(group.items()):
                series.forget_before(time_ms)
                if not series.times:
                    del group[labels]
            if not group:
                del self._by_name[name]


def _fulfils(series: Series, matchers: list[Matcher]) -> bool:
    values = dict(series.labels)
    return all(matcher.matches(values.get(matcher.name, "")) for matcher in matchers if matcher.name != NAME)
