"""As many rules as the form takes: the whole page still gets through."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.cast import Mesh
from tests.mesh.routes.manifests import to
from tests.policies.routes.page import opened, routed, submit, written

pytestmark = pytest.mark.django_db

MOST = 200


def _rule(place: int) -> dict[str, Any]:
    headers = {f"x-header-{name}": {"exact": "v" * 40} for name in range(3)}
    paths = ({"prefix": f"/api/v1/shops/{place}"}, {"exact": f"/api/v2/shops/{place}"})
    return {"match": [{"uri": path, "headers": headers} for path in paths], "route": [to("v2")]}


def test_one_of_as_many_rules_as_the_form_takes_is_edited(alice: Client, mesh: Mesh) -> None:
    routed(mesh, *(_rule(place) for place in range(MOST - 1)), {"route": [to("v1")]})
    answer = submit(alice, opened(alice), **{"routes[150].timeout": "3s"})
    assert answer.status_code == 303
    assert written() == [("spec.http[150].timeout", "3s")]
