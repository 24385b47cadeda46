"""The cast, a mesh in which reviews has two rules, and alice signed in."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.cast import Cast, Mesh, people
from tests.policies.routes.page import TWO_RULES, routed


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    mesh = Mesh()
    routed(mesh, *TWO_RULES)
    return mesh


@pytest.fixture
def alice(cast: Cast, mesh: Mesh, client: Client) -> Client:
    client.force_login(cast.alice)
    return client
