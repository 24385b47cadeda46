"""Every page there is, with who looks at it and in which state."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.e2e.stage import Stage


def nothing(_page: Page) -> None:
    pass


def types(page: Page) -> None:
    """Half of a change: the preview shows it."""
    page.locator("#weight_v1").fill("75")
    page.locator("#weight_v2").fill("25")
    expect(page.locator("#preview .mp-diff ins").first).to_be_visible()


def types_nonsense(page: Page) -> None:
    page.locator("#weight_v1").fill("75")
    page.locator("#weight_v2").fill("many")
    page.locator("button[name=action][value=submit]").click()
    expect(page.locator(".mp-errors")).to_be_focused()


def signs_in_wrongly(page: Page) -> None:
    page.locator("input[name=username]").fill("alice")
    page.locator("input[name=password]").fill("not this")
    page.locator("main button[type=submit]").click()
    expect(page.locator(".mp-errors")).to_be_focused()


def opens_all(page: Page) -> None:
    """Everything folded is opened: what is hidden is not checked."""
    page.evaluate("document.querySelectorAll('main details').forEach((fold) => { fold.open = true; })")


def field(page: Page, path: str) -> Locator:
    """The field of a policy's form at that path."""
    return page.locator(f'[id="{path}"]')


def presses(page: Page, action: str) -> None:
    """A button that adds, removes or moves rows, with all of the form in sight afterwards."""
    page.locator(f"button[name=action][value='{action}']").click()
    expect(page.locator("form[aria-busy=true], .htmx-request")).to_have_count(0)


def fills_a_rule(page: Page) -> None:
    """A second rule with every table of the form, first in order, and the preview of it."""
    presses(page, "add:routes")
    for table in ("match", "match[0].headers", "match[0].query", "mirrors", "headers"):
        opens_all(page)
        presses(page, f"add:routes[1].{table}")
    presses(page, "up:routes[1]")
    opens_all(page)
    field(page, "routes[0].timeout").fill("3 sec")
    page.locator("button[name=action][value=preview]").last.click()
    expect(page.locator(".mp-errors")).to_be_focused()
    opens_all(page)


def fills_a_destination(page: Page) -> None:
    opens_all(page)
    presses(page, "add:subsets")
    opens_all(page)
    field(page, "subsets[3].name").fill("stars")
    field(page, "subsets[3].labels").fill("version=v2")
    field(page, "connection_pool.tcp.max_connections").fill("512")
    expect(page.locator("#preview .mp-diff ins").first).to_be_visible()


def fills_a_gateway(page: Page) -> None:
    presses(page, "add:exposures")
    opens_all(page)
    field(page, "exposures[0].hosts").fill("reviews.example.com")
    expect(page.locator("#preview .mp-diff ins").first).to_be_visible()
    expect(page.locator("#confirm")).to_be_visible()


def ticks_all(page: Page) -> None:
    for box in page.locator("#objects input[type=checkbox]").all():
        box.check()
    expect(page.locator("#preview .mp-diff del").first).to_be_visible()


def waits_for_charts(page: Page) -> None:
    expect(page.locator("figure.mp-chart svg").first).to_be_visible(timeout=30_000)


@dataclass(frozen=True)
class Sight:
    """One page in one state. `who` is "" for nobody; `does` brings it from its first answer into that state."""

    name: str
    who: str
    path: str
    does: Callable[[Page], None] = nothing
    status: int = 200

    def show(self, page: Page) -> None:
        answer = page.goto(self.path)
        assert answer is not None
        assert answer.status == self.status, f"{self.name}: {answer.status}"
        self.does(page)
        expect(page).to_have_title(re.compile("MeshPortal"))


@dataclass(frozen=True)
class Changes:
    """Two changes to look at: one that waits for bob, one that is applied."""

    waiting: int
    applied: int


def prepare(stage: Stage) -> Changes:
    stage.withdraw_all()
    stage.set_weights(100, 0)
    applied = stage.applied(90, 10, "Try v2 with one request in ten")
    waiting = stage.asked(80, 20, "It went well with ten percent, so twenty")
    return Changes(waiting, applied)


def sights(stage: Stage, changes: Changes) -> Iterator[Sight]:
    yield Sight("sign-in", "", "/account/sign-in/")
    yield Sight("sign-in-refused", "", "/account/sign-in/", signs_in_wrongly)
    yield Sight("board", "bob", "/")
    yield Sight("board-of-a-namespace", "alice", "/")
    yield Sight("services", "bob", "/services/")
    yield Sight("services-none-found", "bob", "/services/?q=nothing-of-that-name")
    yield Sight("service", "alice", stage.service, waits_for_charts)
    yield Sight("form", "alice", stage.form)
    yield Sight("form-with-preview", "alice", stage.form, types)
    yield Sight("form-with-errors", "alice", stage.form, types_nonsense)
    yield from policies(stage)
    yield Sight("change-in-review-author", "alice", f"/changes/{changes.waiting}/", opens_all)
    yield Sight("change-in-review-approver", "bob", f"/changes/{changes.waiting}/", opens_all)
    yield Sight("change-applied", "bob", f"/changes/{changes.applied}/", opens_all)
    yield Sight("changes", "bob", "/changes/")
    yield Sight("changes-none", "alice", "/changes/?status=failed")
    yield Sight("findings", "bob", f"/diagnostics/findings/{stage.mesh}/")
    yield Sight("audit", "bob", "/audit/")
    yield Sight("audit-verified", "bob", "/audit/?verify=1")
    yield Sight("preferences", "alice", "/account/preferences/")
    yield Sight("not-found", "alice", "/nothing/here/", status=404)
    yield Sight("not-allowed", "carol", stage.form, status=403)


def policies(stage: Stage) -> Iterator[Sight]:
    """The forms of all policies, as they open and with much in them, and what is read beside them."""
    place = f"{stage.mesh}/bookinfo/reviews/"
    yield Sight("routes", "alice", f"/policies/routes/{place}", opens_all)
    yield Sight("routes-with-errors", "alice", f"/policies/routes/{place}?", fills_a_rule)
    yield Sight("routes-of-a-service-without", "alice", f"/policies/routes/{stage.mesh}/bookinfo/details/", opens_all)
    yield Sight("destination", "alice", f"/policies/destination/{place}", opens_all)
    yield Sight("destination-with-preview", "alice", f"/policies/destination/{place}?", fills_a_destination)
    yield Sight("gateway", "alice", f"/policies/gateway/{place}", opens_all)
    yield Sight("gateway-with-warnings", "alice", f"/policies/gateway/{place}?", fills_a_gateway)
    yield Sight("exposed-hosts", "bob", f"/policies/gateways/{stage.mesh}/")
    yield Sight("removal", "alice", f"/policies/removal/{place}", ticks_all)
    yield Sight("copy", "alice", f"/policies/copy/{place}", opens_all)
    yield Sight("runbook-traffic", "alice", f"/diagnostics/traffic/{place}", opens_all)
    yield Sight("service-with-menu", "alice", f"{stage.service}?", opens_all)
