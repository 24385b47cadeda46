"""What must hold on every page: axe finds nothing, nothing is blocked, and it fits the screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.pages import Changes, Sight, prepare, sights
from tests.e2e.people import DESK, PHONE, People
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]
AXE = Path(__file__).parent / "vendor" / "axe-core@4.14.1" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NARROWEST = {"width": 320, "height": 640}


@pytest.fixture(scope="module")
def changes(sandbox: Stage) -> Changes:
    return prepare(sandbox)


class Tour:
    """Goes through all pages in one kind of window; everybody signs in once."""

    def __init__(self, people: People, changes: Changes, **options: Any) -> None:
        self.sights = list(sights(people.stage, changes))
        self.people, self.options = people, options
        self.pages: dict[str, Page] = {}

    def page(self, sight: Sight) -> Page:
        """That page, in its state."""
        if not sight.who:
            page = self.people.window(**self.options)
        elif sight.who in self.pages:
            page = self.pages[sight.who]
        else:
            page = self.pages[sight.who] = self.people.signed_in(sight.who, **self.options)
        sight.show(page)
        return page


def violations(page: Page) -> list[str]:
    """What axe finds, a line for each element: rule, element, what is wrong."""
    page.add_script_tag(path=AXE)
    # what fades in after a change is not what one reads
    page.wait_for_function("document.getAnimations().every((one) => one.playState !== 'running')")
    found = page.evaluate("(tags) => axe.run(document, { runOnly: tags })", RULES)
    return [
        f"{violation['id']}: {node['target']}\n      {node['html'][:200]}\n      {node['failureSummary'][:400]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize(
    ("theme", "viewport", "language"),
    [
        pytest.param("light", DESK, "en-GB", id="light-1280-en"),
        pytest.param("dark", DESK, "en-GB", id="dark-1280-en"),
        pytest.param("light", PHONE, "en-GB", id="light-360-en"),
        pytest.param("dark", PHONE, "en-GB", id="dark-360-en"),
        pytest.param("light", DESK, "zh-CN", id="light-1280-zh"),
    ],
)
def test_axe_finds_nothing(people: People, changes: Changes, theme: str, viewport: dict[str, int], language: str) -> None:
    tour = Tour(people, changes, color_scheme=theme, viewport=viewport, locale=language, bypass_csp=True)
    wrong = {sight.name: found for sight in tour.sights if (found := violations(tour.page(sight)))}
    assert not wrong, "\n".join(f"{name}\n    " + "\n    ".join(found) for name, found in wrong.items())


MEASURE = """() => ({
  headings: document.querySelectorAll("h1").length,
  hidden: [...document.querySelectorAll("h1")].filter((one) => !one.innerText.trim()).length,
  wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  language: document.documentElement.lang,
  past: [...document.querySelectorAll("main *")]
    .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .filter((one) => !one.closest(".mp-scroll, pre, svg"))
    .map((one) => one.outerHTML.slice(0, 120)).slice(0, 3),
})"""


@pytest.mark.parametrize("viewport", [NARROWEST, PHONE, DESK], ids=lambda size: str(size["width"]))
@pytest.mark.parametrize(("locale", "language"), [("en-GB", "en"), ("zh-CN", "zh-Hans")], ids=["en", "zh"])
def test_it_has_one_heading_fits_and_breaks_no_rule(
    people: People, changes: Changes, viewport: dict[str, int], locale: str, language: str
) -> None:
    """Nothing scrolls sideways but what says so. What the content policy blocks fails at the end, by `people`."""
    tour = Tour(people, changes, viewport=viewport, locale=locale)
    wrong = []
    for sight in tour.sights:
        seen = tour.page(sight).evaluate(MEASURE)
        if seen["headings"] != 1 or seen["hidden"] or seen["wider"] > 0 or seen["language"] != language:
            wrong.append(f"{sight.name}: {seen}")
    assert not wrong, "\n".join(wrong)


def test_titles_tell_pages_apart(people: People, changes: Changes) -> None:
    tour = Tour(people, changes)
    titles = {sight.path: tour.page(sight).title() for sight in tour.sights if sight.status == 200 and "?" not in sight.path}
    assert len(set(titles.values())) == len(titles), titles
