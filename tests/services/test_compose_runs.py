"""Each service of docker-compose.yml, started with its own command and environment against PostgreSQL and Redis of this run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from meshportal.demo.processes import die_with_parent, free_ports
from tests import compose, servers

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("compose")]
SECONDS = 90


@dataclass(frozen=True)
class Stack:
    """Where the services find what they need: addresses in place of the containers' names, and a folder to write to."""

    database: str
    broker: str
    folder: Path

    def service(self, name: str) -> compose.Service:
        given = {"SECRET_KEY": "s" * 50, "POSTGRES_PASSWORD": "p", "WORKER_KUBECONFIG": "w", "OBSERVER_KUBECONFIG": "o"}
        return compose.services(given)[name]

    def environment(self, name: str) -> dict[str, str]:
        """What compose gives it, with the two host names resolved, and nothing of this process but PATH and HOME."""
        own = self.service(name).environment
        assert "@postgres:5432/" in own["DATABASE_URL"]
        assert "//redis:6379/" in own["REDIS_URL"]
        return {
            **own,
            "DATABASE_URL": self.database,
            "REDIS_URL": self.broker,
            "VAR_DIR": str(self.folder),  # the image sets it
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
        }

    @contextmanager
    def running(self, name: str, *, ports: dict[str, str] | None = None) -> Iterator[Running]:
        """Start it as compose would. `ports` exchanges arguments: two test runs cannot both have port 8000."""
        command = [(ports or {}).get(part, part) for part in self.service(name).command]
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=compose.ROOT, env=self.environment(name), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                preexec_fn=die_with_parent(),
            )  # fmt: skip
        try:
            yield Running(name, process, log)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def once(self, name: str, *more: str) -> str:
        """Run its command to its end. Returns what it wrote."""
        command = [*self.service(name).command, *more]
        environment = self.environment(name)
        done = subprocess.run(command, cwd=compose.ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def select(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database) as connection:
            return list(connection.execute(query.encode()).fetchall())


@dataclass(frozen=True)
class Running:
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def until(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not ready():
            assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"{self.name} was not there after {SECONDS} s:\n{self.log.read_text()}"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A migrated PostgreSQL and a Redis."""
    with servers.postgres() as database, servers.redis() as broker:
        made = Stack(database, broker, tmp_path_factory.mktemp("stack"))
        made.once("migrate")
        yield made


def test_migrate_made_the_tables_and_a_second_time_does_nothing(stack: Stack) -> None:
    assert "No migrations to apply" in stack.once("migrate")
    assert stack.select("select count(*) from changes_changerequest") == [(0,)]


def test_web_answers(stack: Stack) -> None:
    port = free_ports(1)[0]

    def signs_in() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/account/sign-in/", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    with stack.running("web", ports={"8000": str(port)}) as web:
        web.until(signs_in)


def test_worker_answers_to_a_ping_and_does_what_beat_says(stack: Stack) -> None:
    with stack.running("worker") as worker:
        ping = ["celery", "-A", "meshportal", "inspect", "ping", "--timeout", "5"]

        def answers() -> bool:
            done = subprocess.run(ping, cwd=compose.ROOT, env=stack.environment("worker"), capture_output=True, text=True)
            return done.returncode == 0 and "pong" in done.stdout

        worker.until(answers)
        with stack.running("beat") as beat:
            beat.until(lambda: bool(stack.select("select 1 from catalog_heartbeat where name = 'worker'")))


def test_observer_runs_and_says_why_it_cannot_see_a_mesh(stack: Stack) -> None:
    with stack.running("observer") as observer:
        subprocess.run(
            [sys.executable, "manage.py", "cluster", "add", "east", "--worker-kubeconfig", "/nowhere/worker",
             "--observer-kubeconfig", "/nowhere/observer", "--prometheus-url", "http://127.0.0.1:9"],
            cwd=compose.ROOT, env=stack.environment("observer"), check=True, capture_output=True,
        )  # fmt: skip
        observer.until(lambda: "east" in observer.log.read_text())
