"""The processes that tests talk to: the sandbox API and, where it is built, a real control plane.

Both are context managers that give the JSON object the process prints when it is ready, and end it on every way out.
The users admin, portal, observer and nobody have the same rights on both, unless a test gives them others.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from meshportal.demo import rights
from meshportal.mesh.refs import Manifest
from meshportal.sandbox.api.roles import cluster_roles

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 120.0
Info = dict[str, Any]


class NotReady(RuntimeError):
    """A process ended, or said nothing, instead of its one line of JSON."""


@contextmanager
def sandbox_api(folder: Path, *arguments: str) -> Iterator[Info]:
    """`python -m meshportal.sandbox api --data FOLDER`: server, certificate_authority, tokens, kubeconfig, pid, …"""
    command = [sys.executable, "-m", "meshportal.sandbox", "api", "--data", str(folder), "--with-parent", *arguments]
    with running(command) as info:
        yield info


@contextmanager
def real_mesh(*arguments: str, roles: Mapping[str, Manifest] | None = None) -> Iterator[Info]:
    """`python -m tools.realmesh up`: the same keys, and istiod's addresses, pids and the folder of its logs.

    Its users get `roles`, a ClusterRole each, by default what the sandbox's roles.json gives them.
    """
    with running([sys.executable, "-m", "tools.realmesh", "up", *arguments]) as info:
        rights.grant(info, roles or {role["metadata"]["name"].removeprefix("meshportal-"): role for role in cluster_roles()})
        yield info


@contextmanager
def running(command: list[str]) -> Iterator[Info]:
    """Any process that prints one line of JSON on its standard output when it is ready."""
    # the real mesh ends with its standard input, so the pipe closes with this process, however that ends
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdin is not None
    assert process.stdout is not None
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
        raise NotReady(f"{process.args!r} ended with {process.wait()} and never was ready")
    info: Info = json.loads(line)
    return info


def forget_history(info: Info, version: str) -> None:
    """Let an API server forget its changes up to `version`, so that watches and pages from before it are gone."""
    if "pids" not in info:
        rights.post(info, "/sandbox/compact", {})
        return
    try:
        ask_etcd(info, "kv/compaction", {"revision": version})
    except urllib.error.HTTPError as error:
        if b"has been compacted" not in error.read():  # another test was faster
            raise


def ask_etcd(info: Info, what: str, body: object) -> Any:
    """The answer of a real mesh's etcd to a question past the API server. Raises OSError, of which urllib's errors are kinds."""
    # it has an HTTP gateway; its address is on its command line
    arguments = Path(f"/proc/{info['pids']['etcd']}/cmdline").read_text().split("\0")
    address = f"{arguments[arguments.index('--client') + 1]}/v3/{what}"
    request = urllib.request.Request(address, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
