"""What is shown while the observer is silent: what it saw last, and never as what is live."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from meshportal.catalog.models import Snapshot
from tests.cast import Mesh, destination_rule, people, virtual_service

pytestmark = pytest.mark.django_db

PAGES = [
    f"/policies/{kind}/demo/bookinfo/reviews/" for kind in ("traffic", "routes", "destination", "gateway", "removal", "copy")
]
PAGES.append("/policies/gateways/demo/")


@pytest.fixture
def alice(client: Client) -> Client:
    cast, mesh = people(), Mesh()
    mesh.api.put(virtual_service(v1=90, v2=10))
    mesh.api.put(destination_rule("v1", "v2"))
    mesh.observe()
    client.force_login(cast.alice)
    return client


def last_look(seconds_ago: float) -> None:
    row = Snapshot.objects.get()
    row.body["taken_at"] = timezone.now().timestamp() - seconds_ago
    row.save()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_policies_says_that_the_observer_is_silent(alice: Client, page: str) -> None:
    last_look(600)
    assert "The observer is silent" in alice.get(page).content.decode()
    last_look(1)
    assert "The observer is silent" not in alice.get(page).content.decode()
