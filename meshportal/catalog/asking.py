"""Asks Prometheus, at most five queries each time, whatever the number of services and viewers."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from meshportal.clients.ports import MetricsPort, MetricsUnavailable
from meshportal.mesh.observation import Last, Metrics
from meshportal.mesh.refs import ServiceRef

LOAD = 4.0
"""The pause is so many times as long as the queries took: never more than a quarter of one Prometheus core."""


class Asker:
    """Holds the last answers in `metrics`, a value that is replaced as a whole: another thread may read it at any time."""

    def __init__(
        self, port: MetricsPort, *, tick_seconds: float, window_seconds: int, stopwatch: Callable[[], float] = time.monotonic
    ) -> None:
        self.port, self.tick_seconds, self.window, self.stopwatch = port, tick_seconds, window_seconds, stopwatch
        self.metrics = Metrics()
        self.pause = tick_seconds
        self._asked = 0

    def ask(self, now: float, split: Collection[ServiceRef]) -> None:
        """T, E, P, and V for the services in `split`; the two latencies, which cost most, each on every third call.

        After the first failure nothing more is asked: a Prometheus that struggles is not helped by further queries.
        """
        turn, self._asked = self._asked % 3, self._asked + 1
        began = self.stopwatch()
        self.pause = self.tick_seconds
        if self._all(now, split, turn):
            self.pause = max(self.tick_seconds, LOAD * (self.stopwatch() - began))

    def _all(self, now: float, split: Collection[ServiceRef], turn: int) -> bool:
        port, window = self.port, self.window
        questions: dict[str, Callable[[], object]] = {
            "traffic": lambda: tuple(port.traffic(window)),
            "proxies": lambda: frozenset(port.proxies(window)),
            "control_plane": port.control_plane,
            "versions": lambda: tuple(port.versions(sorted(split), window)),
        }
        if turn == 0:
            questions["latency"] = lambda: tuple(port.latency(window))
        if turn == 1:
            questions["mesh_latency"] = lambda: dict(port.mesh_latency(window))
        error = ""
        for name, question in questions.items():
            error = self._one(name, now, question, error)
        if not error and self.metrics.control_plane.value.uptime_seconds is not None:
            self.metrics = replace(self.metrics, istiod_at=now)
        return not error

    def _one(self, name: str, now: float, question: Callable[[], object], error: str) -> str:
        """Ask one question, unless there has been an error before it. Returns the error, "" for none."""
        last: Last[object] = getattr(self.metrics, name)
        if not error:
            try:
                last = last.answered(question(), now)
            except MetricsUnavailable as unavailable:
                error = str(unavailable)
        answer: dict[str, Any] = {name: last.failed(error) if error else last}
        self.metrics = replace(self.metrics, **answer)
        return error
