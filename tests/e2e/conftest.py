"""One demo and one browser for all of these tests; a window of its own for every person of every test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.people import People
from tests.e2e.stage import Stage, stage


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium. The package's scope ends before other tests run: its event loop would disturb them."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("e2e") / "var", "sandbox") as started:
        yield started


@pytest.fixture
def people(chromium: Browser, sandbox: Stage) -> Iterator[People]:
    """Who looks at the demo. A script error, or anything the content policy blocks, fails the test at its end."""
    with People(chromium, sandbox) as people:
        yield people
