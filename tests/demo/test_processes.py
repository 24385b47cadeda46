"""Children of a supervisor never outlive it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meshportal.demo.processes import Child, Children, Failed, free_ports, is_free

SLEEPER = "import time; time.sleep(600)"
ROOT = Path(__file__).resolve().parents[2]
# Starts a child that starts another, prints both ids and waits.
SUPERVISOR = """
import sys, time
from pathlib import Path
from meshportal.demo.processes import Children
children = Children(Path(sys.argv[1]))
print(children.start("sleeper", sys.executable, "-c", "import time; time.sleep(600)").process.pid, flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Whether process `pid` runs; one that ended and waits for its parent to notice does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def within(seconds: float, true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    made = Children(tmp_path / "log")
    yield made
    made.stop(grace=1)


def test_a_child_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout
        child = int(supervisor.stdout.readline())
        assert alive(child)
        supervisor.kill()
    assert within(10, lambda: not alive(child))


def test_stopping_ends_what_a_child_started_and_what_does_not_want_to_end(children: Children) -> None:
    stubborn = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{{"grandchild": %d}}' % subprocess.Popen([sys.executable, "-c", "{SLEEPER}"]).pid, flush=True)
time.sleep(600)
"""
    child = children.start("stubborn", sys.executable, "-c", stubborn)
    grandchild = child.answer(20)["grandchild"]
    pid = child.process.pid
    children.stop(grace=0.2)
    assert not alive(pid)
    assert within(10, lambda: not alive(grandchild))


def test_what_a_dead_child_wrote_last_is_told(children: Children) -> None:
    child = children.start("broken", sys.executable, "-c", "raise SystemExit('the cellar is flooded')")
    with pytest.raises(Failed, match=r"(?s)broken ended by itself \(exit code 1\).*the cellar is flooded"):
        child.answer(20)


def test_a_child_that_was_killed_is_told_by_its_signal(children: Children) -> None:
    child = children.start("sleeper", sys.executable, "-c", SLEEPER)
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()
    with pytest.raises(Failed, match=r"sleeper ended by itself \(signal 9\)"):
        children.check()


def test_a_child_that_says_nothing_is_not_waited_for_without_end(children: Children) -> None:
    child: Child = children.start("mute", sys.executable, "-c", SLEEPER)
    with pytest.raises(Failed, match="mute was not ready after 0 s"):
        child.answer(0.2)


def test_a_port_with_a_server_is_not_free() -> None:

    ports = free_ports(3)
    assert len(set(ports)) == 3
    with socket.socket() as server:
        server.bind(("127.0.0.1", ports[0]))
        server.listen()
        assert not is_free(ports[0])
    assert is_free(ports[0])
