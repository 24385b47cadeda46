"""The page of all findings of a mesh: to each reader their own namespaces, each finding with its place and the way to mend it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from meshportal.catalog.models import Inventory
from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.mesh.refs import VIRTUAL_SERVICE
from tests.cast import Cast, Mesh, people, virtual_service

URL = "/diagnostics/findings/demo/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    """reviews goes to a subset that nobody has, with a timeout that is none."""
    mesh = Mesh()
    broken = virtual_service(v1=90, v9=10)
    broken["spec"]["http"][0]["timeout"] = "0.1ms"
    mesh.api.put(broken)
    mesh.observe()
    look_now()
    return mesh


def look_now(ago: float = 0) -> None:
    """The observer's last look was `ago` seconds before this moment."""
    row = SnapshotRow.objects.get()
    row.body["taken_at"] = timezone.now().timestamp() - ago
    row.save()


def page(client: Client, address: str = URL) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_each_finding_says_what_is_wrong_where_and_what_to_do(cast: Cast, mesh: Mesh, client: Client) -> None:
    client.force_login(cast.alice)

    shown = page(client)

    assert "VirtualService bookinfo/reviews" in shown
    assert "has a subset “v9”" in shown
    assert "spec.http[0].route[1].destination.subset" in shown
    assert "KIA1107" in shown
    assert "Add the subset to the DestinationRule first" in shown
    assert shown.index("“0.1ms” is no duration here") < shown.index("has a subset “v9”"), "errors come before warnings"


def test_the_version_that_was_judged_is_the_one_that_is_shown(cast: Cast, mesh: Mesh, client: Client) -> None:
    client.force_login(cast.alice)
    [live] = mesh.api.list(VIRTUAL_SERVICE).items

    assert f"resourceVersion {live['metadata']['resourceVersion']}" in page(client)

    mesh.api.put(virtual_service(v1=100))
    mesh.observe()
    assert "has a subset “v9”" not in page(client)


def test_the_form_is_offered_to_those_who_may_use_it(cast: Cast, mesh: Mesh, client: Client) -> None:
    client.force_login(cast.alice)
    assert 'href="/policies/routes/demo/bookinfo/reviews/"' in page(client)

    client.force_login(cast.carol)
    shown = page(client)
    assert "/policies/routes/" not in shown
    assert 'href="/services/demo/bookinfo/reviews/"' in shown


def test_other_namespaces_are_not_there(cast: Cast, mesh: Mesh, client: Client) -> None:
    rival = virtual_service(v1=100)
    rival["metadata"] |= {"namespace": "elsewhere", "name": "rival"}
    rival["spec"]["hosts"] = ["reviews.bookinfo.svc.cluster.local"]
    mesh.api.put(rival)
    mesh.observe()
    client.force_login(cast.alice)

    shown = page(client)

    assert "IST0109" in shown
    assert "1 object you may not see" in shown
    assert "elsewhere" not in shown
    client.force_login(cast.mallory)
    assert "bookinfo/reviews" not in page(client)


def test_a_mesh_that_one_may_not_see_is_not_found(cast: Cast, mesh: Mesh, client: Client) -> None:
    cast.mallory.bindings.all().delete()
    client.force_login(cast.mallory)

    assert client.get(URL).status_code == 404
    client.force_login(cast.alice)
    nowhere = client.get("/diagnostics/findings/nowhere/")
    assert nowhere.status_code == 404
    assert "It was mistyped" in nowhere.content.decode(), "a sentence, not the bare name"


def test_namespace_and_severity_narrow_it(cast: Cast, mesh: Mesh, client: Client) -> None:
    client.force_login(cast.alice)

    assert "KIA1107" not in page(client, f"{URL}?severity=error")
    assert "MP0210" not in page(client, f"{URL}?severity=warning")
    assert "KIA1107" in page(client, f"{URL}?namespace=bookinfo&severity=warning")
    assert "No finding matches" in page(client, f"{URL}?namespace=nowhere")
    assert "No finding matches" in page(client, f"{URL}?severity=%00odd")


def test_a_silent_observer_is_said_above_all(cast: Cast, mesh: Mesh, client: Client) -> None:
    client.force_login(cast.alice)
    assert "The observer is silent" not in page(client)

    look_now(ago=60)

    shown = page(client)
    assert "The observer is silent" in shown
    assert "STALE" in shown


def test_without_an_observer_nothing_is_known_rather_than_found(cast: Cast, mesh: Mesh, client: Client) -> None:
    SnapshotRow.objects.all().delete()
    client.force_login(cast.alice)

    shown = page(client)

    assert "No observer has reported" in shown
    assert "Nothing found" not in shown


def test_without_an_inventory_the_page_says_what_was_not_judged(cast: Cast, mesh: Mesh, client: Client) -> None:
    Inventory.objects.all().delete()
    client.force_login(cast.alice)

    assert "What runs in this mesh is not known yet" in page(client)


def test_a_sound_mesh_says_so(cast: Cast, client: Client) -> None:
    Mesh()
    look_now()
    client.force_login(cast.alice)

    assert "Nothing found" in page(client)
