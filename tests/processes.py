"""The processes that tests talk to: the sandbox API and, where it is built, a real control plane.

Both are context managers that give the JSON object the process prints when it is ready, and end it on every way out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
REALMESH = "MESHPORTAL_TEST_REALMESH"
READY_SECONDS = 120.0
Info = dict[str, Any]


class NotReady(RuntimeError):
    """A process ended, or said nothing, instead of its one line of JSON."""


def real_mesh_script() -> Path | None:
    """realmesh.py as the environment names it, None where tests on a real control plane are not wanted."""
    named = os.environ.get(REALMESH, "")
    return Path(named) if named else None


@contextmanager
def sandbox_api(folder: Path, *arguments: str) -> Iterator[Info]:
    """`python -m meshportal.sandbox api --data FOLDER`: server, certificate_authority, tokens, kubeconfig, pid, …"""
    command = [sys.executable, "-m", "meshportal.sandbox", "api", "--data", str(folder), "--with-parent", *arguments]
    with _running(command) as info:
        yield info


@contextmanager
def real_mesh(*arguments: str) -> Iterator[Info]:
    """`realmesh.py up`: the same keys, and istiod's addresses, pids and the folder of its logs."""
    script = real_mesh_script()
    if script is None:
        raise NotReady(f"{REALMESH} does not name realmesh.py")
    with _running([sys.executable, str(script), "up", *arguments]) as info:
        yield info


@contextmanager
def _running(command: list[str]) -> Iterator[Info]:
    # realmesh.py ends with its standard input, so the pipe closes with this process, however that ends
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdin and process.stdout
    try:
        yield _first_line(process, process.stdout)
    finally:
        process.stdin.close()
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _first_line(process: subprocess.Popen[bytes], stdout: IO[bytes]) -> Info:
    late = threading.Timer(READY_SECONDS, process.kill)
    late.start()
    try:
        line = stdout.readline()
    finally:
        late.cancel()
    if not line:
        raise NotReady(f"{' '.join(process.args)} ended with {process.wait()} and was not ready")  # type: ignore[arg-type]
    info: Info = json.loads(line)
    return info
