"""The worker dies by SIGKILL at each named place while it applies a change; the next one finishes. Nothing is lost or doubled."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from meshportal.changes import failpoints
from tests.processes import ROOT, Info, sandbox_api

LEASE_SECONDS = 2
PATIENCE_SECONDS = 60


def environment(folder: Path, **more: str) -> dict[str, str]:
    return os.environ | {"VAR_DIR": str(folder), "APPLY_LEASE_SECONDS": str(LEASE_SECONDS), "C_FORCE_ROOT": "1"} | more


def stage(folder: Path, verb: str, argument: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.chaos.stage", verb, argument]
    done = subprocess.run(command, env=environment(folder), cwd=ROOT, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextmanager
def worker(folder: Path, failpoint: str = "") -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "meshportal",
        "worker",
        "-B",
        "--pool",
        "threads",
        "-c",
        "2",
        "--loglevel",
        "WARNING",
    ]
    log = (folder / "worker.log").open("ab")
    process = subprocess.Popen(
        command,
        env=environment(folder, MESHPORTAL_FAILPOINT=failpoint),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        log.close()


def asked(info: Info, path: str) -> Any:
    """The sandbox API's answer to its admin."""
    context = ssl.create_default_context(cafile=info["certificate_authority"])
    request = urllib.request.Request(info["server"] + path, headers={"Authorization": f"Bearer {info['tokens']['admin']}"})
    with urllib.request.urlopen(request, context=context, timeout=10) as answer:
        return json.load(answer)


def gone(info: Info, plural: str) -> bool:
    try:
        live(info, plural)
    except urllib.error.HTTPError as error:
        return error.code == 404
    return False


def live(info: Info, plural: str) -> dict[str, Any]:
    manifest: dict[str, Any] = asked(info, f"/apis/networking.istio.io/v1/namespaces/bookinfo/{plural}/reviews")
    return manifest


def nothing_is_left(folder: Path) -> bool:
    """Whether every process of this portal ends."""
    mark = f"VAR_DIR={folder}\0".encode()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        left = False
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                left = left or mark in environ.read_bytes()
        if not left:
            return True
        time.sleep(0.2)
    return False


def waited_for(folder: Path, change: int, status: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (told := stage(folder, "report", str(change)))["status"] != status and time.monotonic() < deadline:
        time.sleep(0.3)
    return told


@pytest.mark.parametrize("failpoint", failpoints.ALL)
def test_a_killed_worker_loses_and_doubles_nothing(failpoint: str, tmp_path: Path) -> None:
    portal = tmp_path / "portal"
    with sandbox_api(tmp_path / "api") as info:
        change = stage(portal, "prepare", info["kubeconfig"]["admin"])["change"]
        with worker(portal, failpoint) as doomed:
            assert doomed.wait(PATIENCE_SECONDS) == -signal.SIGKILL, "the failpoint was not reached"
            assert nothing_is_left(portal), "the beat inside the worker outlived it"
        assert stage(portal, "report", str(change))["status"] == "applying"
        with worker(portal):
            told = waited_for(portal, change, "applied")

        assert told["status"] == "applied", f"{told}\n{(portal / 'worker.log').read_text()[-3000:]}"
        assert told["epoch"] == 2
        assert told["chain_holds"]
        assert told["claims"] == 0
        assert told["verbs"] == ["draft", "submit", "approve", "apply", "written", "written", "applied"]
        assert [write[2] for write in told["writes"]] == ["done", "done"]

        route = live(info, "virtualservices")
        weights = {entry["destination"]["subset"]: entry["weight"] for entry in route["spec"]["http"][0]["route"]}
        assert weights == {"v1": 90, "v2": 10}
        assert [subset["name"] for subset in live(info, "destinationrules")["spec"]["subsets"]] == ["v1", "v2"]
        tokens = [write["token"] for write in asked(info, "/sandbox/writes")["items"] if write.get("token")]
        assert sorted(tokens) == sorted(write[1] for write in told["writes"]), "one write per token"


@pytest.mark.parametrize("failpoint", failpoints.ALL)
def test_a_worker_killed_while_it_removes_objects_removes_each_once(failpoint: str, tmp_path: Path) -> None:
    portal = tmp_path / "portal"
    with sandbox_api(tmp_path / "api") as info:
        change = stage(portal, "prepare-removal", info["kubeconfig"]["admin"])["change"]
        with worker(portal, failpoint) as doomed:
            assert doomed.wait(PATIENCE_SECONDS) == -signal.SIGKILL, "the failpoint was not reached"
            assert nothing_is_left(portal)
        with worker(portal):
            told = waited_for(portal, change, "applied")

        assert told["status"] == "applied", f"{told}\n{(portal / 'worker.log').read_text()[-3000:]}"
        assert told["epoch"] == 2
        assert told["chain_holds"]
        assert told["claims"] == 0
        assert told["verbs"] == ["draft", "submit", "approve", "apply", "written", "written", "applied"]
        assert [write[::2] for write in told["writes"]] == [["VirtualService", "done"], ["DestinationRule", "done"]]
        assert gone(info, "virtualservices")
        assert gone(info, "destinationrules")
        deletions = [write for write in asked(info, "/sandbox/writes")["items"] if write["verb"] == "delete"]
        assert len(deletions) == 2, "each deletion was sent once"
