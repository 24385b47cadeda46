"""Policies asked for in the browser, and what the numbers then say: each changes the mesh's traffic as it should, and back."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Locator, Page, expect

from meshportal.sandbox.world.graph import VISITORS
from tests.demo.running import ROOT, environment
from tests.e2e.pages import field, opens_all, presses
from tests.e2e.people import People
from tests.e2e.putting_back import put_back
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("weather")]
SOON, FOLLOWS = (
    30_000,
    120_000,
)  # milliseconds: the worker has applied; the numbers have followed within the window of their rates
TESTERS = next(crowd for crowd in VISITORS if ("end-user", "jason") in crowd.headers)
STEADY_POINTS = 0.2  # of percent
WELL, UNWELL = re.compile(r"(100(\.0+)?|99\.\d+)\s%"), re.compile(r"(8\d|9[0-5])(\.\d+)?\s%")
HERE, PARTNERS = "bookinfo", "shop"


@pytest.fixture
def mesh(sandbox: Stage) -> Iterator[Stage]:
    """The sandbox with all of reviews on v1, and afterwards without what this journey has made, however it ended."""
    sandbox.withdraw_all()
    sandbox.set_weights(100, 0)
    with ExitStack() as stack:
        for name in ("reviews", "details", "productpage"):
            stack.enter_context(put_back(sandbox, "virtualservices", name))
        stack.enter_context(put_back(sandbox, "destinationrules", "catalog", PARTNERS))
        yield sandbox


@pytest.fixture
def sam(sandbox: Stage) -> str:
    """An operator of the shop, made as an administrator makes one."""
    command = [sys.executable, "manage.py", "person", "sam", "--role", f"operator:{sandbox.mesh}/{PARTNERS}", "--password-stdin"]
    surroundings = {**environment(), "VAR_DIR": str(sandbox.running.folder)}
    subprocess.run(command, cwd=ROOT, env=surroundings, input=f"{sandbox.password}\n", check=True, text=True)
    return "sam"


def test_policies_show_in_the_numbers_and_their_removal_restores_them(people: People, mesh: Stage, sam: str) -> None:
    """Four at once, each of a service of its own, since the window of the rates has to pass for each. One pod of catalog is sick
    all the while."""
    alice, bob, board = people.signed_in("alice"), people.signed_in("bob"), people.signed_in("carol")
    partner = people.signed_in(sam)
    expect(success(board)).to_have_text(WELL, timeout=FOLLOWS)
    with mesh.scenario("sick-pod"):
        asked = [
            sets_a_timeout(alice, mesh, "details", "6ms"),
            sets_a_fault(alice, mesh, "productpage", percent=10, status=503),
            sends_testers_to_v2(alice, mesh),
        ]
        expect(card(board, "shop/catalog")).to_contain_text(re.compile(r"of requests fail with 503"), timeout=FOLLOWS)
        asked.append(takes_sick_pods_out(partner, mesh))
        for address in asked:
            approves_and_sees_it_applied(bob, address)

        expect(card(board, f"{HERE}/details")).to_contain_text(re.compile(r"of requests fail with 504"), timeout=FOLLOWS)
        expect(success(board)).to_have_text(UNWELL, timeout=FOLLOWS)
        for service in ("details", "productpage", "reviews"):
            until_steady(mesh, service)
        with_codes(alice, mesh, "details", re.compile(r"[1-4]\d(\.\d+)?\s% of requests fail with 504"))
        with_codes(alice, mesh, "productpage", re.compile(r"(9\.[5-9]\d?|10(\.[0-4]\d?)?)\s% of requests fail with 503"))
        alice.goto(mesh.service)
        expect(measured(alice, "v2")).to_have_text(about(100 * TESTERS.share), timeout=FOLLOWS)
        expect(measured(alice, "v1")).to_have_text(about(100 - 100 * TESTERS.share), timeout=FOLLOWS)
        expect(row(board, "shop/catalog")).to_have_attribute("data-state", "OK", timeout=FOLLOWS)

        removed = [
            removes(alice, mesh, HERE, "details"),
            removes(alice, mesh, HERE, "productpage"),
            takes_the_rule_away(alice, mesh),
        ]
        for address in removed:
            approves_and_sees_it_applied(bob, address)
        expect(board.get_by_role("heading", level=1)).to_have_text(re.compile(r"services are OK"), timeout=FOLLOWS)
        expect(success(board)).to_have_text(WELL, timeout=FOLLOWS)
        alice.goto(mesh.service)
        expect(measured(alice, "v1")).to_have_text(re.compile(r"100(\.0)?\s%"), timeout=FOLLOWS)

        approves_and_sees_it_applied(bob, removes(partner, mesh, PARTNERS, "catalog"))
        expect(card(board, "shop/catalog")).to_contain_text(re.compile(r"of requests fail with 503"), timeout=FOLLOWS)


# ------------------------------------------------------------ what people ask for


def opens_form(page: Page, mesh: Stage, kind: str, namespace: str, service: str) -> None:
    """By the page of the service and its menu, where there is no button of its own."""
    page.goto(f"/services/{mesh.mesh}/{namespace}/{service}/")
    page.locator("#service-head details").filter(has_text="Policies").locator("summary").click()
    page.locator(f"#service-head a[href='/policies/{kind}/{mesh.mesh}/{namespace}/{service}/']").click()
    opens_all(page)


def submits(page: Page, reason: str) -> str:
    """Every warning is confirmed. Returns the address of the change."""
    page.get_by_label(re.compile("Reason")).fill(reason)
    expect(page.locator("#preview .mp-diff").first).to_be_visible()
    for tick in page.locator("#confirm input[type=checkbox]").all():
        tick.check()
    page.get_by_role("button", name="Submit for review").click()
    expect(page).to_have_url(re.compile(r"/changes/\d+/$"))
    return page.url


def sets_a_timeout(page: Page, mesh: Stage, service: str, timeout: str) -> str:
    opens_form(page, mesh, "routes", HERE, service)
    field(page, "routes[0].timeout").fill(timeout)
    expect(page.locator("#preview")).to_contain_text(f"they time out after {timeout}")
    return submits(page, "Half of the answers are late, and nobody waits for them")


def sets_a_fault(page: Page, mesh: Stage, service: str, *, percent: int, status: int) -> str:
    opens_form(page, mesh, "routes", HERE, service)
    field(page, "routes[0].fault.abort.percent").fill(str(percent))
    field(page, "routes[0].fault.abort.status").fill(str(status))
    expect(page.locator("#preview")).to_contain_text(f"{percent} %")
    return submits(page, "Do the callers cope?")


def sends_testers_to_v2(page: Page, mesh: Stage) -> str:
    """A rule of its own for one header, moved above the one that takes everything."""
    [(header, value), *_more] = TESTERS.headers
    opens_form(page, mesh, "routes", HERE, "reviews")
    for action in ("add:routes", "add:routes[1].match", "add:routes[1].match[0].headers", "up:routes[1]"):
        presses(page, action)
        opens_all(page)
    field(page, "routes[0].match[0].headers[0].name").fill(header)
    field(page, "routes[0].match[0].headers[0].value").fill(value)
    add_destination(page, "routes[0]", "v2")
    expect(page.locator("#preview")).to_contain_text(f"header {header}: {value}")
    return submits(page, "Testers look at v2 first")


def add_destination(page: Page, rule: str, subset: str) -> None:
    if field(page, f"{rule}.destinations[0].subset").count() == 0:
        presses(page, f"add:{rule}.destinations")
        opens_all(page)
    field(page, f"{rule}.destinations[0].subset").select_option(subset)


def takes_sick_pods_out(page: Page, mesh: Stage) -> str:
    opens_form(page, mesh, "destination", PARTNERS, "catalog")
    field(page, "outlier_detection.on").check()
    for name, value in {
        "consecutive_5xx_errors": "3",
        "interval": "5s",
        "base_ejection_time": "3m",
        "max_ejection_percent": "50",
    }.items():
        field(page, f"outlier_detection.{name}").fill(value)
    expect(page.locator("#preview .mp-diff ins").filter(has_text="baseEjectionTime: 3m")).to_be_visible()
    return submits(page, "One of two pods fails")


def removes(page: Page, mesh: Stage, namespace: str, service: str) -> str:
    opens_form(page, mesh, "removal", namespace, service)
    for box in page.locator("#objects input[type=checkbox]").all():
        box.check()
    expect(page.locator("#preview")).to_contain_text("is removed")
    return submits(page, "Not needed any more")


def takes_the_rule_away(page: Page, mesh: Stage) -> str:
    opens_form(page, mesh, "routes", HERE, "reviews")
    presses(page, "remove:routes[0]")
    return submits(page, "Testers have seen it")


def approves_and_sees_it_applied(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#progress [aria-current=step]")).to_contain_text("Applied", timeout=SOON)


# ------------------------------------------------------------ what the numbers say


def success(board: Page) -> Locator:
    label = board.get_by_role("term").filter(has_text=re.compile("^Success rate$"))
    return board.locator("#board-figures .mp-figure", has=label).locator(".mp-figure__value")


def row(board: Page, service: str) -> Locator:
    """What the board has of a service: its card, or its line among the quiet ones."""
    return board.locator(f"#board [data-key$='{service}']")


def card(board: Page, service: str) -> Locator:
    return board.locator(f".mp-problem[data-key$='{service}']")


def until_steady(mesh: Stage, service: str) -> None:
    """Until three looks in a row say the same: while the window of the rates fills, every share passes through all below it."""
    seen: dict[str, list[float]] = {}
    deadline = time.monotonic() + FOLLOWS / 1000
    while True:
        _status, now = mesh.ask("carol", "GET", f"/services/{mesh.mesh}/{HERE}/{service}")
        shares = [version["measured_percent"] for version in now["versions"]]
        seen[now["observed_at"]] = [share or 0.0 for share in (now["error_percent"], *shares)]
        looks = list(seen.values())[-3:]
        if len(looks) == 3 and all(max(values) - min(values) < STEADY_POINTS for values in zip(*looks, strict=True)):
            return
        assert time.monotonic() < deadline, f"{service} never came to rest: {looks}"
        time.sleep(1)


def with_codes(page: Page, mesh: Stage, service: str, sentence: re.Pattern[str]) -> None:
    """The page of the service says how many of its requests fail, and with which status."""
    page.goto(f"/services/{mesh.mesh}/{HERE}/{service}/")
    expect(page.locator("#service-head")).to_contain_text(sentence, timeout=FOLLOWS)


def measured(page: Page, version: str) -> Locator:
    """The measured share of a version on the page of its service."""
    line = page.locator("#versions-h").locator("xpath=ancestor::section").get_by_role("row", name=re.compile(rf"^{version}\b"))
    return line.locator("td").nth(2)


def about(percent: float) -> re.Pattern[str]:
    """A percentage within one point."""
    tenths = range(round(percent * 10) - 10, round(percent * 10) + 11)
    return re.compile(rf"^\s*({'|'.join(f'{tenth // 10}[.]{tenth % 10}' for tenth in tenths)})\s%")
