"""With the keyboard alone: the skip link first, what has the focus is seen, and a change can be asked for."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.people import People
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]
# The name of what has the focus, and whether a person sees that it has: a ring, or a border of another colour than before.
FOCUSED = """() => {
  const one = document.activeElement, look = getComputedStyle(one), box = one.getBoundingClientRect();
  const ring = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 1;
  return { tag: one.tagName, text: (one.innerText || one.name || "").trim(), seen: ring || look.boxShadow !== "none",
           inside: box.width > 0 && box.bottom > 0 && box.top < innerHeight };
}"""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the control of that accessible name has the focus."""
    target = page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name)).or_(page.get_by_label(name)).first
    for _press in range(80):
        page.keyboard.press("Tab")
        if target.evaluate("(one) => one === document.activeElement"):
            return
    raise AssertionError(f"Tab never came to {name!r}")


def test_the_skip_link_comes_first_and_leads_to_the_content(people: People, sandbox: Stage) -> None:
    page = people.signed_in("alice")
    for path in ("/", sandbox.service, sandbox.form, "/changes/", "/audit/"):
        page.goto(path)
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()


def test_what_has_the_focus_is_seen(people: People, sandbox: Stage) -> None:
    page = people.signed_in("alice")
    for path in ("/", sandbox.form):
        page.goto(path)
        unseen = []
        for _press in range(40):
            page.keyboard.press("Tab")
            one = page.evaluate(FOCUSED)
            if one["tag"] == "BODY":
                break
            if not (one["seen"] and one["inside"]):
                unseen.append(one)
        assert not unseen, f"{path}: {unseen}"


def test_asking_for_a_change(people: People, sandbox: Stage) -> None:
    sandbox.withdraw_all()
    sandbox.set_weights(100, 0)
    page = people.window()
    page.goto("/account/sign-in/")
    tab_to(page, "Name")
    page.keyboard.type("alice")
    page.keyboard.press("Tab")
    page.keyboard.type(sandbox.password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("service")
    page.goto(sandbox.form)
    for name, text in (("v1", "70"), ("v2", "30"), ("Reason", "By keyboard")):
        tab_to(page, name)
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
    expect(page.locator("#preview .mp-diff ins").filter(has_text="weight: 30")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "reason", "the preview took the focus away"
    tab_to(page, "Submit for review")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/changes/\d+/$"))
    sandbox.withdraw_all()


def test_escape_closes_a_menu_and_gives_the_focus_back(people: People) -> None:
    page = people.signed_in("alice")
    summary = page.locator(".mp-bar details summary").last
    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Theme and language")).to_be_focused()
    page.keyboard.press("Escape")
    expect(summary).to_be_focused()
    expect(page.get_by_role("link", name="Theme and language")).to_be_hidden()
