"""Child processes that never outlive the one that started them, and free ports for them."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # prctl(2)
_TAIL_LINES = 15


class Failed(Exception):
    """Something did not start or ended by itself; the message is for the person at the terminal."""


def die_with_parent() -> Callable[[], None]:
    """What a child runs before its exec so that Linux kills it when the calling thread ends, kill -9 included.

    Start children from the main thread: "parent" is the thread, not the process.
    """
    parent = os.getpid()

    def before_exec() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended between the fork and the prctl
            os._exit(1)

    return before_exec


def end_with_input() -> None:
    """Let end of standard input mean SIGTERM for this process, from now on. A terminal is no such input."""
    if sys.stdin.isatty():
        return

    def watch() -> None:
        # os.read and not sys.stdin: a thread inside a buffered read holds a lock that the interpreter wants when it ends
        while os.read(0, 65536):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def free_ports(count: int) -> list[int]:
    """`count` different ports of 127.0.0.1 that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


@dataclass(frozen=True)
class Recipe:
    """How a child is started, first and again."""

    command: list[str]
    folder: Path
    environment: dict[str, str]


class Processes:
    """Running children, each with NAME.log in `folder` and a session of its own, so that its own children end with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._recipes: dict[str, Recipe] = {}
        self._ended_at: dict[str, float] = {}

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self.running.items()}

    def start(
        self, name: str, command: Sequence[object], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """Start `command` in `cwd` (else `folder`) with `env` on top of this process' environment."""
        (self.folder / f"{name}.log").unlink(missing_ok=True)
        self._recipes[name] = Recipe([str(part) for part in command], cwd or self.folder, os.environ | dict(env or {}))
        self._start(name)

    def _start(self, name: str) -> None:
        recipe = self._recipes[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                recipe.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=recipe.folder,
                env=recipe.environment,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )

    def revive(self, after: float) -> list[str]:
        """Start again, as they were, those that ended by themselves and were found so at least `after` seconds ago. Returns
        their names. To be called again and again, from the main thread."""
        revived = []
        for name, process in list(self.running.items()):
            if process.poll() is None:
                continue
            if time.monotonic() - self._ended_at.setdefault(name, time.monotonic()) < after:
                continue
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it left behind may hold its ports
            del self._ended_at[name]
            self._start(name)
            revived.append(name)
        return revived

    def tail(self, name: str) -> str:
        """The last lines that it wrote."""
        lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:]) or "(it wrote nothing)"

    def check(self) -> None:
        """Raises Failed if one of them has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise Failed(f"{name} ended with {process.returncode}:\n{self.tail(name)}")

    def wait(self, name: str, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Until `ready()` of `name`; an OSError from it means "not yet". Raises Failed when one ends first or time is over."""
        deadline = time.monotonic() + seconds
        while True:
            with suppress(OSError):
                if ready():
                    return
            self.check()
            if time.monotonic() > deadline:
                raise Failed(f"{name} was not ready after {seconds:.0f} s:\n{self.tail(name)}")
            time.sleep(0.05)

    def stop(self, grace: float = 8) -> None:
        """End all, the last started first: SIGTERM, and SIGKILL for what of their sessions is left after `grace` seconds."""
        for process in reversed(self.running.values()):
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + grace
        for process in self.running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.05, deadline - time.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.running.clear()
