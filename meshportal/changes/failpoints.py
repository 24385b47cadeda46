"""Places where a process can be told to die, so that tests can see what a crash there loses or doubles."""

from __future__ import annotations

import os
import signal

from django.conf import settings

AFTER_CLAIM = "after-claim"
AFTER_INTENT = "after-intent"
AFTER_WRITE = "after-write"
AFTER_RECORD = "after-record"
BEFORE_FINISH = "before-finish"
ALL = (AFTER_CLAIM, AFTER_INTENT, AFTER_WRITE, AFTER_RECORD, BEFORE_FINISH)


def reach(name: str) -> None:
    """Die here, without any cleaning up, if the setting FAILPOINT names this place."""
    if name == settings.FAILPOINT:
        os.kill(os.getpid(), signal.SIGKILL)
