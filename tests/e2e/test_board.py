"""The board while things happen: it follows by itself, and never says more than is known."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.people import People, keep_open, picture, still_open
from tests.e2e.stage import NAMESPACE, Stage

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]
TWO_LOOKS, LONG = 30_000, 90_000  # milliseconds
ZERO_PERCENT = re.compile(r"(?<![\d.,])0(\.0+)?\s%")
REVIEWS = f"{NAMESPACE}/reviews"


def looks(people: People, username: str) -> Page:
    """Somebody's board, alive. From now on a reload would be noticed."""
    page = people.signed_in(username)
    expect(page.get_by_role("button", name="Pause updates")).to_be_visible()
    keep_open(page)
    return page


def value_of(page: Page, figure: str) -> Locator:
    """The headline number under that label."""
    label = page.get_by_role("term").filter(has_text=re.compile(f"^{figure}$"))
    return page.locator("#board-figures .mp-figure", has=label).locator(".mp-figure__value")


def test_it_follows_by_itself(people: People) -> None:
    page = looks(people, "bob")
    moment, age = page.locator("#board-facts time"), page.locator("#board-sources .mp-age").first
    before, aged = moment.inner_text(), age.inner_text()
    expect(age).not_to_have_text(aged, timeout=TWO_LOOKS)
    for _look in range(2):
        expect(moment).not_to_have_text(before, timeout=TWO_LOOKS)
        before = moment.inner_text()
    assert still_open(page)


def test_without_prometheus_nothing_is_claimed_and_it_recovers(people: People, sandbox: Stage) -> None:
    page = looks(people, "bob")
    prometheus = page.locator(".mp-source").filter(has_text="Prometheus")
    expect(prometheus).to_have_class(re.compile("is-ok"))
    rows = page.locator("#board [data-key]")
    services = rows.count()
    with sandbox.scenario("prometheus-down"):
        expect(prometheus).not_to_have_class(re.compile("is-ok"), timeout=TWO_LOOKS)
        expect(prometheus).to_contain_text("no answer for")
        unknown = page.locator("#board [data-key][data-state=UNKNOWN]")
        expect(unknown).to_have_count(services, timeout=TWO_LOOKS)
        expect(page.locator("#board [data-state=OK], #board [data-key] .mp-state.is-ok").locator("visible=true")).to_have_count(0)
        expect(page.get_by_role("heading", level=1)).not_to_contain_text("OK")
        for figure in ("Success rate", "mTLS", "Requests", "Latency p95"):
            expect(value_of(page, figure)).to_contain_text("no data", timeout=TWO_LOOKS)
        picture(page, "board-without-prometheus")
        said = page.locator("main").inner_text()
        assert not ZERO_PERCENT.search(said), said
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"services are OK"), timeout=LONG)
    expect(prometheus).to_have_class(re.compile("is-ok"))
    expect(value_of(page, "Success rate")).to_have_text(re.compile(r"\d\s%"))
    assert still_open(page)


def test_a_failing_canary_stands_first_with_its_change(people: People, sandbox: Stage) -> None:
    sandbox.withdraw_all()
    sandbox.set_weights(100, 0)
    pk = sandbox.applied(50, 50, "Half of the requests, to see it fail")
    page = looks(people, "alice")
    with sandbox.scenario("failing-canary"):
        card = page.locator(".mp-problem").first
        expect(card).to_have_attribute("data-key", re.compile(rf"{REVIEWS}$"), timeout=LONG)
        expect(card).to_have_attribute("data-state", re.compile("FAIL|WARN"))
        expect(card.locator(".mp-problem__title .mp-state")).to_have_text(re.compile("FAIL|WARN"))
        expect(card.locator(".mp-problem__what")).to_contain_text(re.compile(r"[\d.]+\s%"))
        expect(card.locator(".mp-problem__changed").get_by_role("link", name=f"CR-{pk}")).to_be_visible()
        expect(page).to_have_title(re.compile(r"^\(\d+\) "))
        expect(page.locator("#announcer")).to_contain_text("reviews")
        picture(page, "board-failing")
    assert still_open(page)
    sandbox.set_weights(100, 0)
    expect(page.locator(".mp-problem")).to_have_count(0, timeout=LONG)


def test_a_page_that_lost_its_server_says_so_and_finds_it_again(people: People, sandbox: Stage) -> None:
    """The web process hangs: connections stay open and nothing comes any more, which is the worst way to be lost."""
    page = looks(people, "bob")
    stale = page.locator("#board-facts").get_by_text("STALE")
    expect(page.locator("#lost")).to_be_hidden()
    with sandbox.hung("uvicorn"):
        expect(stale).to_be_visible(timeout=TWO_LOOKS)
        expect(page.locator("#board-figures .mp-stale-ground").first).to_be_visible()
        expect(page.locator("#lost")).to_be_visible(timeout=TWO_LOOKS)
        expect(page.get_by_role("heading", level=1)).to_contain_text("is unknown", timeout=TWO_LOOKS)
        expect(page.locator("#board-old")).to_be_hidden()  # the observer is well, and is not blamed
        expect(page.locator("#announcer")).to_contain_text("lost its server")
        picture(page, "board-lost")
    expect(page.locator("#lost")).to_be_hidden(timeout=LONG)
    expect(stale).to_be_hidden(timeout=TWO_LOOKS)
    assert still_open(page)
