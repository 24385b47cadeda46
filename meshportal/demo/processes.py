"""Child processes that never outlive the one that started them, and free ports for them."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # prctl(2)


class Failed(Exception):
    """Something did not start or ended by itself; the message is for the person at the terminal."""


def die_with_parent() -> Callable[[], None]:
    """What a child runs before its exec so that Linux ends it with SIGTERM when the calling thread ends, kill -9 included.

    SIGTERM and not SIGKILL, because some children have children of their own to end: `celery worker -B` its beat,
    the real control plane its API server. Elsewhere than on Linux there is no such thing, and nothing is done.
    """
    parent = os.getpid()

    def before_exec() -> None:
        if sys.platform == "linux":
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended between the fork and the prctl
            os._exit(1)

    return before_exec


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback address now."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closed connection does not hold a port
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """`count` different ports of the loopback address that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


class Child:
    """One running process. Its standard error goes to NAME.log, its standard output to NAME.out."""

    def __init__(self, name: str, command: Sequence[str | Path], logs: Path, cwd: Path | None = None) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self.out = logs / f"{name}.out"
        with self.log.open("wb") as err, self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE,  # some children end with their input
                stdout=out,
                stderr=err,
                cwd=cwd,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, and the whole session can be ended together
                preexec_fn=die_with_parent(),  # safe: the supervisor has one thread
            )

    def tail(self, lines: int = 12) -> str:
        """The last lines it wrote, for a message."""
        written = self.log.read_text(errors="replace").strip().splitlines()
        return "\n".join(f"    {line}" for line in written[-lines:]) or "    (it wrote nothing)"

    def check(self) -> None:
        """Raises Failed if it has ended."""
        code = self.process.poll()
        if code is not None:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise Failed(f"{self.name} ended by itself ({how}). The end of {self.log}:\n{self.tail()}")

    def answer(self, seconds: float) -> dict[str, Any]:
        """The line of JSON that it prints when it is ready. Raises Failed when it ends first or says nothing for `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            first, newline, _ = self.out.read_text().partition("\n")
            if newline:
                answer: dict[str, Any] = json.loads(first)
                return answer
            self.check()
            time.sleep(0.02)
        raise Failed(f"{self.name} was not ready after {seconds:.0f} s. The end of {self.log}:\n{self.tail()}")

    def signal_session(self, number: signal.Signals) -> None:
        """Send `number` to it and to everything it started."""
        with contextlib.suppress(ProcessLookupError):  # all of them have ended
            os.killpg(self.process.pid, number)


class Children:
    """The processes of one supervisor, in the order they were started; they run in `cwd`, else where it runs itself."""

    def __init__(self, logs: Path, cwd: Path | None = None) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.logs = logs
        self.cwd = cwd
        self.running: list[Child] = []

    def start(self, name: str, *command: str | Path) -> Child:
        child = Child(name, command, self.logs, self.cwd)
        self.running.append(child)
        return child

    def check(self) -> None:
        """Raises Failed if one of them has ended."""
        for child in self.running:
            child.check()

    def stop(self, grace: float = 8) -> None:
        """End all, the last started first: SIGTERM, and SIGKILL for what is left after `grace` seconds."""
        for child in reversed(self.running):
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + grace
        for child in self.running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.05, deadline - time.monotonic()))
            child.signal_session(signal.SIGKILL)  # also what a child left behind when it was killed itself
            child.process.wait()
            if child.process.stdin:
                child.process.stdin.close()
        self.running.clear()
