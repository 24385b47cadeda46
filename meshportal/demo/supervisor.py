"""Starts every process of the product on one machine, watches them, stops them all.

The order: database → people → the mesh (fake or real) → its world or its data plane → web, worker, observer together. Nothing
here knows whether the mesh is the sandbox after its addresses are written into the cluster's row.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.clusters.services import register
from meshportal.demo import rights
from meshportal.demo.people import DEMO, Member, admit, cast
from meshportal.demo.processes import Child, Children, Failed, free_ports, is_free
from meshportal.mesh.snapshot import Snapshot

Mesh = Literal["sandbox", "real", "dataplane"]
PORTS = ("web", "api", "world", "control")
# Generous: a laptop that is busy with something else is slow, not broken.
START_SECONDS = {
    "sandbox api": 30, "real control plane": 180, "real data plane": 120, "world": 60, "web": 60, "first numbers": 180,
}  # fmt: skip
REQUESTS_PER_SECOND = 40
"""On the data plane: so many that by chance alone a version's measured share is never three points from its weight."""


@dataclass(frozen=True)
class Ready:
    """The running demo. `seconds` is the time from the start until the first numbers of the mesh were on the board."""

    address: str
    cluster: str
    password: str
    people: list[Member]
    seconds: float
    log_folder: Path


class Progress:
    """Tells the person at the terminal what is being done, and how long it took."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        self.stream.write(f"  {name} … ")
        self.stream.flush()
        try:
            yield
        except BaseException:
            self.stream.write("\n")
            raise
        self.stream.write(f"{time.monotonic() - began:.1f} s\n")
        self.stream.flush()


class Demo:
    """One demo in settings.VAR_DIR. Use as a context manager: leaving it stops every process."""

    def __init__(self, mesh: Mesh, *, progress: Progress, port: int | None = None) -> None:
        self.mesh = mesh
        self.progress = progress
        self.asked_port = port
        self.folder: Path = settings.VAR_DIR
        self.children = Children(self.folder / "log", cwd=settings.BASE_DIR)
        self.lock: IO[str] | None = None
        self.started_at = 0.0

    # ------------------------------------------------------------ life

    def __enter__(self) -> Demo:
        self.take_lock()
        return self

    def __exit__(self, *_: object) -> None:
        self.children.stop()
        connection.close()
        if self.lock:
            self.lock.close()

    def take_lock(self) -> None:
        """Raises Failed if another demo runs in this folder. The lock ends with this process, however it ends."""
        lock = (self.folder / "demo.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = lock.read().strip() or "starting"
            lock.close()
            raise Failed(f"The demo is running already ({who}). Stop that one first, or use another --folder.") from None
        self.lock = lock

    def start(self) -> Ready:
        """Start everything and wait until the board has numbers. Raises Failed, naming what did not start."""
        if self.mesh != "sandbox" and (self.folder / "portal.sqlite3").exists():
            raise Failed(f"A real mesh is new at every start, and {self.folder} holds an earlier one: use another --folder.")
        began, self.started_at = time.monotonic(), time.time()
        step = self.progress.step
        with step("database and static files"):
            call_command("migrate", interactive=False, verbosity=0)
            call_command("collectstatic", interactive=False, verbosity=0)
        with step("people"):
            people = cast(self.mesh)
            password = admit(people, now=timezone.now())
        ports = self.ports()
        address = f"http://127.0.0.1:{ports['web']}"
        self.start_mesh(ports)
        self.start_portal(ports["web"])
        with step("web"):
            self.wait("web", lambda: unanswered(f"{address}/account/sign-in/"))
        with step("first numbers of the mesh"):
            self.wait("first numbers", self.numbers_missing)
        self.note(f"{address}, process {os.getpid()}")
        return Ready(address, self.mesh, password, people, time.monotonic() - began, self.folder / "log")

    def watch(self) -> None:
        """Until interrupted. Raises Failed when a process ends by itself."""
        while True:
            self.children.check()
            time.sleep(0.3)

    # ------------------------------------------------------------ parts

    def ports(self) -> dict[str, int]:
        """The ports of the last start where they are free, so that bookmarks and kubeconfigs stay right; else new ones."""
        path = self.folder / "demo.json"
        known: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        fresh = iter(free_ports(len(PORTS)))
        chosen = {name: known[name] if name in known and is_free(known[name]) else next(fresh) for name in PORTS}
        if self.asked_port is not None:
            if not is_free(self.asked_port):
                raise Failed(f"Port {self.asked_port} is taken by another program: choose another --port.")
            chosen["web"] = self.asked_port
        path.write_text(json.dumps(chosen))
        return chosen

    def start_mesh(self, ports: dict[str, int]) -> None:
        """Start the mesh and what carries traffic in it, and write their addresses into the cluster's row."""
        info = self.start_sandbox(ports["api"]) if self.mesh == "sandbox" else self.start_real()
        seen = self.start_data_plane() if self.mesh == "dataplane" else self.start_world(info, ports)
        kubeconfig: dict[str, str] = info["kubeconfig"]
        register(
            self.mesh, worker_kubeconfig=kubeconfig["portal"], observer_kubeconfig=kubeconfig["observer"],
            prometheus_url=seen["prometheus"], istiod_url=info.get("istiod_http") or seen["istiod"],
            by=DEMO, now=timezone.now(), replace=True,
        )  # fmt: skip

    def start_world(self, info: dict[str, Any], ports: dict[str, int]) -> dict[str, Any]:
        """Simulated workloads, traffic and metrics, on whatever mesh printed `info`."""
        istiod = ["--istiod-metrics", info["istiod_monitoring"] + "/metrics"] if "istiod_monitoring" in info else []
        with self.progress.step("world: workloads, traffic, metrics"):
            child = self.module(
                "world", "meshportal.sandbox", "world", "--kube", info["kubeconfig"]["admin"],
                "--port", str(ports["world"]), "--control-port", str(ports["control"]), *istiod,
            )  # fmt: skip
            return child.answer(START_SECONDS["world"])

    def start_data_plane(self) -> dict[str, Any]:
        """Real workloads with real sidecars, requests through them, and a Prometheus that scrapes them."""
        with self.progress.step("real data plane: Envoys, requests, Prometheus"):
            child = self.module(
                "dataplane", "tools.realmesh", "dataplane", "--info", str(self.children.logs / "real.out"),
                "--prometheus", "--requests", str(REQUESTS_PER_SECOND),
            )  # fmt: skip
            return child.answer(START_SECONDS["real data plane"])

    def start_sandbox(self, port: int) -> dict[str, Any]:
        with self.progress.step("sandbox api"):
            data = self.folder / "sandbox"
            child = self.module("sandbox-api", "meshportal.sandbox", "api", "--data", str(data), "--port", str(port))
            return child.answer(START_SECONDS["sandbox api"])

    def start_real(self) -> dict[str, Any]:
        with self.progress.step("real control plane: Kubernetes and istiod"):
            child = self.module("real", "tools.realmesh", "up")
            info = child.answer(START_SECONDS["real control plane"])
            try:
                rights.grant(info, rights.shipped())
            except OSError as error:
                raise Failed(f"The real control plane did not take the portal's rights: {error}") from None
            return info

    def start_portal(self, port: int) -> None:
        manage = settings.BASE_DIR / "manage.py"
        self.children.start("observer", sys.executable, manage, "observe")
        self.module(
            "worker", "celery", "-A", "meshportal", "worker", "-B", "--pool", "threads", "-c", "4",
            "--loglevel", "WARNING", "--without-gossip", "--without-mingle",
        )  # fmt: skip
        self.module(
            "web", "uvicorn", "meshportal.asgi:application", "--port", str(port), "--no-access-log",
            "--timeout-graceful-shutdown", "3", "--log-level", "warning",
        )  # fmt: skip

    def module(self, name: str, module: str, *arguments: str) -> Child:
        return self.children.start(name, sys.executable, "-m", module, *arguments)

    # ------------------------------------------------------------ waiting

    def wait(self, what: str, missing: Callable[[], str]) -> None:
        """Until `missing()`, which says what is not there yet, returns "". Raises Failed when a process ends or time is over."""
        deadline = time.monotonic() + START_SECONDS[what]
        while why := missing():
            self.children.check()
            if time.monotonic() > deadline:
                ends = "\n".join(f"  {child.name} ({child.log}):\n{child.tail(5)}" for child in self.children.running)
                raise Failed(f"{what}: after {START_SECONDS[what]} s {why}. What the processes wrote last:\n{ends}")
            time.sleep(0.1)

    def numbers_missing(self) -> str:
        """What is missing until the board shows traffic, taken after this start, with every source well."""
        row = SnapshotRow.objects.filter(cluster__name=self.mesh).first()
        snapshot = Snapshot.from_json(row.body) if row else None
        if snapshot is None or snapshot.taken_at < self.started_at:
            return "the observer has not seen the mesh"
        gone = [f"{source.name} does not answer ({source.error})" for source in snapshot.sources if not source.ok]
        return "; ".join(gone) or ("" if snapshot.mesh.per_second is not None else "there is no traffic")

    def note(self, text: str) -> None:
        """Leave in the lock file what a second start shall say."""
        if self.lock:
            self.lock.truncate(0)
            self.lock.write(text)
            self.lock.flush()


def unanswered(url: str) -> str:
    """Why `url` does not answer with 200 yet, or ""."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310  our own loopback address
            return "" if response.status == 200 else f"it answers {response.status}"
    except OSError as error:
        return f"it does not answer ({error})"
