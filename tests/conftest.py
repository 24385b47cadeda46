"""What every test run has: tiers with reasons, the Celery application, and a folder of its own."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest
from django.conf import settings
from django.db import connection

import meshportal.celery  # noqa: F401  makes `task.delay` know its broker
from meshportal.audit import append_only
from tests.tiers import TIERS, Tally

TALLY = pytest.StashKey[Tally]()
LACKING = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLY] = tally = Tally.empty(os.environ.get("MESHPORTAL_REQUIRE", ""))
    config.pluginmanager.register(Recorder(tally))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lacks = {tier: look() for tier, look in TIERS.items()}
    for item in items:
        item.stash[LACKING] = [tier for tier, reason in lacks.items() if reason and item.get_closest_marker(tier)]
        for tier in item.stash[LACKING]:
            item.add_marker(pytest.mark.skip(reason=lacks[tier]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write the tiers into the report, which is all that the process that counts sees of a test.

    A test of two tiers that one of them keeps from running was no test of the other.
    """
    report = yield
    marked = [tier for tier in TIERS if item.get_closest_marker(tier)]
    report.tiers = item.stash[LACKING] or marked  # type: ignore[attr-defined]
    return report


class Recorder:
    def __init__(self, tally: Tally) -> None:
        self.tally = tally

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.tally.add(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    only_collected = session.config.option.collectonly
    if not is_worker(session.config) and not only_collected and session.config.stash[TALLY].missing():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash[TALLY]
    terminalreporter.section("tiers")
    for line in tally.lines():
        terminalreporter.line(line)
    for sentence in tally.missing():
        terminalreporter.line(f"ERROR: {sentence}", red=True)


def is_worker(config: pytest.Config) -> bool:
    """Whether this is one of pytest-xdist's workers: the process that started it counts for all."""
    return hasattr(config, "workerinput")


@pytest.fixture(autouse=True)
def audit_can_be_emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test with real transactions is cleaned up by emptying every table, which the triggers of the audit record refuse."""
    marker = request.node.get_closest_marker("django_db")
    transactional = marker is not None and marker.kwargs.get("transaction")
    if transactional:
        request.getfixturevalue("transactional_db")
    yield
    if transactional:
        append_only.remove(connection)


@pytest.fixture(autouse=True, scope="session")
def own_folder() -> Iterator[None]:
    """Tests never see what a developer keeps in var/: tests/settings.py gave this run a folder of its own."""
    assert not settings.VAR_DIR.is_relative_to(settings.BASE_DIR), "VAR_DIR of a test run is inside the repository"
    yield
