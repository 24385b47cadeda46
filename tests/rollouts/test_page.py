"""The page of one canary, its acts, and where else it is seen, as people meet them while it walks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client

from meshportal.accounts.models import Person
from meshportal.audit.models import AuditEvent
from meshportal.changes import services as changes
from meshportal.changes.applying import apply
from meshportal.changes.deciding import decide
from meshportal.changes.kinds import Subject
from meshportal.changes.models import Review, Status
from meshportal.clusters import freezing, stopping
from meshportal.mesh.rollouts.spec import Step
from meshportal.rollouts import services
from meshportal.rollouts.models import Rollout
from tests.cast import Cast
from tests.rollouts.cast import SPEC, Stage, begin, fresh, held_by, reach

PAGE = AuditEvent.Via.PAGE
GATED = replace(SPEC, steps=(Step(10, 60.0), Step(50, 60.0, approval=True), Step(100, 60.0)))

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_(client: Client) -> Callable[[Person], Client]:
    def sign_in(person: Person) -> Client:
        client.force_login(person)
        return client

    return sign_in


def text_of(page: str) -> str:
    """What a reader sees, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("\N{NO-BREAK SPACE}", " ")


def due_now(stage: Stage, rollout: Rollout) -> None:
    """What a person did by the clock on the wall is due by the clock of the stage."""
    Rollout.objects.filter(pk=rollout.pk).update(next_due_at=stage.clock())


def look_at(browser: Client, rollout: Rollout) -> str:
    answer = browser.get(f"/rollouts/{rollout.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_before_the_first_look_it_says_what_it_waits_for(stage: Stage, cast: Cast, as_: Callable[[Person], Client]) -> None:
    page = look_at(as_(cast.alice), begin(stage))
    seen = text_of(page)
    assert "reviews v1 → v2" in seen
    assert "No look yet" in seen
    assert "Preflight at 0 %" in seen
    assert "Written and started" in seen
    assert "no data" in seen


def test_while_it_is_observed_counts_verdict_and_plan_stand_there(
    stage: Stage, cast: Cast, as_: Callable[[Person], Client]
) -> None:
    rollout = reach(stage, begin(stage), "observing", 1)
    stage.passes(20)
    page = look_at(as_(cast.alice), rollout)
    seen = text_of(page)
    assert "Observing at 50 %" in seen
    assert "50 % configured, 50.0 % measured" in seen
    assert "Verdict at 50 %" in seen
    assert "Enough requests" in seen
    assert re.search(r"At \d\d:\d\d at the earliest: 90 %, about 18 requests a second", seen)
    assert "10 % 12:01" not in seen
    assert 'class="mp-configured"' in page
    assert page.count('class="mp-measured" cx="') > 1
    assert "Configured: 10" in page, "the picture is told in words too"
    assert "The query behind" in seen or "queries behind" in seen


def test_who_may_what_is_what_the_page_offers(stage: Stage, cast: Cast, as_: Callable[[Person], Client]) -> None:
    rollout = reach(stage, begin(stage), "observing")
    offered = {}
    for name in ("alice", "carol", "bob", "dave"):
        page = look_at(as_(getattr(cast, name)), rollout)
        offered[name] = set(re.findall(r'id="act-(\w+)"', page))
    assert offered["alice"] == {"pause", "lower", "skip", "promote", "abort"}
    assert offered["carol"] == {"pause", "lower", "abort"}, "a responder never raises exposure"
    assert offered["dave"] == set()


def test_a_stranger_finds_nothing(stage: Stage, cast: Cast, as_: Callable[[Person], Client]) -> None:
    rollout = begin(stage)
    browser = as_(cast.mallory)
    for address in ("", "live/", "abort/", "pause/"):
        assert browser.get(f"/rollouts/{rollout.pk}/{address}").status_code == 404
    assert browser.post(f"/rollouts/{rollout.pk}/abort/", {"reason": "x"}).status_code == 404
    assert str(rollout.label) not in browser.get("/rollouts/").content.decode()


def test_an_act_tells_first_what_it_does_and_needs_a_reason(stage: Stage, cast: Cast, as_: Callable[[Person], Client]) -> None:
    rollout = reach(stage, begin(stage), "observing")
    browser = as_(cast.carol)
    asked = browser.get(f"/rollouts/{rollout.pk}/pause/").content.decode()
    assert "It stays at 10 % until somebody resumes it." in asked
    refused = browser.post(f"/rollouts/{rollout.pk}/pause/", {"reason": " "})
    assert refused.status_code == 422
    assert "Say why" in refused.content.decode()
    assert browser.post(f"/rollouts/{rollout.pk}/pause/", {"reason": "Looks odd"}).status_code == 303
    seen = text_of(look_at(browser, rollout))
    assert "carol Paused: Looks odd" in seen
    due_now(stage, rollout)
    stage.passes(3)
    seen = text_of(look_at(browser, rollout))
    assert "HELD at 10 %" in seen
    assert "carol: Looks odd" in seen
    assert "Until somebody lifts it." in seen


def test_a_responder_is_refused_what_raises(stage: Stage, cast: Cast, as_: Callable[[Person], Client]) -> None:
    rollout = reach(stage, begin(stage), "observing")
    answer = as_(cast.carol).post(f"/rollouts/{rollout.pk}/promote/", {"reason": "Hurry"})
    assert answer.status_code == 403
    assert "it takes another role" in answer.content.decode()
    assert "Hurry" in answer.content.decode(), "what was typed stays"


def test_lowering_and_resuming(stage: Stage, cast: Cast, as_: Callable[[Person], Client]) -> None:
    rollout = reach(stage, begin(stage), "observing", 1)
    browser = as_(cast.alice)
    address = f"/rollouts/{rollout.pk}/lower/"
    for typed, sentence in (
        ("", "whole number"),
        ("50", "under the present 50 %"),
        ("-5", "whole number"),
        ("٥", "whole number"),
    ):
        answer = browser.post(address, {"reason": "Too much", "weight": typed})
        assert answer.status_code == 422, typed
        assert sentence in answer.content.decode()
    assert browser.post(address, {"reason": "Too much", "weight": "5"}).status_code == 303
    due_now(stage, rollout)
    stage.passes(5)
    assert stage.weight == 5
    assert "Lowered to 5 %: Too much" in text_of(look_at(browser, rollout))
    assert browser.post(f"/rollouts/{rollout.pk}/resume/", {"reason": ""}).status_code == 303


def test_a_gate_is_opened_by_somebody_else(stage: Stage, cast: Cast, as_: Callable[[Person], Client]) -> None:
    rollout = begin(stage, GATED)
    assert stage.passes(300, until=lambda: "gate" in held_by(rollout))
    assert 'id="act-approve"' not in look_at(as_(cast.alice), rollout)
    browser = as_(cast.bob)
    page = look_at(browser, rollout)
    assert 'id="act-approve"' in page
    assert "Somebody other than its author has to let 50 % begin." in text_of(page)
    asked = browser.get(f"/rollouts/{rollout.pk}/approve/").content.decode()
    assert "v2 may go to 50 %." in asked
    assert 'name="step" value="1"' in asked
    assert browser.post(f"/rollouts/{rollout.pk}/approve/", {"step": "1"}).status_code == 303
    due_now(stage, rollout)
    stage.passes(5)
    assert stage.weight == 50


def test_an_abort_shows_the_way_back_and_ends_the_change(stage: Stage, cast: Cast, as_: Callable[[Person], Client]) -> None:
    rollout = reach(stage, begin(stage), "observing", 1)
    browser = as_(cast.carol)
    assert browser.post(f"/rollouts/{rollout.pk}/abort/", {"reason": "Complaints"}).status_code == 303
    assert "GOING BACK" in text_of(look_at(browser, rollout))
    due_now(stage, rollout)
    stage.passes(5)
    assert stage.weight == 0
    seen = text_of(look_at(browser, rollout))
    assert "ROLLED BACK" in seen
    assert "somebody aborted it" in seen
    assert "Nothing: it is over." in seen
    assert "act-" not in look_at(browser, rollout)
    assert browser.post(f"/rollouts/{rollout.pk}/abort/", {"reason": "Again"}).status_code == 409


def test_a_good_canary_ends_promoted_on_its_page(stage: Stage, cast: Cast, as_: Callable[[Person], Client]) -> None:
    rollout = reach(stage, begin(stage), "succeeded", 3, seconds=1500)
    page = look_at(as_(cast.alice), rollout)
    seen = text_of(page)
    assert "PROMOTED" in seen
    assert "the canary has all requests" in seen
    assert 'hx-trigger="every 2s"' not in page, "what is over is not asked for again"


def test_a_freeze_names_its_window_and_its_end(stage: Stage, cast: Cast, as_: Callable[[Person], Client]) -> None:
    rollout = reach(stage, begin(stage), "observing")
    freezing.add_window(
        stage.mesh.cluster, name="Monday peak", namespaces=["bookinfo"], cron="0 12 * * *", minutes=180, by=cast.dave, via=PAGE,
        now=stage.clock(),
    )  # fmt: skip
    assert stage.passes(200, until=lambda: "freeze" in held_by(rollout))
    page = look_at(as_(cast.alice), rollout)
    seen = text_of(page)
    assert "“Monday peak” until" in seen
    assert "It never stops an abort or a lower weight." in seen
    assert "When nothing holds it any more: 50 %." in seen
    assert 'class="mp-heldband" x="' in page
    assert 'class="is-held" aria-current="step"' in page


def test_the_page_is_asked_for_again_only_where_something_moved(
    stage: Stage, cast: Cast, as_: Callable[[Person], Client]
) -> None:
    rollout = reach(stage, begin(stage), "observing")
    browser = as_(cast.alice)
    page = look_at(browser, rollout)
    found = re.search(r'hx-get="(/rollouts/\d+/live/\?seen=\w+)"', page)
    assert found is not None
    assert browser.get(found[1]).status_code in {204, 200}
    services.pause(fresh(rollout), by=cast.carol, via=PAGE, now=stage.clock(), reason="Wait")
    moved = browser.get(found[1])
    assert moved.status_code == 200
    for part in ("rollout-head", "rollout-evidence", "rollout-side"):
        assert f'id="{part}" hx-swap-oob="outerHTML"' in moved.content.decode()


def test_the_list_is_narrowed_without_a_script(stage: Stage, cast: Cast, as_: Callable[[Person], Client]) -> None:
    rollout = begin(stage)
    browser = as_(cast.alice)
    assert "1 canary is under way" in browser.get("/rollouts/").content.decode()
    assert rollout.label in browser.get("/rollouts/?show=active&namespace=bookinfo&service=reviews").content.decode()
    for nothing in ("?show=over", "?service=ratings", "?namespace=%00"):
        answer = browser.get(f"/rollouts/{nothing}")
        assert answer.status_code == 200
        assert (rollout.label in answer.content.decode()) == (nothing == "?namespace=%00")


def test_an_approved_change_starts_its_canary_and_everything_around_shows_it(
    stage: Stage, cast: Cast, as_: Callable[[Person], Client]
) -> None:
    subject = Subject(stage.mesh.cluster, "bookinfo", "reviews")
    raw = {"baseline": "v1", "canary": "v2", "initial_weight": 10, "increment": 40, "interval": 60}
    change = changes.draft("rollout", subject, raw, by=cast.alice, via=PAGE, now=stage.clock(), reason="New layout")
    changes.submit(change, by=cast.alice, via=PAGE, now=stage.clock())
    decide(change, Review.Decision.APPROVE, by=cast.bob, via=PAGE, digest=change.digest, now=stage.clock())
    apply(change.pk, cluster=stage.mesh.api, clock=stage.clock)
    change.refresh_from_db()
    assert change.status == Status.WATCHING
    rollout = reach(stage, Rollout.objects.get(), "observing")
    assert [step.weight for step in rollout.wanted.steps] == [10, 50, 90, 100]
    browser = as_(cast.alice)
    for address in ("/", "/services/demo/bookinfo/reviews/", f"/changes/{change.pk}/"):
        assert f"/rollouts/{rollout.pk}/" in browser.get(address).content.decode(), address
    assert "approved by bob" in text_of(look_at(browser, rollout))
    assert "Start a canary" in browser.get("/services/demo/bookinfo/reviews/").content.decode()
    assert f"/rollouts/{rollout.pk}/" not in as_(cast.mallory).get("/").content.decode()


def test_everything_is_stopped_and_every_board_says_who_and_why(
    stage: Stage, cast: Cast, as_: Callable[[Person], Client]
) -> None:
    rollout = reach(stage, begin(stage), "observing")
    stopping.stop(stage.mesh.cluster, reason="Checkout burns", by=cast.carol, via=PAGE, now=stage.clock())
    assert stage.passes(200, until=lambda: "stopped" in held_by(rollout))
    board = as_(cast.alice).get("/").content.decode()
    assert "carol has stopped everything" in text_of(board)
    assert "Checkout burns" in board
    assert "carol has stopped everything in this mesh." in text_of(look_at(as_(cast.alice), rollout))


def test_every_word_of_the_engine_has_its_sentence() -> None:
    from meshportal.rollouts import story, words
    from meshportal.rollouts.events import EVENTS, HOLDS
    from meshportal.rollouts.models import Event

    for code, names in EVENTS.items():
        if code in {"held", "cleared"}:
            continue
        said = story.sentence(Event(code=code, values=dict.fromkeys(names, "stale") | ({"step": 0} if "step" in names else {})))
        assert said != code, code
        assert "%(" not in said
    for hold, names in HOLDS.items():
        assert words.hold_word(hold) != hold
        assert words.hold_sentence(hold, {name: [{"code": "no-series"}] if name == "reasons" else 1 for name in names}), hold
