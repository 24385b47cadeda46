"""People in front of browsers: each has a window, signs in by the form, and complains of what a console says."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any, Self

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.demo.running import ROOT
from tests.e2e.stage import Stage

PICTURES = ROOT / "test-results"

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
# The browser reports every answer from 400 on. These are answers that a page is made for.
MEANT = re.compile(r"Failed to load resource: the server responded with a status of (403|404|409|422) ")


class People:
    """Everybody who looks at one demo, and the windows they have open."""

    def __init__(self, browser: Browser, stage: Stage) -> None:
        self.browser = browser
        self.stage = stage
        self.complaints: list[str] = []
        self.may_fail = re.compile("(?!)")  # what a test breaks on purpose
        self.open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.open.close()
        if kind is None:
            assert not self.complaints, "\n".join(self.complaints)

    def window(self, **options: Any) -> Page:
        """A page of a new browser context: nobody is signed in."""
        settings = {"viewport": DESK, "locale": "en-GB", "base_url": self.stage.address} | options
        context = self.browser.new_context(**settings)
        self.open.callback(context.close)
        context.set_default_timeout(20_000)
        self.watch(context)
        return context.new_page()

    def watch(self, context: BrowserContext) -> None:
        """Note what scripts and the content policy complain of, on every page of the context."""

        def heard(message: ConsoleMessage) -> None:
            text = message.text
            if message.type in {"error", "warning"} and not MEANT.match(text) and not self.may_fail.search(text):
                self.complaints.append(f"{message.location.get('url', '')}: {text}")

        context.on("console", heard)
        context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))

    def signed_in(self, username: str, **options: Any) -> Page:
        """A new window in which `username` has signed in by the form; it shows the board."""
        page = self.window(**options)
        page.goto("/account/sign-in/")
        sign_in(page, username, self.stage.password)
        return page


def keep_open(page: Page) -> None:
    """Mark the document: a reload would lose the mark."""
    page.evaluate("window.neverLeft = true")


def still_open(page: Page) -> bool:
    return bool(page.evaluate("window.neverLeft === true"))


def picture(page: Page, name: str) -> bytes:
    """Leave the whole page in test-results/ for people to look at."""
    PICTURES.mkdir(exist_ok=True)
    return page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def sign_in(page: Page, username: str, password: str) -> None:
    """Fill in the form that the page shows, in any language."""
    page.locator("input[name=username]").fill(username)
    page.locator("input[name=password]").fill(password)
    page.locator("main button[type=submit]").click()
    expect(page).to_have_url(re.compile(r"^http://[^/]+/$"))
