"""The board as values: order, staleness, figures, and what makes two boards the same."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from meshportal.accounts.permissions import Namespaces
from meshportal.board.lines import points
from meshportal.board.page import Board, Seen, board
from meshportal.board.sources import staleness
from meshportal.mesh.snapshot import MeshNow, Snapshot, State, Why
from tests.board.seen import failing, service, snapshot, unknown

EVERYTHING = Namespaces(True, frozenset())
WARNING = service("ratings", State.WARN, Why.LATENCY, value=612.0, limit=500.0)


def look(seen: Snapshot, now: float | None = None) -> Board:
    return board(Seen(seen, {}, datetime.now(UTC)), EVERYTHING, time.time() if now is None else now)


def test_problems_come_first_and_unknown_stands_above_ok() -> None:
    found = look(snapshot(service("a"), unknown("b"), WARNING, failing("z"), failing("y")))
    assert [(card.state, card.name) for card in found.cards] == [
        (State.FAIL, "y"),
        (State.FAIL, "z"),
        (State.WARN, "ratings"),
        (State.UNKNOWN, "b"),
    ]
    assert [row.name for row in found.rows] == ["a"]


def test_the_order_of_what_is_well_is_that_of_its_names() -> None:
    busy, quiet = service("b", per_second=900.0), service("a", per_second=1.0)
    assert [row.name for row in look(snapshot(busy, quiet)).rows] == ["a", "b"]


def test_only_what_needs_a_person_is_counted_in_the_title() -> None:
    assert look(snapshot(failing(), WARNING, unknown(), service("a"))).problems == 2


@pytest.mark.parametrize(("age", "level"), [(0, 0), (10, 0), (10.1, 1), (25, 1), (25.1, 2), (3600, 2)])
def test_a_look_grows_stale_after_two_periods_and_is_said_to_be_after_five(age: float, level: int) -> None:
    assert staleness(age, 5) == level


def test_a_source_that_does_not_answer_is_unknown_and_explained() -> None:
    found = look(snapshot(service("a"), silent=("istiod",)))
    assert {chip.label: chip.state for chip in found.chips} == {
        "Prometheus": State.OK,
        "Kubernetes": State.OK,
        "istiod": State.UNKNOWN,
        "Worker": State.OK,
        "Observer": State.OK,
    }
    assert "istiod does not answer" in found.remark


def test_an_old_look_makes_its_observer_unknown() -> None:
    found = look(snapshot(service("a"), age=95))
    assert next(chip for chip in found.chips if chip.name == "observer").state == State.UNKNOWN


def test_a_worker_that_never_spoke_is_unknown() -> None:
    seen = Seen(snapshot(service("a")), {}, None)
    worker = next(chip for chip in board(seen, EVERYTHING, time.time()).chips if chip.name == "worker")
    assert (worker.state, worker.at) == (State.UNKNOWN, None)


def test_no_data_is_no_number() -> None:
    found = look(snapshot(service("a"), mesh=MeshNow()))
    assert [figure.value for figure in found.figures] == [None] * 5


def test_almost_all_is_not_all() -> None:
    found = look(snapshot(service("a"), mesh=MeshNow(success_percent=99.998, mtls_percent=99.97)))
    assert [figure.value for figure in found.figures][:2] == [99.99, 99.9]


def test_jitter_below_what_is_shown_is_no_change() -> None:
    now = time.time()
    first, second = (look(snapshot(service("a", per_second=rate, since=now)), now).rows for rate in (96.1, 96.4))
    third = look(snapshot(service("a", per_second=97.0, since=now)), now).rows
    assert first == second != third


def test_a_board_is_named_anew_when_it_grows_stale() -> None:
    seen = snapshot(service("a"))
    heartbeat = datetime.now(UTC)
    fresh, old = (board(Seen(seen, {}, heartbeat), EVERYTHING, seen.taken_at + age).version for age in (1, 60))
    assert fresh != old


def test_minutes_without_an_observer_are_a_gap_in_the_line() -> None:
    line = points([[0, 1.0, 0.0, 9.0], [60, 2.0, 0.0, 9.0], [600, 3.0, 0.0, 9.0]], 1)
    assert line == ((0, 1.0), (60, 2.0), (120, None), (600, 3.0))
