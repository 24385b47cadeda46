"""Policies over REST: read what is live, see what a change would do, and ask for it in the same shape."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.changes.models import ChangeRequest
from tests.api.test_changes_api import GOOD, Caller
from tests.cast import Cast, Mesh, people

pytestmark = pytest.mark.django_db

WANTED = {key: value for key, value in GOOD.items() if key != "reason"}


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    return Mesh()


@pytest.fixture
def alice(cast: Cast, mesh: Mesh) -> Caller:
    return Caller(cast.alice)


def test_what_is_live_is_read_with_the_base_to_hold_a_change_to(alice: Caller) -> None:
    body = alice.get("services/demo/bookinfo/reviews/policies/traffic").json()
    assert body["spec"] == {"weights": {"v1": 100}}
    assert alice.post("changes", GOOD | {"base": body["base"]}).status_code == 201


def test_a_preview_says_it_in_words_fields_and_yaml_and_saves_nothing(alice: Caller) -> None:
    body = alice.post("changes/preview", WANTED).json()
    assert "10 % of requests to reviews go to v2, about 2.0 a second." in body["words"]
    assert [field["after"] for field in body["fields"] if field["label"] == "Weight of v1"] == ["90 %"]
    assert "+      weight: 10" in body["objects"][0]["diff"]
    assert not ChangeRequest.objects.exists()


def test_a_preview_of_nonsense_names_the_field(alice: Caller) -> None:
    answer = alice.post("changes/preview", WANTED | {"weights": {"v1": 90}})
    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["problems"]] == ["weight_v1"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"kind": "routes"}, "spec"),
        ({"spec": {}}, "spec"),
        ({"kind": "nonsense"}, "kind"),
        ({"kind": "routes", "weights": None, "spec": {"routes": [{"name": "\ud800"}]}}, "spec"),
    ],
)
def test_the_wrong_shape_for_a_kind_is_422(alice: Caller, sent: dict[str, Any], field: str) -> None:
    answer = alice.post("changes", GOOD | sent)
    assert answer.status_code == 422
    assert field in [problem["field"] for problem in answer.json()["problems"]]
    assert not ChangeRequest.objects.exists()


def test_a_spec_nested_without_end_is_422(alice: Caller) -> None:
    deep: Any = []
    for _ in range(60):
        deep = [deep]
    answer = alice.post("changes", GOOD | {"kind": "routes", "weights": None, "spec": {"routes": deep}})
    assert answer.status_code == 422
    assert "deeper" in answer.content.decode()


def test_what_is_in_effect_names_object_field_and_subset_pods(alice: Caller) -> None:
    body = alice.get("services/demo/bookinfo/reviews/effective").json()
    [timeout] = [setting for setting in body["settings"] if setting["topic"] == "timeout"]
    assert (timeout["value"], timeout["object"], timeout["path"]) == (
        "3s", "VirtualService bookinfo/reviews", "spec.http[0].timeout",
    )  # fmt: skip
    [balancing] = [setting for setting in body["settings"] if setting["topic"] == "loadBalancer"]
    assert balancing["object"] == "", "Istio's default comes from no object"
    assert [(subset["name"], subset["pods_ready"]) for subset in body["subsets"]] == [("v1", 3), ("v2", 2)]


@pytest.mark.parametrize(
    "path",
    [
        "services/demo/bookinfo/reviews/policies/nonsense",
        "services/demo/bookinfo/nothing/policies/traffic",
        "services/demo/bookinfo/nothing/effective",
        "services/demo/elsewhere/reviews/effective",
        "services/demo/elsewhere/reviews/policies/traffic",
        "services/other/bookinfo/reviews/policies/traffic",
    ],
)
def test_what_is_outside_ones_scope_does_not_exist(alice: Caller, path: str) -> None:
    assert alice.get(path).status_code == 404
