"""Rows of a policy's form are added, moved and removed: the cursor goes where the work goes on, and what was typed stays."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.pages import field, opens_all
from tests.e2e.people import People, keep_open, still_open
from tests.e2e.stage import NAMESPACE, SERVICE, Stage

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def form_of(page: Page, mesh: Stage) -> None:
    mesh.withdraw_all()
    mesh.set_weights(100, 0)
    page.goto(f"/policies/routes/{mesh.mesh}/{NAMESPACE}/{SERVICE}/")


def by_keyboard(page: Page, action: str) -> None:
    """Reach the button as somebody without a mouse does, and press it."""
    opens_all(page)
    page.locator(f"button[name=action][value='{action}']").focus()
    page.keyboard.press("Enter")


def test_by_keyboard_the_focus_goes_to_what_was_added_or_moved(people: People, sandbox: Stage) -> None:
    page = people.signed_in("alice")
    form_of(page, sandbox)
    keep_open(page)
    page.get_by_label(re.compile("Reason")).fill("To see what stays")
    by_keyboard(page, "add:routes")
    expect(field(page, "routes[1].name")).to_be_focused()
    page.keyboard.type("testers")
    by_keyboard(page, "add:routes[1].match")
    expect(field(page, "routes[1].match[0].path_how")).to_be_focused()
    by_keyboard(page, "add:routes[1].match[0].headers")
    expect(field(page, "routes[1].match[0].headers[0].name")).to_be_focused()
    page.keyboard.type("x-user")
    by_keyboard(page, "up:routes[1]")
    expect(field(page, "routes[0].name")).to_be_focused()
    expect(field(page, "routes[0].name")).to_have_value("testers")
    expect(field(page, "routes[0].match[0].headers[0].name")).to_have_value("x-user")
    by_keyboard(page, "remove:routes[0].match[0].headers[0]")
    expect(field(page, "routes[0].match[0].headers[0].name")).to_have_count(0)
    expect(page.locator("button[value='add:routes[0].match[0].headers']")).to_be_focused()
    by_keyboard(page, "remove:routes[0]")
    expect(field(page, "routes[1].name")).to_have_count(0)
    expect(field(page, "routes[0].name")).to_be_focused()
    expect(page.get_by_label(re.compile("Reason"))).to_have_value("To see what stays")
    assert still_open(page)


def test_without_a_script_the_same_buttons_do_the_same(people: People, sandbox: Stage) -> None:
    page = people.signed_in("alice", java_script_enabled=False)
    form_of(page, sandbox)
    page.get_by_label(re.compile("Reason")).fill("Testers first")
    for action in ("add:routes", "add:routes[1].match", "add:routes[1].match[0].headers", "add:routes[1].destinations"):
        page.locator(f"button[name=action][value='{action}']").click()
    field(page, "routes[1].match[0].headers[0].name").fill("end-user")
    field(page, "routes[1].match[0].headers[0].value").fill("jason")
    field(page, "routes[1].destinations[0].subset").select_option("v2")
    page.locator("button[name=action][value='up:routes[1]']").click()
    expect(field(page, "routes[0].match[0].headers[0].value")).to_have_value("jason")
    expect(field(page, "routes[1].timeout")).to_have_value("5s")
    page.get_by_role("button", name="Preview").last.click()
    expect(page.locator("#preview")).to_contain_text("header end-user: jason go to v2")
    expect(page.get_by_label(re.compile("Reason"))).to_have_value("Testers first")
    page.get_by_role("button", name="Submit for review").click()
    if page.locator("#confirm").count():
        for tick in page.locator("#confirm input[type=checkbox]").all():
            tick.check()
        page.get_by_role("button", name="Submit for review").click()
    expect(page).to_have_url(re.compile(r"/changes/\d+/$"))
    expect(page.get_by_role("main")).to_contain_text("jason")
    sandbox.withdraw_all()
