"""JSON Patch, merge patch and DELETE."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.kube import JSON_PATCH, MERGE_PATCH, MODIFIED, Answer, Kube, is_conflict, owners, stored

ROUTES = "/spec/http/0/route"


pytestmark = pytest.mark.contract


def json_patch(kube: Kube, *ops: dict[str, Any], manager: str = "meshportal", **query: object) -> Answer:
    path = kube.path("virtualservices", "reviews")
    return kube.ask("PATCH", path, list(ops), content_type=JSON_PATCH, fieldManager=manager, **query)


def merge_patch(kube: Kube, patch: dict[str, Any], **query: object) -> Answer:
    path = kube.path("virtualservices", "reviews")
    return kube.ask("PATCH", path, patch, content_type=MERGE_PATCH, fieldManager="meshportal", **query)


@pytest.mark.parametrize(
    "ops",
    [
        [{"op": "test", "path": f"{ROUTES}/0/weight", "value": 1}, {"op": "replace", "path": f"{ROUTES}/0/weight", "value": 2}],
        [{"op": "replace", "path": "/spec/http/7/timeout", "value": "1s"}],
        [{"op": "remove", "path": "/metadata/annotations/absent"}],
    ],
    ids=["a test fails", "a list is shorter", "a key is absent"],
)
def test_a_json_patch_that_does_not_fit_never_says_why(kube: Kube, ops: list[dict[str, Any]]) -> None:
    item = stored(kube)
    answer = json_patch(kube, *ops)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.message == "the server rejected our request due to an error in our request"
    assert answer.causes == []
    assert kube.get(kube.path("virtualservices", "reviews")).body == item


def test_a_json_patch_moves_weights_and_takes_ownership(kube: Kube) -> None:
    item = stored(kube)
    answer = json_patch(
        kube,
        {"op": "test", "path": "/metadata/uid", "value": item["metadata"]["uid"]},
        {"op": "test", "path": f"{ROUTES}/0/weight", "value": 90},
        {"op": "replace", "path": f"{ROUTES}/0/weight", "value": 80},
        {"op": "replace", "path": f"{ROUTES}/1/weight", "value": 20},
        {"op": "add", "path": "/metadata/annotations", "value": {"meshportal.io/token": "t1"}},
        manager="other",
    )
    assert answer.status == 200
    assert [route["weight"] for route in answer.body["spec"]["http"][0]["route"]] == [80, 20]
    assert owners(answer.body) == {
        "meshportal": {"f:spec": {".": {}, "f:hosts": {}}},
        "other": {"f:metadata": {"f:annotations": {".": {}, "f:meshportal.io/token": {}}}, "f:spec": {"f:http": {}}},
    }


def test_a_removed_field_has_no_owner(kube: Kube) -> None:
    stored(kube, annotations={"a/b": "1", "keep": "2"})
    answer = json_patch(kube, {"op": "remove", "path": "/metadata/annotations/a~1b"}, manager="other")
    assert answer.body["metadata"]["annotations"] == {"keep": "2"}
    managed = owners(answer.body)
    assert managed["meshportal"]["f:metadata"] == {"f:annotations": {".": {}, "f:keep": {}}}
    assert "other" not in managed


def test_a_json_patch_on_an_absent_object(kube: Kube) -> None:
    answer = json_patch(kube, {"op": "test", "path": "/spec", "value": 1})
    assert (answer.status, answer.reason) == (404, "NotFound")


def test_a_json_patch_that_changes_the_version_conflicts(kube: Kube) -> None:
    stored(kube)
    answer = json_patch(
        kube,
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"},
        {"op": "replace", "path": "/spec/hosts/0", "value": "ratings"},
    )
    assert is_conflict(answer)
    assert answer.message.endswith(MODIFIED)


def test_a_json_patch_is_judged_like_any_write(kube: Kube) -> None:
    stored(kube)
    answer = json_patch(kube, {"op": "replace", "path": f"{ROUTES}/0/weight", "value": -4})
    assert (answer.status, answer.reason, answer.causes) == (400, "", [])
    assert answer.message.endswith("configuration is invalid: weight -4 < 0")


@pytest.mark.parametrize("kind", ["json", "merge"])
def test_an_unknown_field_in_a_patch_quotes_the_whole_object(kube: Kube, kind: str) -> None:
    stored(kube)
    if kind == "json":
        answer = json_patch(kube, {"op": "add", "path": "/spec/bogus", "value": 1}, fieldValidation="Strict")
    else:
        answer = merge_patch(kube, {"spec": {"bogus": 1}}, fieldValidation="Strict")
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.message.startswith(' "" is invalid: patch: Invalid value: "{\\"apiVersion\\":')
    assert answer.message.endswith('strict decoding error: unknown field "spec.bogus"')
    assert [cause["field"] for cause in answer.causes] == ["patch"]


def test_a_merge_patch_with_an_unknown_field_warns(kube: Kube) -> None:
    item = stored(kube)
    answer = merge_patch(kube, {"spec": {"bogus": 1}}, fieldValidation="Warn")
    assert (answer.status, answer.warnings) == (200, ['299 - "unknown field \\"spec.bogus\\""'])
    assert answer.version == item["metadata"]["resourceVersion"]


def test_a_merge_patch_sets_and_removes(kube: Kube) -> None:
    stored(kube, labels={"a": "1", "b": "2"})
    answer = merge_patch(kube, {"metadata": {"labels": {"a": None, "c": "3"}}, "spec": {"hosts": ["ratings"]}})
    assert answer.body["metadata"]["labels"] == {"b": "2", "c": "3"}
    assert answer.body["spec"]["hosts"] == ["ratings"]


def test_a_patch_of_an_unknown_type(kube: Kube) -> None:
    stored(kube)
    answer = kube.ask("PATCH", kube.path("virtualservices", "reviews"), {})
    assert (answer.status, answer.reason) == (415, "UnsupportedMediaType")


def test_delete_answers_with_what_it_deleted(kube: Kube) -> None:
    metadata = stored(kube)["metadata"]
    preconditions = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    answer = kube.ask("DELETE", kube.path("virtualservices", "reviews"), {"preconditions": preconditions})
    assert (answer.status, answer.body["status"]) == (200, "Success")
    assert answer.body["details"]["uid"] == metadata["uid"]
    again = kube.ask("DELETE", kube.path("virtualservices", "reviews"))
    assert (again.status, again.reason) == (404, "NotFound")


@pytest.mark.parametrize(
    ("name", "why"),
    [("resourceVersion", "The object might have been modified"), ("uid", "might have been deleted and then recreated")],
)
def test_delete_with_a_failing_precondition_conflicts(kube: Kube, name: str, why: str) -> None:
    stored(kube)
    answer = kube.ask("DELETE", kube.path("virtualservices", "reviews"), {"preconditions": {name: "1"}})
    assert is_conflict(answer)
    assert why in answer.message
    assert kube.get(kube.path("virtualservices", "reviews")).status == 200


def test_a_body_silences_what_the_query_says_of_a_delete(kube: Kube) -> None:
    path = kube.path("virtualservices", "reviews")
    stored(kube)
    assert kube.ask("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]}).status == 200
    assert kube.get(path).status == 200
    assert kube.ask("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1"}, dryRun="All").status == 200
    assert kube.get(path).status == 404, "no dry run was asked for in the body"


def test_a_finalizer_keeps_a_deleted_object_until_it_is_removed(kube: Kube) -> None:
    stored(kube, finalizers=["meshportal.io/test"])
    path = kube.path("virtualservices", "reviews")
    assert "deletionTimestamp" in kube.ask("DELETE", path).body["metadata"]
    assert kube.get(path).status == 200
    assert merge_patch(kube, {"metadata": {"finalizers": None}}).status == 200
    assert kube.get(path).status == 404
