"""Places where a process can be told to die while it works on a canary, so that tests can see what a crash there loses or
doubles.

The setting FAILPOINT names one, alone or with where it is to happen: "canary-after-patch", "canary-after-patch:2" for step 2
(from 0), "canary-after-patch:rollback".
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings

AFTER_CLAIM = "canary-after-claim"
AFTER_INTENT = "canary-after-intent"
AFTER_PATCH = "canary-after-patch"
AFTER_READ_BACK = "canary-after-read-back"
BEFORE_RECORD = "canary-before-record"
BEFORE_FINISH = "canary-before-finish"
ALL = (AFTER_CLAIM, AFTER_INTENT, AFTER_PATCH, AFTER_READ_BACK, BEFORE_RECORD, BEFORE_FINISH)
ROLLBACK = "rollback"


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


_ways: list[Callable[[], None]] = [_kill]


@contextmanager
def dying(by: Callable[[], None]) -> Iterator[None]:
    """Within it a process that is to die calls `by` instead: a test that lives in the same process lets it raise."""
    _ways.append(by)
    try:
        yield
    finally:
        _ways.pop()


def reach(name: str, where: int | str = "") -> None:
    """Die here, without any cleaning up, if the setting FAILPOINT names this place. `where` is a step or ROLLBACK."""
    if settings.FAILPOINT in (name, f"{name}:{where}"):
        _ways[-1]()
