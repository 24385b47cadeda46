"""The board as a stream: who is let in, and that a frame holds what changed for its audience and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.test import Client

from meshportal.accounts.models import Person, RoleBinding
from meshportal.accounts.permissions import Namespaces
from meshportal.board.frames import Audience, authenticate, frames
from meshportal.clusters.models import Cluster
from meshportal.web.stream import Frame, Viewer
from tests.board.seen import cluster, failing, observe, service, unknown
from tests.cast import Cast, people

pytestmark = pytest.mark.django_db

EVERYTHING = Audience("demo", Namespaces(True, frozenset()), "en")
BOOKS = Audience("demo", Namespaces(False, frozenset({"bookinfo"})), "en")


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh() -> Cluster:
    return cluster()


def connection(client: Client, path: str = "/stream/demo/", query: str = "") -> dict[str, Any]:
    """The scope of a request with the cookie of this browser."""
    morsel = client.cookies.get(settings.SESSION_COOKIE_NAME)
    cookie = f"{settings.SESSION_COOKIE_NAME}={morsel.value}" if morsel else ""
    headers = [(b"cookie", cookie.encode())]
    return {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": headers}


def who(client: Client, path: str = "/stream/demo/", query: str = "") -> Viewer | None:
    viewer: Viewer | None = async_to_sync(authenticate)(connection(client, path, query))
    return viewer


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


# ---------------------------------------------------------------- who


def test_those_who_see_the_same_are_one_audience(cast: Cast, mesh: Cluster) -> None:
    bob, erin, alice = (who(signed_in(person)) for person in (cast.bob, cast.erin, cast.alice))
    assert bob is not None and erin is not None and alice is not None
    assert bob.audience == erin.audience == EVERYTHING
    assert alice.audience == BOOKS
    assert bob.person != erin.person


def test_each_language_is_an_audience_of_its_own(cast: Cast, mesh: Cluster) -> None:
    chinese = who(signed_in(cast.bob), query="language=zh-hans")
    other = who(signed_in(cast.bob), query="language=klingon")
    assert chinese is not None and isinstance(chinese.audience, Audience) and chinese.audience.language == "zh-hans"
    assert other is not None and other.audience == EVERYTHING


def test_nobody_gets_in_without_a_session_a_role_or_a_mesh(cast: Cast, mesh: Cluster) -> None:
    zoe = Person.objects.create(username="zoe", password="!")
    assert who(Client()) is None
    assert who(signed_in(zoe)) is None
    assert who(signed_in(cast.bob), "/stream/staging/") is None
    RoleBinding.objects.create(person=cast.bob, role="viewer", cluster="", namespace="")
    assert who(signed_in(cast.bob), "/stream/staging/") is None, "there is no such mesh, whatever the role"
    assert who(signed_in(cast.bob), "/stream/demo/../x/") is None


def test_signing_out_and_losing_the_account_end_it(cast: Cast, mesh: Cluster) -> None:
    bob, erin = signed_in(cast.bob), signed_in(cast.erin)
    scope = connection(bob)
    assert async_to_sync(authenticate)(scope) is not None
    bob.logout()
    assert async_to_sync(authenticate)(scope) is None
    cast.erin.is_active = False
    cast.erin.save()
    assert who(erin) is None


def test_losing_a_role_changes_what_one_may_hear(cast: Cast, mesh: Cluster) -> None:
    alice = signed_in(cast.alice)
    before = who(alice)
    RoleBinding.objects.create(person=cast.alice, role="viewer", cluster="demo", namespace="shop")
    assert who(alice) != before
    RoleBinding.objects.filter(person=cast.alice).delete()
    assert who(alice) is None


# ---------------------------------------------------------------- what


async def following(stream: AsyncIterator[Frame], *acts: Callable[[], Any]) -> list[Frame]:
    """The first frame, and the one that comes after each act."""
    found = [await anext(stream)]
    for act in acts:
        await sync_to_async(act)()
        found.append(await anext(stream))
    return found


def watch(audience: Audience, *acts: Callable[[], Any]) -> list[Frame]:
    async def story() -> list[Frame]:
        stream = frames(audience, pause=0.001)
        try:
            return await following(stream, *acts)
        finally:
            close: Callable[[], Awaitable[None]] = stream.aclose  # type: ignore[attr-defined]
            await close()

    return async_to_sync(story)()


def test_the_first_frame_asks_for_the_whole(mesh: Cluster) -> None:
    observe(mesh, service("cart"), version=7)
    (first,) = watch(EVERYTHING)
    assert first.html is None
    assert first.id.startswith("7.")


def test_a_frame_holds_only_the_rows_whose_text_changed(mesh: Cluster) -> None:
    since = 1_700_000_000.0
    cart, web = service("cart", since=since), service("web", since=since)
    observe(mesh, cart, web)
    second = watch(
        EVERYTHING, lambda: observe(mesh, service("cart", since=since, per_second=177.0), web, version=2)
    )[1]  # fmt: skip
    assert second.html is not None
    assert 'id="row:bookinfo/cart"' in second.html
    assert "177" in second.html
    assert "web" not in second.html
    assert "<path" not in second.html.partition('id="row:')[2], "the small line of a quiet service stays the one in the page"
    assert 'id="board-changes"' not in second.html
    assert 'id="board-figures"' not in second.html


def test_a_service_that_breaks_moves_to_the_problems(mesh: Cluster) -> None:
    observe(mesh, service("cart"), service("web"))
    second = watch(EVERYTHING, lambda: observe(mesh, failing("cart"), service("web"), version=2))[1]
    assert second.html is not None
    assert 'id="board-problems"' in second.html
    assert 'id="board-ok"' in second.html
    assert "1 service is failing" in second.html
    assert 'data-problems="1"' in second.html


def test_each_part_survives_the_parser_in_a_template_of_its_own(mesh: Cluster) -> None:
    observe(mesh, service("cart"))
    second = watch(EVERYTHING, lambda: observe(mesh, service("cart", per_second=177.0), version=2))[1]
    assert second.html is not None
    parts = second.html.split("<template>")[1:]
    assert len(parts) >= 2
    assert all(part.strip().endswith("</template>") and ' id="' in part.split(">")[0] for part in parts)


def test_two_audiences_get_their_own_frames_and_nothing_of_the_other(mesh: Cluster) -> None:
    vault = service("vault", namespace="bank")
    observe(mesh, service("cart"), vault)

    def breaks() -> None:
        observe(mesh, service("cart"), failing("vault", namespace="bank"), version=2)

    everything = watch(EVERYTHING, breaks)[1]
    observe(mesh, service("cart"), vault, version=3)
    books = watch(BOOKS, breaks)[1]
    assert everything.html is not None and books.html is not None
    assert "vault" in everything.html
    assert "vault" not in books.html
    assert "failing" not in books.html
    assert everything.id != books.id


def test_frames_speak_the_language_of_their_audience(mesh: Cluster) -> None:
    observe(mesh, service("cart"))
    english = watch(EVERYTHING)[0]
    chinese = watch(Audience("demo", EVERYTHING.namespaces, "zh-hans"))[0]
    assert english.id != chinese.id


def test_an_outage_turns_services_unknown_and_says_why(mesh: Cluster) -> None:
    observe(mesh, service("cart"))
    second = watch(EVERYTHING, lambda: observe(mesh, unknown("cart"), version=2, silent=("prometheus",)))[1]
    assert second.html is not None
    assert "Prometheus does not answer" in second.html
    assert 'data-state="UNKNOWN"' in second.html


def test_nothing_is_sent_while_nothing_is_known(mesh: Cluster) -> None:
    (first,) = watch_after(mesh)
    assert first.html is None


def watch_after(mesh: Cluster) -> list[Frame]:
    """A stream that is opened before the observer has reported: its first frame comes with the first look."""

    async def story() -> list[Frame]:
        stream = frames(EVERYTHING, pause=0.001)
        first = anext(stream)
        await sync_to_async(observe)(mesh, service("cart"))
        return [await first]

    return async_to_sync(story)()
