"""The board as a page: who sees what of it, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from meshportal.accounts.models import Person
from meshportal.changes.models import ChangeRequest, Status
from meshportal.clusters.models import Cluster
from meshportal.mesh.snapshot import VersionNow
from tests.board.seen import cluster, failing, observe, service, unknown
from tests.cast import Cast, people

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh() -> Cluster:
    return cluster()


@pytest.fixture
def as_(client: Client) -> Callable[[Person], Client]:
    def sign_in(person: Person) -> Client:
        client.force_login(person)
        return client

    return sign_in


def text(response: Any) -> str:
    return " ".join(strip_tags(response.content.decode()).replace("\xa0", " ").split())


def change(mesh: Cluster, author: Person, **more: Any) -> ChangeRequest:
    now = timezone.now()
    fields: dict[str, Any] = {
        "kind": "traffic", "cluster": mesh, "namespace": "bookinfo", "service": "checkout", "title": "Route 10 % to v2",
        "author": author, "reason": "why", "digest": "d", "status": Status.APPLIED, "status_since": now, "applied_at": now,
    }  # fmt: skip
    return ChangeRequest.objects.create(**(fields | more))


def test_the_board_says_the_answer_first(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    observe(mesh, failing(), service("cart"), unknown())
    page = as_(cast.bob).get("/")
    assert "<h1" in page.content.decode()
    assert "1 service is failing" in text(page)
    assert "8.4 % of requests fail with 504. The limit is 5 %." in text(page)
    assert "(1) Board · demo" in text(page)


def test_strangers_are_asked_to_sign_in(mesh: Cluster, client: Client) -> None:
    assert client.get("/").status_code == 302
    assert client.get("/board/fragment/?mesh=demo").status_code == 302


def test_without_any_mesh_the_board_says_how_to_add_one(cast: Cast, as_: Callable[[Person], Client]) -> None:
    assert "manage.py cluster add" in text(as_(cast.dave).get("/"))


def test_without_a_role_nobody_learns_the_name_of_a_mesh(mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    stranger = Person.objects.create(username="zoe", password="!")
    page = text(as_(stranger).get("/"))
    assert "You have no role in any mesh yet" in page
    assert "demo" not in page.replace("manage.py demo", "")


def test_before_the_first_look_the_board_says_what_is_missing(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    assert "manage.py observe" in text(as_(cast.bob).get("/"))


def test_a_mesh_without_services_says_when_they_appear(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    observe(mesh)
    assert "The observer sees no services in this mesh" in text(as_(cast.bob).get("/"))


def test_one_sees_only_the_namespaces_of_ones_roles(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    observe(mesh, service("cart"), failing("vault", namespace="bank"))
    change(mesh, cast.bob, namespace="bank", service="vault", title="Open the vault")
    page = text(as_(cast.alice).get("/"))
    assert "The only service is OK" in page
    assert "vault" not in page
    assert "1,842" not in page, "the total of the mesh would tell of other namespaces"


def test_unknown_is_never_drawn_green(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    observe(mesh, unknown())
    page = as_(cast.bob).get("/").content.decode()
    card = page[page.index('id="card:bookinfo/recommendations"') - 200 : page.index("</ol>")]
    assert "is-unknown" in card
    assert "is-ok" not in card
    assert "All" not in page[page.index("<h1") : page.index("</h1>")]


def test_an_old_look_is_hatched_and_then_said_above_all(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    observe(mesh, service("cart"), age=12)
    page = as_(cast.bob).get("/").content.decode()
    assert "mp-stale-ground" in page
    assert 'id="board-old" hidden' in page
    observe(mesh, service("cart"), age=95)
    page = as_(cast.bob).get("/").content.decode()
    assert 'id="board-old">' in page
    heading = page[page.index("<h1") : page.index("</h1>")]
    assert '<span data-when="fresh" hidden>' in heading
    assert "How demo is now is unknown" in heading
    assert "STALE" in text(as_(cast.bob).get("/"))


def test_what_changed_stands_beside_what_broke(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    observe(mesh, failing())
    change(mesh, cast.alice, applied_at=timezone.now() - timedelta(seconds=270))
    page = text(as_(cast.bob).get("/"))
    assert "30 s before: CR-" in page or "29 s before: CR-" in page
    assert "Route 10 % to v2, alice" in page


def test_drafts_stay_with_their_author(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    observe(mesh, service("cart"))
    change(mesh, cast.alice, status=Status.DRAFT, title="A thought")
    assert "A thought" not in text(as_(cast.bob).get("/"))


def test_a_split_shows_its_measured_shares(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    versions = (VersionNow("v1", 2, 2, 90.0, 90.2, 86.6), VersionNow("v2", 2, 2, 10.0, 9.8, 9.4))
    observe(mesh, service("reviews", split=True, versions=versions))
    assert "v1 90.2 %, v2 9.8 % (configured 90/10)" in text(as_(cast.bob).get("/"))


# ---------------------------------------------------------------- choosing a mesh


def test_the_chosen_mesh_is_remembered(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    other = cluster("staging")
    cast.bob.bindings.create(role="viewer", cluster="", namespace="")
    observe(mesh, service("cart"))
    observe(other, service("basket"))
    browser = as_(cast.bob)
    assert "Board · staging" in text(browser.get("/?mesh=staging"))
    assert "Board · staging" in text(browser.get("/"))


@pytest.mark.parametrize("name", ["staging", "nowhere"])
def test_a_mesh_without_a_role_is_not_there(name: str, cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    cluster("staging")
    browser = as_(cast.bob)
    assert browser.get(f"/?mesh={name}").status_code == 404
    assert browser.get(f"/board/fragment/?mesh={name}").status_code == 404


# ---------------------------------------------------------------- the live part


def test_the_live_part_is_not_drawn_again_while_it_is_the_same(
    cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]
) -> None:
    observe(mesh, service("cart"))
    browser = as_(cast.bob)
    first = browser.get("/board/fragment/?mesh=demo")
    assert first.status_code == 200
    assert "private" in first["Cache-Control"]
    again = browser.get("/board/fragment/?mesh=demo", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    observe(mesh, failing("cart"), version=2)
    assert browser.get("/board/fragment/?mesh=demo", headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_what_one_person_has_is_not_the_same_for_another(cast: Cast, mesh: Cluster, client: Client) -> None:
    observe(mesh, service("cart"))
    client.force_login(cast.bob)
    everything = client.get("/board/fragment/?mesh=demo")["ETag"]
    client.force_login(cast.alice)
    assert client.get("/board/fragment/?mesh=demo", headers={"If-None-Match": everything}).status_code == 200


# ---------------------------------------------------------------- what it costs


def test_the_board_costs_the_same_whatever_its_size(
    cast: Cast, mesh: Cluster, as_: Callable[[Person], Client], django_assert_num_queries: Any
) -> None:
    many = [failing(f"f{number}") for number in range(20)] + [service(f"s{number}") for number in range(80)]
    observe(mesh, *many)
    for number in range(10):
        change(mesh, cast.alice, service=f"f{number}")
    browser = as_(cast.bob)
    # session, person, roles, meshes; snapshot, trail, heartbeat, recent and applied changes, canaries, stop;
    # changes that wait for me
    with django_assert_num_queries(12):
        browser.get("/")
    with django_assert_num_queries(11):
        browser.get("/board/fragment/?mesh=demo")
