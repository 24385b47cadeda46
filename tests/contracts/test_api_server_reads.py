"""Lists in pages and by selector, discovery, and what the built-in kinds do by themselves."""

from __future__ import annotations

import base64
import json

import pytest

from tests.contracts.kube import Answer, Kube, make, stored

pytestmark = pytest.mark.contract


def names(answer: Answer) -> list[str]:
    return [item["metadata"]["name"] for item in answer.body["items"]]


def test_a_list_names_its_kind_and_version(three: Kube) -> None:
    answer = three.get(three.path("virtualservices"))
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("VirtualServiceList", "networking.istio.io/v1")
    assert names(answer) == ["a", "b", "c"]
    assert {item["kind"] for item in answer.body["items"]} == {"VirtualService"}
    assert int(answer.version) >= max(int(item["metadata"]["resourceVersion"]) for item in answer.body["items"])


def test_pages_stay_at_the_version_of_the_first(three: Kube) -> None:
    path = three.path("virtualservices")
    first = three.get(path, limit=1)
    assert names(first) == ["a"]
    assert first.body["metadata"]["remainingItemCount"] == 2
    three.ask("DELETE", f"{path}/b")
    stored(three, 100, name="bb")
    second = three.get(path, limit=1, **{"continue": first.body["metadata"]["continue"]})
    assert (names(second), second.version) == (["b"], first.version)
    last = three.get(path, limit=5, **{"continue": second.body["metadata"]["continue"]})
    assert names(last) == ["c"]
    assert not last.body["metadata"].get("continue")
    assert names(three.get(path)) == ["a", "bb", "c"]


def test_an_expired_page_is_gone_and_says_how_to_go_on(forgotten: Kube) -> None:
    path = forgotten.path("virtualservices")
    old = json.dumps({"v": "meta.k8s.io/v1", "rv": 1, "start": "/a\0"})
    token = base64.urlsafe_b64encode(old.encode()).decode().rstrip("=")
    answer = forgotten.get(path, limit=1, **{"continue": token})
    assert (answer.status, answer.reason) == (410, "Expired")
    assert answer.message.startswith("The provided continue parameter is too old to display a consistent list result.")
    assert names(forgotten.get(path, **{"continue": answer.body["metadata"]["continue"]})) == ["b", "c"]


def test_a_list_at_a_forgotten_version_is_gone(forgotten: Kube) -> None:
    answer = forgotten.get(forgotten.path("virtualservices"), resourceVersion=1, resourceVersionMatch="Exact")
    assert (answer.status, answer.reason) == (410, "Expired")


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("colour=red", ["a", "c"]),
        ("colour==red", ["a", "c"]),
        ("colour!=red", ["b"]),
        ("colour in (red, green)", ["a", "b", "c"]),
        ("colour notin (red)", ["b"]),
        ("a", ["a"]),
        ("!a", ["b", "c"]),
        ("colour=red,!a", ["c"]),
        ("colour=blue", []),
    ],
)
def test_label_selectors(three: Kube, selector: str, found: list[str]) -> None:
    assert names(three.get(three.path("virtualservices"), labelSelector=selector)) == found


def test_field_selectors(three: Kube) -> None:
    path = three.path("virtualservices")
    assert names(three.get(path, fieldSelector="metadata.name=b")) == ["b"]
    everywhere = "/apis/networking.istio.io/v1/virtualservices"
    assert names(three.get(everywhere, fieldSelector=f"metadata.namespace={three.namespace}")) == ["a", "b", "c"]
    answer = three.get(path, fieldSelector="spec.host=b")
    assert (answer.status, answer.message) == (400, "field label not supported: spec.host")


def test_a_selector_that_is_none(three: Kube) -> None:
    answer = three.get(three.path("virtualservices"), labelSelector="colour zap red")
    assert (answer.status, answer.reason) == (400, "BadRequest")


def test_a_version_from_the_future_is_a_timeout(three: Kube) -> None:
    answer = three.get(three.path("virtualservices"), resourceVersion=99999999999)
    assert (answer.status, answer.reason) == (504, "Timeout")


# ---------------------------------------------------------------- discovery and built-in kinds


def test_discovery_names_istios_groups_and_versions(kube: Kube) -> None:
    groups = {group["name"]: [v["version"] for v in group["versions"]] for group in kube.get("/apis").body["groups"]}
    assert groups["networking.istio.io"] == ["v1", "v1beta1", "v1alpha3"]
    assert groups["security.istio.io"] == ["v1", "v1beta1"]
    assert groups["telemetry.istio.io"] == ["v1", "v1alpha1"]
    found = {row["name"]: row for row in kube.get("/apis/networking.istio.io/v1").body["resources"]}
    assert found["virtualservices"]["shortNames"] == ["vs"]
    assert found["virtualservices"]["namespaced"] is True
    assert set(found["virtualservices"]["verbs"]) >= {"create", "delete", "get", "list", "patch", "update", "watch"}
    assert "virtualservices/status" in found
    assert kube.get("/version").body["gitVersion"].startswith("v1.36")
    assert {row["name"] for row in kube.get("/api/v1").body["resources"]} >= {"namespaces", "pods", "services", "nodes"}


def test_the_server_says_that_it_lives(kube: Kube) -> None:
    for path in ("/healthz", "/livez", "/readyz"):
        assert kube.get(path).body == {"text": "ok"}


def test_a_deployment_has_a_status_of_its_own(kube: Kube) -> None:
    path = kube.path("deployments", group_version="apps/v1")
    template = {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "d"}}, "template": template}
    made = kube.ask("POST", path, {"metadata": {"name": "d"}, "spec": spec, "status": {"replicas": 7}})
    assert (made.status, made.body["metadata"]["generation"]) == (201, 1)
    assert "replicas" not in made.body["status"]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "j"}]}}}}
    answer = kube.ask("PATCH", f"{path}/d", patch, content_type="application/strategic-merge-patch+json")
    assert answer.body["metadata"]["generation"] == 2
    assert [c["image"] for c in answer.body["spec"]["template"]["spec"]["containers"]] == ["j"]


def test_a_service_gets_an_address_and_defaults(kube: Kube) -> None:
    spec = {"selector": {"app": "d"}, "ports": [{"name": "http", "port": 80}]}
    made = kube.ask("POST", kube.path("services", group_version="v1"), {"metadata": {"name": "s"}, "spec": spec})
    assert made.body["spec"]["clusterIP"].startswith("10.96.")
    assert made.body["spec"]["ports"] == [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}]
    assert made.body["spec"]["type"] == "ClusterIP"


def test_a_config_map_may_be_replaced_without_a_version(kube: Kube) -> None:
    path = kube.path("configmaps", group_version="v1")
    made = kube.ask("POST", path, {"metadata": {"name": "c"}, "data": {"a": "1"}})
    answer = kube.ask("PUT", f"{path}/c", {"metadata": {"name": "c"}, "data": {"a": "2"}})
    assert answer.status == 200
    assert answer.version != made.version
    assert "generation" not in answer.body["metadata"]


def test_a_namespace_carries_its_name_as_a_label_and_ends_with_its_objects(kube: Kube) -> None:
    name = f"{kube.namespace}-b"
    made = kube.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.body["metadata"]["labels"] == {"kubernetes.io/metadata.name": name}
    assert made.body["status"] == {"phase": "Active"}
    gone = kube.ask("DELETE", f"/api/v1/namespaces/{name}")
    assert (gone.status, gone.body["status"]["phase"]) == (200, "Terminating")


def test_an_owner_takes_its_dependents_along(kube: Kube) -> None:
    owner = stored(kube)["metadata"]
    reference = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "name": "reviews", "uid": owner["uid"]}
    made = kube.create(make("DestinationRule", "reviews", {"host": "reviews"}, ownerReferences=[reference]))
    path = kube.path("destinationrules")
    kube.ask("DELETE", kube.path("virtualservices", "reviews"))
    if kube.get(f"{path}/reviews").status != 404:  # a garbage collector takes a moment
        with kube.open("GET", path, watch="1", resourceVersion=made.version, timeoutSeconds=30) as response:
            assert json.loads(response.readline())["type"] == "DELETED"
