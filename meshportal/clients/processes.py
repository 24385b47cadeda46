"""What a long-running process of the portal does about the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """From now on this process gets SIGTERM when its parent ends, however that ends. Elsewhere than on Linux nothing happens."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == 1:  # it had ended before we could ask
        os.kill(os.getpid(), signal.SIGTERM)
