"""Canaries in the sandbox's weather, sped up: started in a browser and over REST, walked by the demo's own worker."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from meshportal.demo.visitor import Visitor
from tests.contracts.kube import MERGE_PATCH
from tests.e2e.pages import field
from tests.e2e.people import People, keep_open, still_open
from tests.e2e.stage import NAMESPACE, SERVICE, Stage, required
from tests.e2e.stage import stage as demo_on

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("weather")]

WINDOW_SECONDS = 20
"""Of the portal's rates: counting begins half as long after a weight stands, which is 30 s in an installation."""
SOON, ENDS = 20_000, 90_000  # milliseconds
PLAN: dict[str, Any] = {
    "baseline": "v1",
    "canary": "v2",
    "steps": [{"weight": 50, "seconds": 4}, {"weight": 100, "seconds": 4}],
    "rule": "threshold",
    "success_criteria": {"max_error_rate": 0.05, "min_request_count": 20},
    "max_slow_rate": 0.2,
    "max_blind": "10s",
    "blind_rollback_after": "20s",
    "bake": "4s",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("METRICS_WINDOW_SECONDS", str(WINDOW_SECONDS))
        with demo_on(tmp_path_factory.mktemp("canaries") / "var", "sandbox") as started:
            yield started


@pytest.fixture(autouse=True)
def all_on_v1(stage: Stage) -> Iterator[None]:
    """Also no canary that another test left behind."""
    stage.set_weights(100, 0)
    yield
    for row in stage.ask("alice", "GET", "/rollouts?active=true")[1]:
        stage.ask("alice", "POST", f"/rollouts/{row['id']}/abort", {"reason": "The test is over"})
    stage.until(lambda: not stage.ask("alice", "GET", "/rollouts?active=true")[1], "no canary is under way")


@pytest.fixture
def people(chromium: Browser, stage: Stage) -> Iterator[People]:
    with People(chromium, stage) as people:
        yield people


class Canary:
    """One canary over REST."""

    def __init__(self, stage: Stage, **more: Any) -> None:
        self.stage = stage
        subject = {"cluster": stage.mesh, "namespace": NAMESPACE, "service": SERVICE}
        body = {
            "kind": "rollout",
            "spec": PLAN | more,
            "reason": "New layout",
            "submit": True,
            "confirm": ["MP0905", "MP0906"],
            **subject,
        }
        status, said = stage.ask("alice", "POST", "/changes", body)
        assert status == 201, said
        self.change = int(said["id"])
        bob = Visitor(stage.address)
        page = bob.get("/account/sign-in/")
        bob.press(page, required(page.form("username")), username="bob", password=stage.password)
        page = bob.get(f"/changes/{self.change}/")
        assert bob.press(page, required(page.form("digest")), decision="approve").status == 200
        self.pk = began(stage, self.change)

    def now(self) -> dict[str, Any]:
        status, row = self.stage.ask("alice", "GET", f"/rollouts/{self.pk}")
        assert status == 200, row
        told: dict[str, Any] = row
        return told

    def until(self, true: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        deadline = time.monotonic() + ENDS / 1000
        while not true(row := self.now()):
            assert time.monotonic() < deadline, f"not in time: {what}. It is {row}"
            time.sleep(0.2)
        return row

    def held(self, hold: str) -> str:
        """The sentence of that hold, once it stands."""
        row = self.until(lambda row: hold in {one["hold"] for one in row["holds"]}, f"held by {hold}")
        return str(next(one["sentence"] for one in row["holds"] if one["hold"] == hold))

    def ends(self) -> dict[str, Any]:
        return self.until(lambda row: row["phase"] in {"succeeded", "rolled-back"}, "it is over")

    def observed(self) -> None:
        self.until(lambda row: row["phase"] == "observing" and row["request_count"] is not None, "it is being observed")

    def abort(self) -> None:
        status, said = self.stage.ask("alice", "POST", f"/rollouts/{self.pk}/abort", {"reason": "The test is over"})
        assert status == 200, said
        assert self.ends()["failure"] == "aborted"

    def change_is(self, status: str) -> None:
        assert self.stage.ask("alice", "GET", f"/changes/{self.change}")[1]["status"] == status


def began(stage: Stage, change: int) -> int:
    """The number of the canary of that change, once the change is applied."""
    found: list[int] = []

    def is_there() -> bool:
        rows = stage.ask("alice", "GET", f"/rollouts?service={SERVICE}")[1]
        found.extend(row["id"] for row in rows if row["change"] == change)
        return bool(found)

    stage.until(is_there, "the change was applied and its canary began")
    return found[0]


def live(stage: Stage) -> dict[str, int]:
    return {to["destination"]["subset"]: to.get("weight", 100) for to in stage.route()["spec"]["http"][0]["route"]}


def patched(stage: Stage, v1: int, v2: int, manager: str) -> None:
    """Somebody with a tool sets the weights."""
    http = stage.route()["spec"]["http"]
    for to in http[0]["route"]:
        to["weight"] = {"v1": v1, "v2": v2}[to["destination"]["subset"]]
    path = stage.kube().path("virtualservices", SERVICE)
    answer = stage.kube().ask("PATCH", path, {"spec": {"http": http}}, content_type=MERGE_PATCH, fieldManager=manager)
    assert answer.status == 200, answer.body


# ---------------------------------------------------------------- in a browser


def test_a_healthy_one_is_promoted_while_two_people_look_on(people: People, stage: Stage) -> None:
    alice, bob = people.signed_in("alice"), people.signed_in("bob")
    pk = asks_for_it(alice, stage)
    approves(bob, pk)
    number = began(stage, int(pk))
    alice.goto("/rollouts/")
    alice.get_by_role("link", name=f"RO-{number} reviews v1 → v2").click()
    expect(alice).to_have_url(re.compile(rf"/rollouts/{number}/$"))
    keep_open(alice)
    expect(alice.get_by_role("heading", level=1)).to_have_text("reviews v1 → v2")
    expect(alice.locator("#rollout-evidence")).to_contain_text(re.compile(r"50\s%\sconfigured"), timeout=ENDS)
    expect(alice.get_by_role("table", name="Counts of baseline and canary")).to_be_visible(timeout=SOON)
    expect(alice.locator("#rollout-head")).to_contain_text("PROMOTED", timeout=ENDS)
    expect(alice.locator("#rollout-evidence")).to_contain_text(re.compile(r"100\s%\sconfigured"))
    assert still_open(alice), "the page went on by itself"
    assert live(stage)["v2"] == 100
    bob.goto(f"/changes/{pk}/")
    expect(bob.locator("#progress [aria-current=step]")).to_contain_text("Applied")


def asks_for_it(page: Page, stage: Stage) -> str:
    """The form tells beforehand how long it takes and what each step needs. Returns the number of the change."""
    page.goto(f"/rollouts/start/{stage.mesh}/{NAMESPACE}/{SERVICE}/")
    for path, value in {
        "initial_weight": "50",
        "increment": "50",
        "interval": "4s",
        "success_criteria.max_error_percent": "5",
        "success_criteria.min_request_count": "20",
    }.items():
        field(page, path).fill(value)
    field(page, "baseline").select_option("v1")
    field(page, "canary").select_option("v2")
    field(page, "rule").select_option("threshold")
    page.locator("summary", has_text="Patience and doubt").click()
    field(page, "bake").fill("4s")
    page.get_by_label(re.compile("Reason")).fill("New layout")
    expect(page.get_by_role("table", name="What each step can decide")).to_contain_text(re.compile(r"50\s%"))
    page.get_by_role("button", name="Submit for review").click()
    expect(page).to_have_url(re.compile(r"/changes/\d+/$"))
    return page.url.rstrip("/").rpartition("/")[2]


def approves(page: Page, pk: str) -> None:
    page.goto(f"/changes/{pk}/")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#decision")).to_contain_text("1 of 1 approvals")


# ---------------------------------------------------------------- over REST


@pytest.mark.parametrize(("weather", "failure"), [("failing-canary", "error-rate"), ("slow-canary", "slow-rate")])
def test_a_bad_one_goes_back(stage: Stage, weather: str, failure: str) -> None:
    with stage.scenario(weather):
        canary = Canary(stage)
        done = canary.ends()
    assert (done["phase"], done["failure"], done["step"]) == ("rolled-back", failure, 0)
    assert done["has_failed"] is True
    assert live(stage)["v2"] == 0
    canary.change_is("reverted")


def test_without_traffic_it_is_held_with_the_reason(stage: Stage) -> None:
    canary = Canary(stage, step_timeout="5s", success_criteria={"max_error_rate": 0.05, "min_request_count": 100_000})
    canary.observed()
    with stage.scenario("no-traffic"):
        sentence = canary.held("inconclusive")
        assert re.search(r"\d[\d,]* (of|out of)\D*100,000", sentence), sentence
        assert live(stage)["v2"] == 50
        canary.abort()


def test_without_prometheus_it_is_held_and_goes_back_at_its_deadline(stage: Stage) -> None:
    canary = Canary(stage, success_criteria={"max_error_rate": 0.05, "min_request_count": 100_000})
    canary.observed()
    with stage.scenario("prometheus-down"):
        assert "Prometheus" in canary.held("blind")
        assert live(stage)["v2"] == 50
        done = canary.ends()
    assert (done["phase"], done["failure"], live(stage)["v2"]) == ("rolled-back", "blind", 0)


def test_whoever_raises_the_weight_is_set_back_and_named(stage: Stage) -> None:
    canary = Canary(stage, success_criteria={"max_error_rate": 0.05, "min_request_count": 100_000})
    canary.observed()
    patched(stage, 20, 80, "kubectl-edit")
    assert "kubectl-edit" in canary.held("drift")
    stage.until(lambda: live(stage)["v2"] == 50, "the weight was set back")
    patched(stage, 20, 80, "argocd-controller")
    assert "argocd-controller" in canary.held("fight")
    canary.abort()
    assert live(stage)["v2"] == 0
