"""The journey of `manage.py demo --check`: one change from the form to the mesh, over HTTP, as people take it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from meshportal.accounts.models import Person
from meshportal.accounts.services import issue_token
from meshportal.demo.people import DEMO
from meshportal.demo.supervisor import Progress, Ready
from meshportal.demo.visitor import Page, Visitor

NAMESPACE, SERVICE, STABLE, CANARY = "bookinfo", "reviews", "v1", "v2"
APPLY_SECONDS = 60
SHARE_SECONDS = 120
SHARE_POINTS = 3.0  # how far the measured share may be from the asked weight


class StepFailed(Exception):
    """A step of the walk did not do what it should; the message names the step."""


def require(condition: object, message: str) -> None:
    """Raises StepFailed with `message` unless `condition` is true."""
    if not condition:
        raise StepFailed(message)


@dataclass
class Walk:
    """One run. `check` raises Failed if a process of the demo has ended."""

    ready: Ready
    check: Callable[[], None]
    progress: Progress

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        with self.progress.step(name):
            try:
                yield
            except (StepFailed, ValueError, OSError, KeyError) as error:
                raise StepFailed(f"Step failed: {name}. {str(error) or type(error).__name__}") from error

    def sign_in(self, username: str) -> Visitor:
        visitor = Visitor(self.ready.address)
        page = visitor.get("/account/sign-in/")
        form = page.form("username", "password")
        if form is None:
            raise StepFailed(f"the sign-in page (status {page.status}) has no form with username and password")
        page = visitor.press(page, form, username=username, password=self.ready.password)
        require(page.status == 200 and page.path == "/", f"{username} came to {page.path} ({page.status}), not to the board")
        return visitor

    def ask(self, alice: Visitor) -> tuple[str, float]:
        """Submit the traffic form. Returns the path of the change and the asked weight in percent."""
        page = alice.get(f"/policies/traffic/{self.ready.cluster}/{NAMESPACE}/{SERVICE}/")
        form = page.form(f"weight_{STABLE}", f"weight_{CANARY}", "reason")
        if form is None:
            raise StepFailed(f"the traffic form (status {page.status}) has no weights of {STABLE} and {CANARY}")
        now = float(form.fields[f"weight_{CANARY}"] or 0)
        asked = 20 if now == 10 else 10  # a second run on the same mesh must ask for something new
        weights = {name: "0" for name in form.fields if name.startswith("weight_")}
        weights |= {f"weight_{STABLE}": str(100 - asked), f"weight_{CANARY}": str(asked)}
        page = alice.press(page, form, **weights, reason=f"Try {CANARY} with {asked} % of requests", action="submit")
        if warned := page.form("confirm", "reason"):  # she has read what the page warns of, and wants it all the same
            page = alice.press(page, warned, confirm=warned.boxes["confirm"], action="submit")
        require(re.fullmatch(r"/changes/\d+/", page.path), f"submitting led to {page.path}, status {page.status}: {errors(page)}")
        return page.path, float(asked)

    def refuse_author(self, alice: Visitor, change: str) -> None:
        """The author sees no approve button, and gets 403 when she sends the decision all the same."""
        page = alice.get(change)
        offered = any(form.offers("decision", "approve") for form in page.forms())
        require(not offered, "alice is offered to approve her own change")
        some_form = page.form("csrfmiddlewaretoken")
        if some_form is None:
            raise StepFailed("the page of the change has no form at all, not even to sign out")
        some_form.action = f"{change}decide/"
        answer = alice.press(page, some_form, decision="approve", comment="mine")
        require(answer.status == 403, f"alice's approval of her own change was answered with {answer.status}, not 403")

    def approve(self, bob: Visitor, change: str) -> None:
        page = bob.get(change)
        form = next((form for form in page.forms() if form.offers("decision", "approve")), None)
        if form is None:
            raise StepFailed(f"bob's page of the change (status {page.status}) has no approve button")
        page = bob.press(page, form, decision="approve", comment="Looks right")
        require(page.status == 200, f"approving was answered with {page.status}: {errors(page)}")

    def until(self, seconds: float, look: Callable[[], str]) -> None:
        """Until `look()`, which says what is still missing, returns "". Raises StepFailed with it after `seconds`."""
        deadline = time.monotonic() + seconds
        while missing := look():
            self.check()
            require(time.monotonic() < deadline, f"after {seconds:.0f} s: {missing}")
            time.sleep(0.3)

    def applied(self, api: Visitor, change: str) -> float:
        """Wait for the worker. Returns the seconds it took."""
        began = time.monotonic()

        def look() -> str:
            status = api.get_json(f"/api/v1{change.rstrip('/')}")["status"]
            require(status not in {"failed", "needs-human", "rejected", "withdrawn"}, f"the change is {status}")
            return "" if status == "applied" else f"the change is {status}"

        self.until(APPLY_SECONDS, look)
        return round(time.monotonic() - began, 1)

    def share(self, api: Visitor, asked: float) -> float:
        """Wait until the measured share of the canary is what was asked for. Returns it in percent."""
        seen: list[float] = []

        def look() -> str:
            version = self.canary(api)
            configured, measured = version["configured_percent"], version["measured_percent"]
            if configured != asked or measured is None or abs(measured - asked) > SHARE_POINTS:
                return f"{CANARY} is asked {asked:g} %, configured {configured} %, measured {measured} %"
            seen.append(round(measured, 1))
            return ""

        self.until(SHARE_SECONDS, look)
        return seen[-1]

    def canary(self, api: Visitor) -> dict[str, Any]:
        service = api.get_json(f"/api/v1/services/{self.ready.cluster}/{NAMESPACE}/{SERVICE}")
        versions: list[dict[str, Any]] = service["versions"]
        found = next((version for version in versions if version["version"] == CANARY), None)
        if found is None:
            raise StepFailed(f"{SERVICE} has no version {CANARY}")
        return found


def rounded(percent: float | None) -> float | None:
    return None if percent is None else round(percent, 2)


def errors(page: Page) -> str:
    """What an error page says, without its markup."""
    text = re.sub(r"\s+", " ", re.sub(r"<(script|style|nav|header).*?</\1>|<[^>]+>", " ", page.text, flags=re.DOTALL)).strip()
    return text[:300]


def walk(ready: Ready, *, check: Callable[[], None], progress: Progress) -> dict[str, Any]:
    """Take the journey. Returns the numbers of the slice (percent 0-100, seconds); raises StepFailed or Failed."""
    run = Walk(ready, check, progress)
    now = timezone.now()
    # Bob's, because he sees the whole mesh; it only reads here: no token decides on a change.
    token = issue_token(Person.objects.get(username="bob"), f"demo check {now:%Y-%m-%d %H:%M:%S.%f}", by=DEMO, now=now, days=1)
    api = Visitor(ready.address, token=token)
    with run.step("the mesh in numbers"):
        mesh = api.get_json(f"/api/v1/signals/{ready.cluster}")
    with run.step("alice signs in and asks for a canary"):
        alice = run.sign_in("alice")
        change, asked = run.ask(alice)
    with run.step("alice cannot approve it herself"):
        run.refuse_author(alice, change)
    with run.step("bob approves it"):
        bob = run.sign_in("bob")
        run.approve(bob, change)
    with run.step("the worker applies it"):
        applied_seconds = run.applied(api, change)
    with run.step("the mesh follows"):
        measured = run.share(api, asked)
    return {
        "ready_seconds": round(ready.seconds, 1),
        "mesh": ready.cluster,
        "services": mesh["services"],
        "success_rate": rounded(mesh["success_percent"]),
        "mtls_percent": rounded(mesh["mtls_percent"]),
        "envoys_healthy": mesh["envoys_ready"],
        "envoys_total": mesh["envoys_total"],
        "asked_weight": asked,
        "applied_seconds": applied_seconds,
        "measured_canary_share": measured,
    }
