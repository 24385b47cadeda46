"""Without JavaScript everything works but the following by itself."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e import judge
from tests.e2e.people import People
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def test_a_change_from_the_form_to_applied(people: People, sandbox: Stage) -> None:
    sandbox.withdraw_all()
    sandbox.set_weights(100, 0)
    alice = people.signed_in("alice", java_script_enabled=False)
    alice.get_by_role("link", name="bookinfo / reviews").click()
    alice.get_by_role("link", name="Change traffic").click()
    alice.get_by_label("v1").fill("60")
    alice.get_by_label("v2").fill("40")
    alice.get_by_role("button", name="Preview").click()
    preview = alice.get_by_role("complementary", name="Preview")
    expect(preview.locator(".mp-plain").first).to_contain_text("40 %")
    expect(preview.locator(".mp-diff ins").filter(has_text="weight: 40")).to_be_visible()
    expect(alice.get_by_label("v1")).to_have_value("60")
    alice.get_by_role("button", name="Submit for review").click()
    expect(alice.locator(".mp-errors")).to_be_visible()  # no reason was given
    expect(alice.get_by_label("v2")).to_have_value("40")
    alice.get_by_label(re.compile("Reason")).fill("Without a script")
    alice.get_by_role("button", name="Submit for review").click()
    expect(alice).to_have_url(re.compile(r"/changes/\d+/$"))

    bob = people.signed_in("bob", java_script_enabled=False)
    bob.goto(alice.url)
    bob.get_by_role("button", name="Approve").click()
    expect(bob.get_by_role("button", name="Approve")).to_have_count(0)
    applied = bob.locator("#progress [aria-current=step]").filter(has_text="Applied")
    for _reload in range(20):
        if applied.count():
            break
        bob.wait_for_timeout(1_000)
        bob.reload()
    expect(applied).to_be_visible()
    assert judge.unsaid(sandbox, bob) == []


def test_menus_theme_language_and_the_way_out(people: People) -> None:
    page = people.signed_in("erin", java_script_enabled=False)
    menu = page.locator(".mp-bar details").last
    menu.locator("summary").click()
    menu.get_by_role("link", name="Theme and language").click()
    page.get_by_label("dark").check()
    page.get_by_label("Language").select_option(label="简体中文")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.goto("/account/preferences/")
    page.locator("input[name=theme]").first.check()
    page.locator("select[name=language]").select_option("en")
    page.locator("main button[type=submit]").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    menu.locator("summary").click()
    menu.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1, name="Sign in")).to_be_visible()
