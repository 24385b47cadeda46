"""An author thinks again about two changes of one service: one is stopped while it is being applied, one edited when approved."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e import judge
from tests.e2e.people import People, keep_open, still_open
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]
SOON = 60_000  # milliseconds: a worker whose question hangs has given up on it


def test_stop_what_is_being_applied_and_edit_what_is_approved(people: People, sandbox: Stage) -> None:
    """The API server hangs, so that the first change stays half way, and the second, which has to wait for it, approved."""
    sandbox.withdraw_all()
    sandbox.set_weights(100, 0)
    first = sandbox.asked(50, 50, "Half of it")
    second = sandbox.asked(80, 20, "A fifth of it")
    alice, editing, bob = people.signed_in("alice"), people.signed_in("alice"), people.signed_in("bob")
    opens(alice, first)
    opens(editing, second)
    for pk in (first, second):
        opens(bob, pk)
        expect(bob.locator("#answer")).to_contain_text("accepted every object in a dry run", timeout=SOON)
    with sandbox.hung("sandbox api"):
        approves(bob, first)
        expect(step(alice)).to_contain_text("Applying", timeout=SOON)
        approves(bob, second)
        expect(editing.locator("#progress")).to_contain_text(f"Waits for CR-{first}", timeout=SOON)
        expect(step(editing)).to_contain_text("Approved")
        edits(editing, second)
        stops(alice)
    expect(step(alice)).to_contain_text("Failed", timeout=SOON)
    expect(alice.locator("#progress")).to_contain_text("Stopped by Alice.")
    expect(alice.locator("#progress")).to_contain_text("Everything that was written has been put back.")
    assert still_open(alice)
    assert in_the_mesh(sandbox) == {"v1": 100}

    opens(bob, second)
    expect(bob.get_by_role("main")).to_contain_text(f"CR-{second}, revision 2")
    expect(bob.locator(".mp-diff ins").filter(has_text="weight: 5")).to_be_visible()
    approves(bob, second)
    for page in (editing, bob):
        expect(step(page)).to_contain_text("Applied", timeout=SOON)
        assert still_open(page)
    assert judge.unsaid(sandbox, bob) == []
    assert in_the_mesh(sandbox) == {"v1": 95, "v2": 5}


def opens(page: Page, pk: int) -> None:
    page.goto(f"/changes/{pk}/")
    keep_open(page)


def step(page: Page) -> Locator:
    return page.locator("#progress [aria-current=step]")


def approves(page: Page, pk: int) -> None:
    opens(page, pk)
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#decision")).to_contain_text("1 of 1 approvals")
    keep_open(page)


def edits(page: Page, pk: int) -> None:
    """The button appeared on the open page. The form holds what was asked for, and says what a new revision costs."""
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_role("main")).to_contain_text(f"A new revision of CR-{pk}. Reviews of the one before lapse.")
    expect(page.get_by_label("v1")).to_have_value("80")
    expect(page.get_by_label("v2")).to_have_value("20")
    expect(page.get_by_label(re.compile("Reason"))).to_have_value("A fifth of it")
    page.get_by_label("v1").fill("95")
    page.get_by_label("v2").fill("5")
    page.get_by_label(re.compile("Reason")).fill("A twentieth will do")
    page.get_by_role("button", name="Submit for review").click()
    expect(page).to_have_url(re.compile(rf"/changes/{pk}/$"))
    expect(page.get_by_role("main")).to_contain_text(f"CR-{pk}, revision 2")
    expect(page.get_by_role("main")).to_contain_text("A twentieth will do")
    expect(step(page)).to_contain_text("In review")
    expect(page.locator("#decision")).to_contain_text("0 of 1 approvals")
    expect(page.locator("#story")).to_contain_text("Bob approved (lapsed)")
    keep_open(page)


def stops(page: Page) -> None:
    page.get_by_role("button", name="Stop and put back").click()
    expect(page.get_by_role("button", name="Stop and put back")).to_have_count(0)
    expect(page.locator("#story")).to_contain_text("Stopped while it was being applied")
    keep_open(page)


def in_the_mesh(stage: Stage) -> dict[str, int]:
    """The weights that are not 0, as an administrator reads them."""
    shares = {to["destination"]["subset"]: to.get("weight", 100) for to in stage.route()["spec"]["http"][0]["route"]}
    return {version: weight for version, weight in shares.items() if weight}
