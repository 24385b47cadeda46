"""What a pipeline, or somebody with its token, may send to the API: never a 500, never a row, never what is out of scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshportal.accounts.models import RoleBinding
from meshportal.changes.models import ChangeRequest
from tests.api.test_changes_api import GOOD, Caller
from tests.cast import Cast, Mesh, people

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    return Mesh()


@pytest.fixture
def anywhere(cast: Cast, mesh: Mesh) -> Caller:
    """Alice, whose role reaches everywhere: nothing is refused for its scope."""
    RoleBinding.objects.filter(person=cast.alice).update(cluster="", namespace="")
    return Caller(cast.alice)


@pytest.mark.parametrize(
    "body",
    [
        '{"reason": "\\ud800"}',
        '{"weights": {"\\ud800": 100}}',
        '{"weights": {"v1\\u0000": 100}}',
        '{"cluster": "\\ud800"}',
        '{"namespace": "\\u0000"}',
        '{"service": "\\ud800"}',
        '{"base": "\\u0000"}',
        '{"weights": {"v1": 1e999}}',
        '{"weights": {"v1": NaN}}',
        '{"weights": {"v1": 100000000000000000000000000000000}}',
        '{"weights": {"v1": ' + "9" * 5000 + "}}",
        '{"weights": {"' + "v" * 100_000 + '": 100}}',
        '{"weights": {"%s": 100, "%(x)s": 1, "<b>": 2}}',
        '{"surprise\\ud800": 1}',
        "[" * 100_000,
        '{"a":' * 20_000,
    ],
)
def test_nonsense_is_4xx_without_a_row(anywhere: Caller, body: str) -> None:
    import json

    try:
        merged = json.dumps(GOOD | json.loads(body))
    except (ValueError, RecursionError):
        merged = body
    answer = anywhere.client.post("/api/v1/changes", merged, content_type="application/json")
    assert answer.status_code in {400, 409, 422}, answer.content
    assert "Traceback" not in answer.content.decode()
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        "signals/de%00mo",
        "services/%00/bookinfo/reviews",
        "services/demo/%00/reviews",
        "services/demo/bookinfo/%00",
        "signals/" + "d" * 3000,
        "services/demo/bookinfo/..%2f..%2fetc",
        "changes/0",
        "changes/-1",
        "changes/9223372036854775808",
    ],
)
def test_a_strange_address_is_not_there(anywhere: Caller, path: str) -> None:
    assert anywhere.get(path).status_code in {404, 422}


@pytest.mark.parametrize("query", ["status=%00", "status=nonsense", "status=%ed%a0%80"])
def test_a_strange_filter_finds_nothing(anywhere: Caller, query: str) -> None:
    anywhere.post("changes", GOOD)
    assert anywhere.get(f"changes?{query}").json() in ([], anywhere.get("changes").json())


@pytest.mark.parametrize("query", ["cluster=%00", "namespace=%00", "cluster=%ed%a0%80"])
def test_a_strange_filter_of_services_finds_nothing(anywhere: Caller, query: str) -> None:
    assert anywhere.get(f"services?{query}").json() == []


def test_a_list_costs_the_same_whatever_its_length(anywhere: Caller, django_assert_max_num_queries: Callable[..., Any]) -> None:
    for weight in range(1, 9):
        assert anywhere.post("changes", GOOD | {"weights": {"v1": 100 - weight, "v2": weight}}).status_code == 201
    with django_assert_max_num_queries(12):
        assert len(anywhere.get("changes").json()) == 8


def test_answers_are_for_the_caller_alone(anywhere: Caller) -> None:
    for path in ("changes", "services", "signals/demo", "changes/99"):
        assert "no-store" in anywhere.get(path)["Cache-Control"]
