"""`manage.py observe` as a process: real threads, a real API server's protocol, and things that end under it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from meshportal.clients import connect
from meshportal.demo.processes import free_ports
from tests.mesh.objects import namespace, service, virtual_service
from tests.processes import ROOT, sandbox_api

SECONDS = 60
MANAGE = [sys.executable, "manage.py"]


class Portal:
    """A portal's folder with its database, and the observer that runs on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "portal.sqlite3"
        self.prometheus = f"http://127.0.0.1:{free_ports(1)[0]}"  # nobody listens there
        own = {"VAR_DIR": str(folder), "OBSERVER_TICK_SECONDS": "1", "DJANGO_SETTINGS_MODULE": "meshportal.settings"}
        self.environment = os.environ | own

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*MANAGE, *arguments], cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True)

    def add(self, name: str, kubeconfig: str) -> None:
        files = ["--worker-kubeconfig", kubeconfig, "--observer-kubeconfig", kubeconfig]
        self.run("cluster", "add", name, *files, "--prometheus-url", self.prometheus, "--replace")

    @contextmanager
    def observing(self) -> Iterator[subprocess.Popen[str]]:
        command = [*MANAGE, "observe", "--with-parent"]
        with (self.folder / "observer.log").open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, text=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def log(self) -> str:
        return (self.folder / "observer.log").read_text()

    def snapshot(self, cluster: str) -> dict[str, Any]:
        """The body of the cluster's Snapshot, {} before the first."""
        with closing(sqlite3.connect(self.database, timeout=20)) as connection:
            sql = "select body from catalog_snapshot join clusters_cluster c on c.id = cluster_id where c.name = ?"
            row = connection.execute(sql, (cluster,)).fetchone()
        return json.loads(row[0]) if row else {}

    def wait(self, cluster: str, what: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first Snapshot of which `what` is true."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            snapshot = self.snapshot(cluster)
            if snapshot and what(snapshot):
                return snapshot
            time.sleep(0.05)
        raise AssertionError(f"not within {SECONDS} s; the last Snapshot: {self.snapshot(cluster)}\n{self.log()}")


def source(snapshot: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(source for source in snapshot["sources"] if source["name"] == name)
    return found


def services(snapshot: dict[str, Any]) -> list[str]:
    return sorted(f"{service['namespace']}/{service['name']}" for service in snapshot["services"])


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portal's folder with an empty database, to be copied: making one takes seconds."""
    portal = Portal(tmp_path_factory.mktemp("empty"))
    portal.run("migrate", "-v0")
    return portal.folder


@pytest.fixture
def portal(tmp_path: Path, empty: Path) -> Portal:
    return Portal(Path(shutil.copytree(empty, tmp_path / "portal")))


def test_it_follows_a_cluster_through_the_end_of_everything_around_it(portal: Portal, tmp_path: Path) -> None:
    port = str(free_ports(1)[0])
    with portal.observing() as process:
        with sandbox_api(tmp_path / "api", "--port", port) as info:
            kubernetes = connect.cluster(info["kubeconfig"]["admin"])
            kubernetes.create(namespace("shop", owner="team-shop", injected=True))
            kubernetes.create(service("cart"))
            portal.add("late", info["kubeconfig"]["observer"])  # registered while the observer runs
            portal.wait("late", lambda snapshot: services(snapshot) == ["shop/cart"])
            kubernetes.create(service("web"))
            kubernetes.create(virtual_service("web", [{"destination": {"host": "web"}}]))
            seen = portal.wait("late", lambda snapshot: services(snapshot) == ["shop/cart", "shop/web"])
            assert source(seen, "kubernetes")["ok"] and not source(seen, "prometheus")["ok"]
            assert {service["state"] for service in seen["services"]} <= {"UNKNOWN", "WARN"}
        gone = portal.wait("late", lambda snapshot: not source(snapshot, "kubernetes")["ok"])
        assert services(gone) == ["shop/cart", "shop/web"]
        with sandbox_api(tmp_path / "api", "--port", port):
            back = portal.wait("late", lambda snapshot: bool(source(snapshot, "kubernetes")["ok"]))
            assert back["version"] > gone["version"] > seen["version"]
        with closing(sqlite3.connect(portal.database, timeout=20)) as connection:
            assert connection.execute("select kind, name from catalog_liveobject").fetchall() == [("VirtualService", "web")]
        assert portal.log().count("source answers") == 2, portal.log()  # a line for each change, none for a tick
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    with closing(sqlite3.connect(portal.database, timeout=20)) as connection:  # the place is free for another at once
        assert connection.execute("select expires_at from catalog_observerlease").fetchone()[0].startswith("1970")


def test_a_prometheus_that_accepts_and_never_answers_does_not_hold_up_the_rest(portal: Portal, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, sandbox_api(tmp_path / "api") as info, portal.observing():
        portal.prometheus = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        portal.add("prod", info["kubeconfig"]["observer"])
        first = portal.wait("prod", lambda snapshot: True)
        # its one request is still under way: nothing has failed yet, and nothing is claimed
        assert source(first, "prometheus") == {"name": "prometheus", "ok": False, "observed_at": None, "error": ""}
        failed = portal.wait("prod", lambda snapshot: source(snapshot, "prometheus")["error"] != "")
        assert failed["version"] > first["version"] + 1
        assert source(failed, "kubernetes")["ok"]


def test_a_database_that_is_locked_is_waited_for(portal: Portal, tmp_path: Path) -> None:
    with sandbox_api(tmp_path / "api") as info, portal.observing() as process:
        portal.add("prod", info["kubeconfig"]["observer"])
        before = portal.wait("prod", lambda snapshot: bool(source(snapshot, "kubernetes")["ok"]))
        with closing(sqlite3.connect(portal.database, timeout=20, isolation_level=None)) as connection:
            connection.execute("begin immediate")
            time.sleep(3)
            connection.execute("rollback")
        portal.wait("prod", lambda snapshot: snapshot["version"] > before["version"])
        assert process.poll() is None


def test_once_looks_and_ends(portal: Portal, tmp_path: Path) -> None:
    with sandbox_api(tmp_path / "api") as info:
        portal.add("prod", info["kubeconfig"]["observer"])
        portal.run("observe", "--once")
        snapshot = portal.snapshot("prod")
        assert snapshot["version"] == 1 and source(snapshot, "kubernetes")["ok"]
    with pytest.raises(subprocess.CalledProcessError) as failed:
        portal.run("observe", "--once", "--cluster", "typo")
    assert "There is no cluster typo" in failed.value.stderr


def test_it_ends_with_the_process_that_started_it(portal: Portal, tmp_path: Path) -> None:
    starter = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", starter, *MANAGE, "observe", "--with-parent"]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    environment = portal.environment
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=nowhere, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        portal.add("prod", str(tmp_path / "no.kubeconfig"))
        portal.wait("prod", lambda snapshot: True)  # so it has long asked to end with its parent
        parent.kill()
    deadline = time.monotonic() + SECONDS
    while Path(f"/proc/{child}").exists() and "zombie" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
