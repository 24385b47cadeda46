"""Freeze windows: when they hold, where, and who may set them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from meshportal.accounts.models import Person, Role, RoleBinding
from meshportal.audit.models import AuditEvent
from meshportal.clusters.freezing import add_window, frozen, frozen_until, next_window, remove_window
from meshportal.clusters.models import Cluster, FreezeWindow
from meshportal.clusters.refusals import Refused, Unusable
from tests.cast import NOON, Cast, Mesh, people

PAGE = AuditEvent.Via.PAGE
WINDOW: dict[str, Any] = {"name": "Peak", "namespaces": [], "cron": "0 11 * * *", "minutes": 90}

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Cluster:
    return Mesh().cluster


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 24, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "minutes", "now", "until"),
    [
        ("0 12 * * *", 60, at(12), at(13)),
        ("0 12 * * *", 60, at(11, 59), None),
        ("0 11 * * *", 60, at(12), None),
        ("0 11 * * *", 61, at(12), at(12, 1)),
        ("0 12 * * 1-5", 60, at(12, 30), at(13)),
        ("0 12 * * 6,0", 60, at(12, 30), None),
        ("0 23 * * *", 180, at(23) + timedelta(hours=2), at(23) + timedelta(hours=3)),
        ("0,30 12 * * *", 40, at(12, 10), at(13, 10)),
    ],
)
def test_it_holds_from_each_beginning_for_its_length(cron: str, minutes: int, now: datetime, until: datetime | None) -> None:
    assert frozen_until(cron, minutes, now) == until


def test_it_begins_by_the_clock_of_the_portals_time_zone(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Shanghai"
    assert frozen_until("0 20 * * *", 60, at(12, 30)) == at(13)
    assert frozen_until("0 12 * * *", 60, at(12, 30)) is None


def test_it_keeps_its_hour_when_the_clocks_are_put_back(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    summer, winter = datetime(2026, 10, 24, 7, 30, tzinfo=UTC), datetime(2026, 10, 26, 8, 30, tzinfo=UTC)
    assert frozen_until("0 9 * * *", 60, summer) == datetime(2026, 10, 24, 8, tzinfo=UTC)
    assert frozen_until("0 9 * * *", 60, winter) == datetime(2026, 10, 26, 9, tzinfo=UTC)


def test_one_that_never_pauses_says_that_it_goes_on() -> None:
    until = frozen_until("* * * * *", 5, NOON)
    assert until is not None
    assert until > NOON + timedelta(hours=1)


def test_it_concerns_its_namespaces_or_the_whole_mesh(mesh: Cluster, cast: Cast) -> None:
    add_window(mesh, **WINDOW | {"namespaces": ["bookinfo"]}, by=cast.dave, via=PAGE, now=NOON)
    assert frozen(mesh, "elsewhere", NOON) is None
    found = frozen(mesh, "bookinfo", NOON)
    assert found is not None
    assert str(found) == "“Peak” until 2026-11-24 12:30 UTC"
    add_window(mesh, **WINDOW | {"name": "Longer", "minutes": 120}, by=cast.dave, via=PAGE, now=NOON)
    longest = frozen(mesh, "bookinfo", NOON)
    assert longest is not None
    assert (longest.name, longest.until) == ("Longer", at(13)), "of several the one that ends last"
    assert frozen(mesh, "elsewhere", NOON) is not None


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"cron": "soon"}, "cron"),
        ({"cron": "@daily"}, "cron"),
        ({"cron": "0 0 0 * * *"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 100_000}, "minutes"),
    ],
)
def test_what_cannot_be_a_window_is_refused_by_its_field(mesh: Cluster, cast: Cast, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Unusable) as error:
        add_window(mesh, **WINDOW | wrong, by=cast.dave, via=PAGE, now=NOON)
    assert set(error.value.problems) == {field}
    assert not FreezeWindow.objects.exists()


def test_a_name_is_given_once_in_a_mesh(mesh: Cluster, cast: Cast) -> None:
    add_window(mesh, **WINDOW, by=cast.dave, via=PAGE, now=NOON)
    with pytest.raises(Unusable, match="of that name already"):
        add_window(mesh, **WINDOW, by=cast.dave, via=PAGE, now=NOON)


@pytest.mark.parametrize("who", ["alice", "bob", "carol", "mallory"])
def test_only_an_admin_sets_and_removes_it(mesh: Cluster, cast: Cast, who: str) -> None:
    with pytest.raises(Refused):
        add_window(mesh, **WINDOW, by=getattr(cast, who), via=PAGE, now=NOON)
    window = add_window(mesh, **WINDOW, by=cast.dave, via=PAGE, now=NOON)
    with pytest.raises(Refused):
        remove_window(window, by=getattr(cast, who), via=PAGE, now=NOON)
    assert FreezeWindow.objects.exists()


def test_an_admin_of_one_namespace_freezes_only_that(mesh: Cluster) -> None:
    frank = Person.objects.create(username="frank", password="!")
    RoleBinding.objects.create(person=frank, role=Role.ADMIN, cluster="demo", namespace="bookinfo")
    with pytest.raises(Refused):
        add_window(mesh, **WINDOW, by=frank, via=PAGE, now=NOON)
    with pytest.raises(Refused):
        add_window(mesh, **WINDOW | {"namespaces": ["bookinfo", "shop"]}, by=frank, via=PAGE, now=NOON)
    add_window(mesh, **WINDOW | {"namespaces": ["bookinfo"]}, by=frank, via=PAGE, now=NOON)


def test_it_stands_in_the_record(mesh: Cluster, cast: Cast) -> None:
    window = add_window(mesh, **WINDOW, by=cast.dave, via=PAGE, now=NOON)
    remove_window(window, by=cast.dave, via=PAGE, now=NOON)
    assert list(AuditEvent.objects.order_by("sequence").values_list("verb", "actor_name")) == [
        ("add freeze window", "dave"),
        ("remove freeze window", "dave"),
    ]


def test_the_next_one_is_told() -> None:
    assert next_window("0 9 * * *", NOON) == at(9) + timedelta(days=1)


# ---------------------------------------------------------------- the page


def test_windows_are_added_and_removed_on_the_page(mesh: Cluster, cast: Cast, client: Client) -> None:
    client.force_login(cast.dave)
    assert client.get("/settings/freeze/")["Location"] == "/settings/freeze/demo/"
    typed = {"name": "Friday", "namespaces": "bookinfo, shop", "cron": "0 15 * * 5", "minutes": "600"}
    wrong = client.post("/settings/freeze/demo/", typed | {"minutes": "-1"})
    assert wrong.status_code == 422
    assert 'value="Friday"' in wrong.content.decode()
    assert "from 1 minute to 14 days" in wrong.content.decode()
    assert client.post("/settings/freeze/demo/", typed).status_code == 303
    window = FreezeWindow.objects.get()
    assert window.namespaces == ["bookinfo", "shop"]
    assert "Friday" in client.get("/settings/freeze/demo/").content.decode()
    assert client.post(f"/settings/freeze/demo/{window.pk}/remove/").status_code == 303
    assert not FreezeWindow.objects.exists()


def test_who_is_no_admin_sees_what_concerns_them_and_changes_nothing(mesh: Cluster, cast: Cast, client: Client) -> None:
    window = add_window(mesh, **WINDOW | {"namespaces": ["bookinfo"]}, by=cast.dave, via=PAGE, now=NOON)
    client.force_login(cast.alice)
    page = client.get("/settings/freeze/demo/").content.decode()
    assert "Peak" in page
    assert "Add a window" not in page
    assert client.post(f"/settings/freeze/demo/{window.pk}/remove/").status_code == 403
    assert client.post("/settings/freeze/demo/", WINDOW | {"name": "Mine"}).status_code == 403
    client.force_login(cast.mallory)
    assert "Peak" not in client.get("/settings/freeze/demo/").content.decode()
    assert client.post(f"/settings/freeze/demo/{window.pk}/remove/").status_code == 404
    assert client.get("/settings/freeze/nowhere/").status_code == 404
