"""The portal's own processes on a real mesh, as an installation runs them, and the people who use it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshportal.demo.processes import Children, free_ports
from meshportal.demo.supervisor import Progress, Ready
from meshportal.demo.visitor import Page, Visitor
from meshportal.demo.walk import Walk
from tests.processes import ROOT, Info

CLUSTER = "real"
TICK_SECONDS = 2
PATIENCE_SECONDS = 90


@dataclass
class Portal:
    """A running portal, as alice, bob and a program with bob's token see it."""

    folder: Path
    walk: Walk
    alice: Visitor
    bob: Visitor
    api: Visitor

    def report(self, change: str) -> dict[str, Any]:
        """What stage.report tells of the change at the path `change`."""
        return stage(self.folder, "report", change.strip("/").rpartition("/")[2])

    def change(self, change: str) -> dict[str, Any]:
        told: dict[str, Any] = self.api.get_json(f"/api/v1{change.rstrip('/')}")
        return told

    def services(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self.api.get_json("/api/v1/services")
        return told

    def mesh(self) -> dict[str, Any]:
        told: dict[str, Any] = self.api.get_json(f"/api/v1/signals/{CLUSTER}")
        return told

    def source(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(source for source in self.mesh()["sources"] if source["name"] == name)
        return found

    def all_well(self) -> bool:
        """Also the pods of reviews: an outage that lets the leases of nodes lapse makes pods unready for a while, and the form
        refuses to send requests to none."""
        heard = all(source["ok"] for source in self.mesh()["sources"]) and self.mesh()["per_second"] is not None
        pods = [(one["pods_ready"], one["pods_total"]) for one in self.services() if one["name"] == "reviews"]
        return heard and pods != [] and all(ready and ready == total for ready, total in pods)

    def until(self, what: str, look: Callable[[], object]) -> None:
        """Until `look()` is true. An error of the API is no "not yet": it has to answer whatever is down."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not look():
            self.walk.check()
            assert time.monotonic() < deadline, f"never came: {what}. Sources: {self.mesh()['sources']}"
            time.sleep(0.2)

    def pages(self, change: str = "") -> list[Page]:
        """Every page alice has open, all of which must answer."""
        paths = ["/", "/services/", f"/services/{CLUSTER}/bookinfo/reviews/", "/changes/", *([change] if change else [])]
        pages = [self.alice.get(path) for path in paths]
        assert [page.status for page in pages] == [200] * len(paths), [(page.url, page.status) for page in pages]
        return pages

    def ask_and_approve(self) -> str:
        """The path of a change that alice asked for and bob approved."""
        change, _weight = self.walk.ask(self.alice)
        self.walk.approve(self.bob, change)
        return change


def environment(folder: Path) -> dict[str, str]:
    return {
        "VAR_DIR": str(folder),
        "STATIC_ROOT": str(folder / "static"),
        "OBSERVER_TICK_SECONDS": str(TICK_SECONDS),
        "C_FORCE_ROOT": "1",
    }


def stage(folder: Path, *arguments: str) -> dict[str, Any]:
    """What `python -m tests.chaos.stage` prints."""
    command = [sys.executable, "-m", "tests.chaos.stage", *arguments]
    done = subprocess.run(command, env=os.environ | environment(folder), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@contextmanager
def portal(folder: Path, mesh: Info, prometheus: str) -> Iterator[Portal]:
    """Observer, worker and web in `folder`, ready and with numbers; ended on every way out."""
    kubeconfig = mesh["kubeconfig"]
    opened = stage(folder, "open", CLUSTER, kubeconfig["portal"], kubeconfig["observer"], prometheus)
    children = Children(folder / "log", cwd=ROOT)
    (port,) = free_ports(1)
    settings = [f"{key}={value}" for key, value in environment(folder).items()]
    try:
        for name, *command in (
            ("observer", "manage.py", "observe"),
            (
                "worker",
                "-m",
                "celery",
                "-A",
                "meshportal",
                "worker",
                "-B",
                "--pool",
                "threads",
                "-c",
                "4",
                "--loglevel",
                "WARNING",
            ),
            ("web", "-m", "uvicorn", "meshportal.asgi:application", "--port", str(port), "--log-level", "warning"),
        ):
            children.start(name, "env", *settings, sys.executable, *command)
        address = f"http://127.0.0.1:{port}"
        ready = Ready(address, CLUSTER, opened["password"], [], 0.0, folder / "log")
        walk = Walk(ready, children.check, Progress(io.StringIO()))
        walk.until(PATIENCE_SECONDS, lambda: _unanswered(address))
        here = Portal(folder, walk, walk.sign_in("alice"), walk.sign_in("bob"), Visitor(address, token=opened["token"]))
        walk.until(PATIENCE_SECONDS, lambda: "" if here.api.get(f"/api/v1/signals/{CLUSTER}").status == 200 else "no Snapshot")
        here.until("the first numbers", here.all_well)
        yield here
    finally:
        children.stop()


def _unanswered(address: str) -> str:
    try:
        return "" if Visitor(address).get("/account/sign-in/").status == 200 else "the sign-in page is no page yet"
    except OSError as error:
        return str(error)
