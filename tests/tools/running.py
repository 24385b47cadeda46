"""A real mesh of a test, started as a person starts it, and everything that it started, found by a mark in the environment."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.processes import ROOT

SECONDS = 120
_KEY = "REALMESH_TEST_MARK"


class Marked:
    """Processes with one mark, which their children inherit, and a folder for what they leave when they are killed."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.mark = f"{_KEY}={secrets.token_hex(8)}"
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, stdin: IO[bytes] | int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """`python -m tools.realmesh ARGUMENTS` with pipes, or another process' output as its input."""
        key, _, value = self.mark.partition("=")
        command = [sys.executable, "-m", "tools.realmesh", *arguments]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {key: value, "TMPDIR": self.folder},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.started.append(process)
        return process

    def living(self) -> dict[int, str]:
        """Id and command line."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and self.mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if command:  # a process that ended and was not waited for has none
                        found[int(entry.name)] = command
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it ended, or is not ours
        return found

    def named(self, part: str) -> list[int]:
        return [pid for pid, command in self.living().items() if part in command]

    def kill(self, pid: int) -> None:
        """SIGKILL, for one of them and no other process."""
        assert pid in self.living()
        os.kill(pid, signal.SIGKILL)

    def until(self, part: str, count: int) -> None:
        """Wait until `count` whose command line holds `part` are left."""
        deadline = time.monotonic() + SECONDS
        while len(self.named(part)) != count:
            assert time.monotonic() < deadline, self.living()
            time.sleep(0.02)

    def end(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        for pid in self.living():
            os.kill(pid, signal.SIGKILL)


@contextmanager
def marked() -> Iterator[Marked]:
    """Whatever happens, nothing with the mark is left."""
    with tempfile.TemporaryDirectory(prefix="meshportal-test-", ignore_cleanup_errors=True) as folder:
        processes = Marked(folder)
        try:
            yield processes
        finally:
            processes.end()


def answer(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The line it prints when it is ready; AssertionError, with what it complained about, when it ends first."""
    assert process.stdout
    assert process.stderr
    line = process.stdout.readline()
    assert line, process.stderr.read().decode()
    said: dict[str, Any] = json.loads(line)
    return said
