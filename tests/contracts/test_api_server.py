"""POST and PUT as an API server with Istio answers them, measured on Kubernetes 1.36 and Istio 1.31.

Every test in the files test_api_server*.py speaks raw HTTPS and runs unchanged against the sandbox and the real one.
"""

from __future__ import annotations

import json
import re

import pytest

from tests.contracts.kube import MODIFIED, Kube, is_conflict, owners, split, stored

pytestmark = pytest.mark.contract


def test_a_new_object_gets_identity_and_version(kube: Kube) -> None:
    metadata = stored(kube)["metadata"]
    assert metadata["namespace"] == kube.namespace
    assert metadata["generation"] == 1
    assert re.fullmatch(r"[0-9a-f-]{36}", metadata["uid"])
    assert metadata["resourceVersion"].isdigit()
    assert metadata["creationTimestamp"].endswith("Z")


def test_put_with_the_current_version_replaces(kube: Kube) -> None:
    item = stored(kube)
    item["spec"]["http"][0]["route"][0]["weight"] = 80
    item["spec"]["http"][0]["route"][1]["weight"] = 20
    answer = kube.put(item)
    assert answer.status == 200
    assert answer.body["metadata"]["generation"] == 2
    assert answer.version != item["metadata"]["resourceVersion"]
    assert kube.get(kube.path("virtualservices", "reviews")).body == answer.body


def test_put_of_the_same_content_changes_nothing(kube: Kube) -> None:
    item = stored(kube)
    answer = kube.put(item)
    assert answer.status == 200
    assert answer.version == item["metadata"]["resourceVersion"]
    assert answer.body["metadata"]["generation"] == 1


def test_a_change_of_metadata_keeps_the_generation(kube: Kube) -> None:
    item = stored(kube)
    item["metadata"]["annotations"] = {"meshportal.io/token": "t1"}
    answer = kube.put(item)
    assert answer.version != item["metadata"]["resourceVersion"]
    assert answer.body["metadata"]["generation"] == 1


def test_put_with_a_stale_version_conflicts(kube: Kube) -> None:
    item = stored(kube)
    changed = json.loads(json.dumps(item))
    changed["spec"]["hosts"] = ["ratings"]
    assert kube.put(changed).status == 200
    answer = kube.put(item)
    assert is_conflict(answer)
    assert answer.message == f'Operation cannot be fulfilled on virtualservices.networking.istio.io "reviews": {MODIFIED}'
    assert answer.causes == []


def test_put_of_a_deleted_and_recreated_object_conflicts_on_its_uid(kube: Kube) -> None:
    before = stored(kube)
    kube.ask("DELETE", kube.path("virtualservices", "reviews"))
    after = stored(kube)
    answer = kube.put(before)
    assert is_conflict(answer)
    uids = before["metadata"]["uid"], after["metadata"]["uid"]
    assert answer.message.endswith("Precondition failed: UID in precondition: {}, UID in object meta: {}".format(*uids))


def test_put_of_an_absent_object_never_makes_it(kube: Kube) -> None:
    item = stored(kube)
    kube.ask("DELETE", kube.path("virtualservices", "reviews"))
    answer = kube.put(item)
    assert (answer.status, answer.reason) == (404, "NotFound")
    assert answer.message == 'virtualservices.networking.istio.io "reviews" not found'


def test_put_without_a_version_is_invalid(kube: Kube) -> None:
    item = stored(kube)
    del item["metadata"]["resourceVersion"]
    answer = kube.put(item)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert [cause["field"] for cause in answer.causes] == ["metadata.resourceVersion"]
    assert answer.causes[0]["message"].endswith("must be specified for an update")


@pytest.mark.parametrize("verb", ["POST", "PUT"])
def test_an_unknown_field_is_a_bad_request_under_strict_validation(kube: Kube, verb: str) -> None:
    item = stored(kube)
    item["spec"]["bogus"] = 1
    item["spec"]["http"][0]["nope"] = True
    answer = kube.put(item) if verb == "PUT" else kube.create(item)
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert answer.message == (
        'VirtualService in version "v1" cannot be handled as a VirtualService: '
        'strict decoding error: unknown field "spec.bogus", unknown field "spec.http[0].nope"'
    )


def test_an_unknown_field_is_dropped_with_a_warning_otherwise(kube: Kube) -> None:
    item = split(100)
    item["spec"]["bogus"] = 1
    answer = kube.create(item, strict=False)
    assert answer.status == 201
    assert answer.warnings == ['299 - "unknown field \\"spec.bogus\\""']
    assert "bogus" not in answer.body["spec"]


def test_an_unknown_field_is_dropped_in_silence_when_validation_is_ignored(kube: Kube) -> None:
    item = split(100)
    item["spec"]["bogus"] = 1
    answer = kube.create(item, fieldValidation="Ignore")
    assert (answer.status, answer.warnings) == (201, [])
    assert "bogus" not in answer.body["spec"]


def test_put_takes_a_field_over_from_another_manager(kube: Kube) -> None:
    item = kube.create(split(90, 10), fieldManager="other").body
    item["spec"]["http"][0]["timeout"] = "3s"
    answer = kube.put(item)
    assert owners(answer.body) == {
        "other": {"f:spec": {".": {}, "f:hosts": {}}},
        "meshportal": {"f:spec": {"f:http": {}}},
    }
    assert {entry["operation"] for entry in answer.body["metadata"]["managedFields"]} == {"Update"}


def test_post_of_an_existing_name_is_refused(kube: Kube) -> None:
    stored(kube)
    answer = kube.create(split(100))
    assert (answer.status, answer.reason) == (409, "AlreadyExists")
    assert answer.message == 'virtualservices.networking.istio.io "reviews" already exists'


def test_post_into_an_absent_namespace(kube: Kube) -> None:
    path = "/apis/networking.istio.io/v1/namespaces/nope/virtualservices"
    answer = kube.ask("POST", path, split(100), fieldManager="meshportal")
    assert (answer.status, answer.reason) == (404, "NotFound")
    assert answer.message == 'namespaces "nope" not found'
    assert answer.body["details"] == {"kind": "namespaces", "name": "nope"}


def test_a_name_must_be_rfc_1123(kube: Kube) -> None:
    answer = kube.create(split(100, name="Bad_Name"))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert [cause["field"] for cause in answer.causes] == ["metadata.name"]
    assert "a lowercase RFC 1123 subdomain must consist of" in answer.message


def test_a_generated_name_starts_as_asked(kube: Kube) -> None:
    item = split(100)
    item["metadata"] = {"generateName": "gen-"}
    answer = kube.create(item)
    assert re.fullmatch(r"gen-[a-z0-9]{5}", answer.body["metadata"]["name"])


def test_names_and_namespaces_of_path_and_body_must_agree(kube: Kube) -> None:
    item = stored(kube)
    path = kube.path("virtualservices", "other")
    answer = kube.ask("PUT", path, item)
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert answer.message == "the name of the object (reviews) does not match the name on the URL (other)"
    item["metadata"]["namespace"] = "elsewhere"
    assert kube.put(item).message == "the namespace of the provided object does not match the namespace sent on the request"


def test_a_dry_run_answers_and_stores_nothing(kube: Kube) -> None:
    assert kube.create(split(100), dryRun="All").status == 201
    assert kube.get(kube.path("virtualservices", "reviews")).status == 404
    item = stored(kube)
    changed = json.loads(json.dumps(item))
    changed["spec"]["hosts"] = ["ratings"]
    dry = kube.put(changed, dryRun="All")
    assert dry.body["spec"]["hosts"] == ["ratings"]
    assert dry.body["metadata"]["generation"] == 2
    assert kube.ask("DELETE", kube.path("virtualservices", "reviews"), dryRun="All").status == 200
    assert kube.get(kube.path("virtualservices", "reviews")).body == item


def test_a_dry_run_that_is_none_is_refused(kube: Kube) -> None:
    for value in ("", "Some"):
        answer = kube.create(split(100), dryRun=value)
        assert (answer.status, answer.reason) == (422, "Invalid")
        assert answer.causes[0]["message"] == f'Unsupported value: ["{value}"]: supported values: "All"'


def test_every_served_version_shows_the_same_object(kube: Kube) -> None:
    item = stored(kube)
    for version in ("v1beta1", "v1alpha3"):
        api_version = f"networking.istio.io/{version}"
        seen = kube.get(kube.path("virtualservices", "reviews", api_version)).body
        assert seen["apiVersion"] == api_version
        assert seen["spec"] == item["spec"]
        assert seen["metadata"]["uid"] == item["metadata"]["uid"]


def test_the_status_is_written_through_its_subresource_only(kube: Kube) -> None:
    item = stored(kube)
    path = kube.path("virtualservices", "reviews")
    item["status"] = {"observedGeneration": "1"}
    assert "status" not in kube.put(item).body
    ignored = item | {"spec": {"hosts": ["ignored"]}}
    answer = kube.ask("PUT", f"{path}/status", ignored, fieldManager="istiod")
    assert answer.status == 200
    assert answer.body["status"] == {"observedGeneration": "1"}
    assert answer.body["spec"] == item["spec"]
    entry = next(e for e in answer.body["metadata"]["managedFields"] if e["manager"] == "istiod")
    assert entry["subresource"] == "status"
    assert answer.body["metadata"]["generation"] == 1
