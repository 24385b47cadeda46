"""`manage.py demo`, as a person starts, uses and ends it."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from meshportal.demo.visitor import Visitor
from tests.demo.running import Running, check, demo, members

pytestmark = [pytest.mark.demo, pytest.mark.xdist_group("demo")]
PEOPLE = ("alice", "bob", "erin", "carol", "dave")


def gone(folder: Path, seconds: float = 30) -> bool:
    """Whether no process of the demo is left, now or within `seconds`."""
    deadline = time.monotonic() + seconds
    while members(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One demo for all tests that only look at it."""
    with demo(tmp_path_factory.mktemp("demo") / "var") as started:
        started.address()
        yield started


def test_it_tells_who_can_sign_in_and_they_can(running: Running) -> None:
    assert all(name in running.until(r"(?s)password.*Ctrl-C")[0] for name in PEOPLE)
    for name in PEOPLE:
        visitor = Visitor(running.address())
        page = visitor.get("/account/sign-in/")
        form = page.form("username", "password")
        assert form is not None
        assert visitor.press(page, form, username=name, password=running.password()).path == "/"


def test_every_part_runs_once(running: Running) -> None:
    commands = list(running.members().values())
    for part in ("sandbox api", "sandbox world", "manage.py observe", "uvicorn", "manage.py demo"):
        assert len([command for command in commands if part in command]) == 1, (part, commands)
    assert any("celery" in command for command in commands)


def test_a_second_one_in_the_same_folder_says_where_the_first_is(running: Running) -> None:
    code, _, said = check(running.folder)
    assert code == 1
    assert f"The demo is running already ({running.address()}" in said
    assert running.process.poll() is None


def test_a_next_start_has_the_same_rows_objects_and_address_and_every_end_leaves_nothing(tmp_path: Path) -> None:
    """SIGKILL: the supervisor cannot do anything any more, and still nothing is left."""
    seen = []
    for end in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        with demo(tmp_path / "var") as started:
            seen.append((started.address(), people_and_clusters(started), objects(started)))
            started.process.send_signal(end)
            assert started.process.wait(40) == (-signal.SIGKILL if end == signal.SIGKILL else 0)
            assert gone(started.folder)
            assert ("Stopped." in started.output) == (end != signal.SIGKILL)
    assert seen[0] == seen[1] == seen[2]
    assert all(seen[0])


def people_and_clusters(running: Running) -> list[tuple[int, str]]:
    """As the portal has them, by primary key and name."""
    with closing(sqlite3.connect(running.folder / "portal.sqlite3")) as database:
        people = database.execute("select id, username from accounts_person order by id").fetchall()
        return people + database.execute("select id, name from clusters_cluster order by id").fetchall()


def objects(running: Running) -> list[str]:
    """The identities of the routes in the mesh, as the observer saw them."""
    with closing(sqlite3.connect(running.folder / "portal.sqlite3")) as database:
        found = database.execute("select uid from catalog_liveobject where kind = 'VirtualService' order by uid")
        return [uid for (uid,) in found]


def test_when_a_part_dies_it_says_which_and_stops_the_others(tmp_path: Path) -> None:
    with demo(tmp_path / "var") as started:
        started.address()
        [victim] = [pid for pid, command in started.members().items() if "sandbox world" in command]
        os.kill(victim, signal.SIGKILL)
        assert started.process.wait(40) == 1
        assert "world ended by itself (signal 9)" in started.output
        assert gone(started.folder)
