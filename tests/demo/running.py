"""A demo of a test: started as a person starts it, in a folder of its own, and whatever happens, gone at the end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from meshportal.demo.processes import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 240


@dataclass
class Running:
    """The supervisor, and what it has printed so far."""

    process: subprocess.Popen[str]
    folder: Path
    printed: list[str] = field(default_factory=list)

    def read(self, stream: IO[str]) -> None:
        for line in stream:
            self.printed.append(line)

    @property
    def output(self) -> str:
        return "".join(self.printed)

    def until(self, pattern: str) -> re.Match[str]:
        """Wait for it to print `pattern`. Raises AssertionError, with all it printed, when it ends without."""
        deadline = time.monotonic() + READY_SECONDS
        while (found := re.search(pattern, self.output)) is None:
            ended = self.process.poll() is not None
            assert not ended, f"ended with {self.process.returncode}:\n{self.output}"
            assert time.monotonic() < deadline, f"no {pattern!r} after {READY_SECONDS} s:\n{self.output}"
            time.sleep(0.05)
        return found

    def address(self) -> str:
        return self.until(r"Ready after [\d.]+ s:\s+(http://127\.0\.0\.1:\d+)")[1]

    def password(self) -> str:
        return self.until(r"with the password\s+(\S+)")[1]

    def members(self) -> dict[int, str]:
        """Every living process of this demo, the supervisor too: id and command line."""
        return members(self.folder)


def members(folder: Path) -> dict[int, str]:
    """Every living process whose VAR_DIR is `folder`: id and command line. Its children's children have inherited it."""
    mark = f"VAR_DIR={folder}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if command:  # a process that ended and was not waited for has none
                    found[int(entry.name)] = command
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended, or is not ours
    return found


def arguments(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "manage.py", "demo", "--folder", str(folder), *more]


def environment() -> dict[str, str]:
    """This process' own, without what its test run set: a person has none of that."""
    return {key: value for key, value in os.environ.items() if key not in {"VAR_DIR", "DJANGO_SETTINGS_MODULE"}}


@contextmanager
def demo(folder: Path, *more: str) -> Iterator[Running]:
    process = subprocess.Popen(
        arguments(folder, *more), cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, preexec_fn=die_with_parent(),
    )  # fmt: skip
    assert process.stdout
    running = Running(process, folder.resolve())
    reader = threading.Thread(target=running.read, args=[process.stdout])
    reader.start()
    try:
        yield running
    finally:
        process.terminate()
        try:
            process.wait(40)
        finally:
            for pid in running.members():
                os.kill(pid, signal.SIGKILL)
            process.wait()
            reader.join(20)
            process.stdout.close()


def check(folder: Path, *more: str) -> tuple[int, dict[str, Any], str]:
    """`manage.py demo --check`: its exit code, the object it printed ({} for none) and what it said on the way."""
    command = arguments(folder, "--check", *more)
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else {}, done.stderr
