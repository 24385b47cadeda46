"""Taking a service's policy away on its page: what is offered, what it says will follow, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from meshportal.accounts.services import issue_token
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import Actor
from meshportal.changes.models import ChangeRequest, Status
from meshportal.mesh.refs import GATEWAY, Manifest, ref_of
from meshportal.mesh.snapshot import VersionNow
from tests.cast import Cast, Mesh, destination_rule, people, virtual_service

ADDRESS = "/policies/removal/demo/bookinfo/reviews/"
ROUTE, RULE = "VirtualService bookinfo/reviews", "DestinationRule bookinfo/reviews"

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return people()


@pytest.fixture
def mesh(db: None) -> Mesh:
    return Mesh()


@pytest.fixture
def alice(cast: Cast, client: Client) -> Client:
    client.force_login(cast.alice)
    return client


def gateway(name: str, **more: Any) -> Manifest:
    servers = [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": [f"{name}.example.com"]}]
    spec = {"selector": {"istio": "ingressgateway"}, "servers": servers}
    metadata = {"name": name, "namespace": "bookinfo"}
    return {"apiVersion": GATEWAY.api_version, "kind": "Gateway", "metadata": metadata, "spec": spec | more}


def entrance(name: str, gateway_name: str, *services: str) -> Manifest:
    """A VirtualService that leads from a gateway to services."""
    manifest = virtual_service(v1=100)
    manifest["metadata"]["name"] = name
    routes = [{"route": [{"destination": {"host": service}}]} for service in services]
    manifest["spec"] = {"hosts": [f"{gateway_name}.example.com"], "gateways": [gateway_name], "http": routes}
    return manifest


def sent(client: Client, *objects: str, action: str = "submit", **more: Any) -> Any:
    data = {"objects": objects, "reason": "no longer needed", "action": action} | more
    return client.post(ADDRESS, data)


def text(response: Any) -> str:
    page: str = response.content.decode()
    return page


def test_offers_what_belongs_to_the_service_alone(alice: Client, mesh: Mesh) -> None:
    mesh.api.put(gateway("reviews-door"))
    mesh.api.put(entrance("reviews-entrance", "reviews-door", "reviews"))
    mesh.api.put(gateway("shared"))
    mesh.api.put(entrance("mixed-entrance", "shared", "reviews", "ratings"))
    mesh.observe()
    page = text(alice.get(ADDRESS))
    for name in (ROUTE, RULE, "VirtualService bookinfo/reviews-entrance", "Gateway bookinfo/reviews-door"):
        assert f'value="{name}"' in page, name
    for name in ("mixed-entrance", "Gateway bookinfo/shared"):
        assert name not in page


def test_a_gateway_goes_after_the_route_that_names_it_and_not_before(alice: Client, mesh: Mesh) -> None:
    mesh.api.put(gateway("reviews-door"))
    mesh.api.put(entrance("reviews-entrance", "reviews-door", "reviews"))
    mesh.observe()
    door, way = "Gateway bookinfo/reviews-door", "VirtualService bookinfo/reviews-entrance"
    assert "KIA1102" in text(sent(alice, door)), "a VirtualService would name nothing"
    page = text(sent(alice, door, way, action="preview"))
    assert page.index(f"{way} is removed") < page.index(f"{door} is removed")
    assert "no longer listen for it on port 80" in page
    assert "kubectl -n bookinfo delete gateways.networking.istio.io reviews-door" in page, "gateway alone may be another kind"


def test_the_whole_policy_goes_routes_first_and_says_what_follows(alice: Client, mesh: Mesh) -> None:
    response = sent(alice, RULE, ROUTE, confirm=["MP0702"])
    assert response.status_code == 303, text(response)
    change = ChangeRequest.objects.get()
    assert change.status == Status.IN_REVIEW
    assert change.title == "Remove the whole policy of reviews"
    items = change.revisions.get().items.all()
    assert [(str(item), item.after) for item in items] == [(ROUTE, None), (RULE, None)]
    page = text(alice.get(f"/changes/{change.pk}/"))
    assert "spread over all its pods again" in page
    assert "The subsets v1, v2 are no longer there" in page
    assert "kubectl -n bookinfo delete virtualservice reviews" in page
    assert "kubectl -n bookinfo delete destinationrule reviews" in page
    assert "Removed object" in page
    assert "-  - route:" in page, "reviewers read what goes"


def test_a_rule_whose_subsets_a_route_needs_is_refused_alone(alice: Client, mesh: Mesh) -> None:
    response = sent(alice, RULE)
    assert response.status_code == 422
    assert "KIA1107" in text(response)
    assert not ChangeRequest.objects.exists()


def test_a_version_that_would_suddenly_get_requests_needs_a_tick(alice: Client, mesh: Mesh) -> None:
    response = sent(alice, ROUTE)
    assert response.status_code == 422
    page = text(response)
    assert "v2 gets no requests now" in page
    assert "Confirm the warnings first (MP0702)" in page
    assert f'value="{ROUTE}" checked' in page, "what was ticked survives"
    assert sent(alice, ROUTE, confirm=["MP0702"]).status_code == 303


def test_hosts_of_others_in_the_same_object_need_a_tick(alice: Client, mesh: Mesh) -> None:
    both = virtual_service(v1=50, v2=50)
    both["spec"]["hosts"] = ["reviews", "ratings"]
    mesh.api.put(both)
    mesh.observe(versions=(VersionNow("v1", 3, 3, 50.0, 50.0, 10.0), VersionNow("v2", 2, 2, 50.0, 50.0, 10.0)))
    page = text(sent(alice, ROUTE))
    assert "also routes ratings" in page
    assert "Confirm the warnings first (MP0701)" in page
    assert "High: it removes objects that are live; there are warnings" in page


def test_what_stays_routed_warns_of_no_version(alice: Client, mesh: Mesh) -> None:
    mesh.api.put(entrance("reviews-entrance", "shared", "reviews"))
    mesh.observe()
    page = text(sent(alice, "VirtualService bookinfo/reviews-entrance", action="preview"))
    assert "Requests from outside for shared.example.com" in page
    assert "MP0702" not in page
    assert f"What stays: {ROUTE}, {RULE}." in page


def test_a_pipeline_removes_with_the_same_words_and_ticks(cast: Cast, mesh: Mesh) -> None:
    token = issue_token(cast.alice, "ci", by=Actor(None, "command", AuditEvent.Via.COMMAND), now=timezone.now())
    client = Client(headers={"authorization": f"Bearer {token}"})
    place = {"kind": "removal", "cluster": "demo", "namespace": "bookinfo", "service": "reviews", "reason": "no longer needed"}
    body = place | {"spec": {"objects": [ROUTE, RULE]}}
    refused = client.post("/api/v1/changes", body, content_type="application/json")
    assert refused.status_code == 422
    assert [problem["field"] for problem in refused.json()["problems"]] == ["confirm"]
    made = client.post("/api/v1/changes", body | {"confirm": ["MP0702"]}, content_type="application/json")
    assert made.status_code == 201, made.content
    operations = [(item["object"], item["operation"]) for item in made.json()["items"]]
    assert operations == [(ROUTE, "delete"), (RULE, "delete")]


def test_an_object_that_something_repairs_needs_a_tick_and_names_it(alice: Client, mesh: Mesh) -> None:
    mesh.api.put(destination_rule("v1", "v2", "v3"), manager="argocd-controller")
    mesh.observe()
    page = text(sent(alice, RULE, ROUTE, action="preview"))
    assert "argocd-controller, which may make it again" in page


@pytest.mark.parametrize("objects", [(), ("VirtualService bookinfo/nothing",), ("VirtualService shop/cart",), ("<b>",)])
def test_what_is_not_offered_cannot_be_removed(alice: Client, mesh: Mesh, objects: tuple[str, ...]) -> None:
    response = sent(alice, *objects)
    assert response.status_code == 422
    assert 'id="objects-e"' in text(response)
    assert not ChangeRequest.objects.exists()


def test_what_was_added_while_the_page_was_open_makes_it_stale(alice: Client, mesh: Mesh) -> None:
    page = text(alice.get(ADDRESS))
    base = page.partition('name="base" value="')[2].partition('"')[0]
    mesh.api.put(virtual_service(v1=90, v2=10))
    mesh.observe()
    response = sent(alice, ROUTE, base=base, confirm=["MP0702"])
    assert response.status_code == 409
    assert "changed since you opened this form" in text(response)


def test_a_service_without_policy_says_that_there_is_nothing(alice: Client, mesh: Mesh) -> None:
    mesh.api.remove(ref_of(virtual_service(v1=100)))
    mesh.api.remove(ref_of(destination_rule("v1")))
    mesh.observe()
    assert "there is nothing to remove" in text(alice.get(ADDRESS))


def test_an_edited_removal_opens_with_its_ticks(alice: Client, mesh: Mesh) -> None:
    sent(alice, ROUTE, confirm=["MP0702"], action="draft")
    change = ChangeRequest.objects.get()
    page = text(alice.get(f"{ADDRESS}?change={change.pk}"))
    assert f'value="{ROUTE}" checked' in page
    assert f'value="{RULE}" checked' not in page


def test_only_an_operator_of_the_namespace_gets_in(cast: Cast, mesh: Mesh, client: Client) -> None:
    client.force_login(cast.mallory)
    assert client.get(ADDRESS).status_code == 404
    client.force_login(cast.bob)
    assert client.get(ADDRESS).status_code == 403


def test_an_object_in_a_namespace_one_may_not_change_cannot_be_removed(alice: Client, mesh: Mesh) -> None:
    elsewhere = destination_rule("v1")
    elsewhere["metadata"] = {"name": "reviews", "namespace": "platform"}
    elsewhere["spec"]["host"] = "reviews.bookinfo.svc.cluster.local"
    mesh.api.put(elsewhere)
    mesh.observe()
    response = sent(alice, "DestinationRule platform/reviews")
    assert response.status_code == 422
    assert "only an operator of its namespace" in text(response)
