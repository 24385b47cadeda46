"""How the board and the page of a service say which proxies have taken their configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from meshportal.board.figures import Figure, figures
from meshportal.board.services_page import sync_line
from meshportal.mesh.snapshot import MeshNow, ServiceNow, Snapshot, Source, State, Why
from tests.board.seen import cluster, failing, observe, service, snapshot
from tests.board.test_services import text
from tests.cast import people

REASON = "Error adding/updating listener(s) virtualInbound: <no> such filter"
REFUSED: dict[str, Any] = {"value": 1.0, "limit": 4.0, "in_sync": 3, "out_of_sync": 1, "sync_reason": REASON}
ANSWERS = Source("syncz", True, 1.0)


def of_mesh(good: int | None, bad: int | None, *sources: Source, everything: bool = True, **more: Any) -> Figure:
    """The figure of 4 Envoys."""
    mesh = MeshNow(envoys_ready=4, envoys_total=4, proxies_connected=4, proxies_in_sync=good, proxies_out_of_sync=bad)
    seen: Snapshot = snapshot(service("a"), mesh=mesh, **more)
    found = figures(replace(seen, sources=(*seen.sources, *sources)), {}, everything=everything, now=seen.taken_at)
    return next(figure for figure in found if figure.key == "envoys")


@pytest.mark.parametrize(
    ("good", "bad", "note"),
    [
        (4, 0, "4 connected to istiod, all in sync"),
        (3, 1, "4 connected to istiod, 1 out of sync"),
        (2, 0, "4 connected to istiod, 2 of 4 in sync"),
    ],
)
def test_the_figure_says_how_many_are_out_of_sync(good: int, bad: int, note: str) -> None:
    figure = of_mesh(good, bad, ANSWERS)
    assert (figure.note, figure.unknown) == (note, "")


def test_somebody_who_sees_a_part_reads_of_that_part_only() -> None:
    assert of_mesh(4, 0, ANSWERS, everything=False).note == "all in sync"


def test_sync_is_unknown_where_istiod_does_not_answer_or_nobody_told_its_address() -> None:
    assert of_mesh(None, None, Source("syncz", False, None)).unknown == "sync"
    assert of_mesh(None, None).unknown == "sync (no address of istiod)"
    assert of_mesh(None, None, silent=("istiod",)).unknown == "connected to istiod, sync (no address of istiod)"


def line(one: ServiceNow, source: Source | None = ANSWERS) -> tuple[State, str]:
    found = sync_line(one, source)
    assert found is not None
    return found.state, found.sentence


def test_a_service_says_it_in_words() -> None:
    assert line(service("a", in_sync=4, out_of_sync=0)) == (State.OK, "All are in sync with istiod.")
    assert line(service("a", in_sync=1, out_of_sync=0, envoys_total=1)) == (State.OK, "It is in sync with istiod.")
    assert line(service("a", in_sync=3, out_of_sync=0)) == (State.UNKNOWN, "istiod vouches for 3 of 4 proxies only.")
    assert line(service("a", **REFUSED)) == (State.WARN, "1 of 4 proxies out of sync")
    assert "no address of istiod" in line(service("a"), None)[1]
    away = line(service("a"), Source("syncz", False, None, "istiod cannot be reached."))
    assert away == (State.UNKNOWN, "Whether they are in sync is unknown, istiod: istiod cannot be reached.")
    assert sync_line(service("a", envoys_total=0), ANSWERS) is None


@pytest.mark.django_db
def test_a_refused_configuration_is_on_the_board_and_on_the_page_with_its_reason(client: Client) -> None:
    cast = people()
    mesh = cluster()
    observe(mesh, service("reviews", State.WARN, Why.OUT_OF_SYNC, **REFUSED))
    client.force_login(cast.alice)
    board = text(client.get("/"))
    assert f"1 of 4 proxies out of sync: the newest configuration is refused. {REASON}".replace("<no>", "&lt;no&gt;") in board
    page = text(client.get("/services/demo/bookinfo/reviews/"))
    assert "WARN 1 of 4 proxies out of sync" in page
    assert f"the one before stays in use: {REASON}".replace("<no>", "&lt;no&gt;") in page


@pytest.mark.django_db
def test_a_failing_service_has_it_among_its_facts(client: Client) -> None:
    cast = people()
    observe(cluster(), failing(**(REFUSED | {"value": 8.4, "limit": 5.0})))
    client.force_login(cast.alice)
    assert "1 of 4 proxies out of sync" in text(client.get("/"))


@pytest.mark.django_db
def test_a_configuration_that_is_not_confirmed_has_no_reason(client: Client) -> None:
    cast = people()
    observe(cluster(), service("reviews", State.WARN, Why.OUT_OF_SYNC, **(REFUSED | {"sync_reason": ""})))
    client.force_login(cast.alice)
    assert "1 of 4 proxies out of sync: the newest configuration is not confirmed." in text(client.get("/"))
