"""PostgreSQL and Redis for tests: on free loopback ports, in temporary folders, gone when the test or its process ends."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import redis as redis_client

from meshportal.demo.processes import die_with_parent, free_ports

SECONDS = 60


def postgres_binaries() -> Path | None:
    """The folder of the newest PostgreSQL here, or None. Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).parent if on_path else None


def redis_binary() -> str | None:
    return shutil.which("redis-server")


@contextmanager
def own_folder(user: str | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="meshportal-server-"))
    try:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(command: list[str], *, folder: Path, user: str | None, stop: signal.Signals) -> Iterator[Callable[[], None]]:
    """Run `command` until the block ends. Yields a function that raises AssertionError, with its output, once it has ended."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=die_with_parent(),
            user=user, group=user, extra_groups=[] if user else None,
        )  # fmt: skip

    def check() -> None:
        assert process.poll() is None, f"{command[0]} ended:\n{(folder / 'output').read_text()}"

    try:
        yield check
    finally:
        process.send_signal(stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(ready: Callable[[], bool], check: Callable[[], None], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not ready():
        check()
        assert time.monotonic() < deadline, f"{what} was not there after {SECONDS} s"
        time.sleep(0.05)


@contextmanager
def postgres() -> Iterator[str]:
    """An empty PostgreSQL. Yields its DATABASE_URL."""
    binaries = postgres_binaries()
    assert binaries is not None
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root; Debian's package made this user
    port, password = free_ports(1)[0], secrets.token_hex(16)
    url = f"postgres://meshportal:{password}@127.0.0.1:{port}/postgres"
    with own_folder(user) as folder:
        secret = folder / "password"
        secret.write_text(password)
        if user:
            os.chown(secret, pwd.getpwnam(user).pw_uid, -1)
        subprocess.run(
            [binaries / "initdb", "--pgdata", folder / "data", "--username", "meshportal", "--auth", "scram-sha-256",
             "--pwfile", secret, "--no-sync", "--encoding", "UTF8", "--locale", "C.UTF-8"],
            check=True, capture_output=True, cwd=folder, user=user, group=user, extra_groups=[] if user else None,
        )  # fmt: skip
        command = [
            str(binaries / "postgres"), "-D", str(folder / "data"), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder),
            "-c", "fsync=off", "-c", "shared_buffers=32MB", "-c", "max_connections=60",
        ]  # fmt: skip

        def answers() -> bool:
            try:
                psycopg.connect(url, connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        with running(command, folder=folder, user=user, stop=signal.SIGINT) as check:  # SIGINT: its fast shutdown
            wait_until(answers, check, "PostgreSQL")
            yield url


@contextmanager
def redis() -> Iterator[str]:
    """An empty Redis. Yields its REDIS_URL."""
    binary = redis_binary()
    assert binary is not None
    port = free_ports(1)[0]
    url = f"redis://127.0.0.1:{port}/0"
    with own_folder(None) as folder:
        command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]

        def answers() -> bool:
            try:
                with redis_client.Redis.from_url(url) as connection:
                    return bool(connection.ping())
            except redis_client.ConnectionError:
                return False

        with running(command, folder=folder, user=None, stop=signal.SIGTERM) as check:
            wait_until(answers, check, "Redis")
            yield url
