"""Copying a policy on its page and over REST: who may read what, what becomes of it, and what must be looked at first."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import Any

import pytest
from django.test import Client

from meshportal.accounts.models import Role, RoleBinding
from meshportal.audit.models import AuditEvent
from meshportal.catalog.models import LiveObject
from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.changes import services
from meshportal.changes.kinds import Subject
from meshportal.changes.models import ChangeRequest, Status
from meshportal.clusters.models import Cluster
from meshportal.mesh.refs import Manifest
from tests.cast import NOON, Cast, Mesh, destination_rule, people, reviews, virtual_service

ADDRESS = "/policies/copy/demo/bookinfo/ratings/"
SOURCE = "demo/bookinfo/reviews"
ROUTE, RULE = "VirtualService bookinfo/reviews", "DestinationRule bookinfo/reviews"
HOST = "ratings.bookinfo.svc.cluster.local"

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return people()


@pytest.fixture
def mesh(db: None) -> Mesh:
    return Mesh()


@pytest.fixture
def ratings(mesh: Mesh) -> Mesh:
    """The mesh in which the catalog knows ratings too, which has one version, v1, and no policy."""
    return seen(mesh)


def seen(mesh: Mesh) -> Mesh:
    snapshot = mesh.observe()
    both = replace(snapshot, services=(reviews(), reviews(name="ratings")))
    SnapshotRow.objects.update(body=both.to_json())
    return mesh


@pytest.fixture
def alice(cast: Cast, client: Client) -> Client:
    client.force_login(cast.alice)
    return client


def sent(client: Client, *objects: str, source: str = SOURCE, action: str = "submit", **more: Any) -> Any:
    data = {"from": source, "seen": source, "objects": objects, "reason": "the same for both", "action": action} | more
    return client.post(ADDRESS, data)


def text(response: Any) -> str:
    page: str = response.content.decode()
    return page


def test_every_visible_service_with_a_policy_is_offered_and_nothing_else(alice: Client, ratings: Mesh) -> None:
    page = text(alice.get(ADDRESS))
    assert f'<option value="{SOURCE}">' in page
    assert page.count("<option") == 2, "neither itself nor one without a policy"


def test_a_chosen_service_shows_its_objects_ticked_and_what_would_come_of_them(alice: Client, ratings: Mesh) -> None:
    page = text(sent(alice, seen="", action="preview"))
    assert f'value="{ROUTE}" checked' in page
    assert f'value="{RULE}" checked' in page
    assert "ratings gets the policy that demo/bookinfo/reviews has now" in page
    assert f"+  host: {HOST}" in page


def test_both_objects_become_the_targets_own(alice: Client, ratings: Mesh) -> None:
    page = text(sent(alice, ROUTE, RULE, action="preview"))
    warned = page.partition('name="warned" value="')[2].partition('"')[0]
    response = sent(alice, ROUTE, RULE, confirm=warned.split(","))
    assert response.status_code == 303, text(response)
    change = ChangeRequest.objects.get()
    assert (change.service, change.status) == ("ratings", Status.IN_REVIEW)
    assert change.title == "Copy the policy of demo/bookinfo/reviews to ratings"
    items = {item.kind: item.after for item in change.revisions.get().items.all()}
    rule, route = items["DestinationRule"], items["VirtualService"]
    assert rule is not None
    assert route is not None
    assert rule["spec"] == destination_rule("v1", "v2")["spec"] | {"host": HOST}
    assert route["spec"]["hosts"] == [HOST]
    assert route["spec"]["http"][0]["timeout"] == "3s"
    assert "labels" not in route["metadata"]


def test_requests_to_a_subset_that_the_target_has_no_pods_for_are_refused(alice: Client, ratings: Mesh) -> None:
    ratings.api.put(virtual_service(v1=50, v2=50))
    seen(ratings)
    response = sent(alice, ROUTE, RULE)
    assert response.status_code == 422
    assert "MP0202" in text(response)
    assert not ChangeRequest.objects.exists()


def test_a_route_without_the_subsets_it_names_is_refused(alice: Client, ratings: Mesh) -> None:
    response = sent(alice, ROUTE)
    assert response.status_code == 422
    assert "KIA1107" in text(response)


def policy_of_ratings(mesh: Mesh) -> None:
    mine = destination_rule("v1")
    mine["metadata"]["name"] = "ratings"
    mine["spec"]["host"] = "ratings"
    mesh.api.put(mine)
    seen(mesh)


def test_replacing_what_the_target_has_needs_a_tick(alice: Client, ratings: Mesh) -> None:
    policy_of_ratings(ratings)
    page = text(sent(alice, RULE))
    assert "DestinationRule bookinfo/ratings is there already" in page
    assert "MP0711" in page.partition('id="confirm-e"')[2].partition("</p>")[0]
    assert not ChangeRequest.objects.exists()


def test_what_changes_meanwhile_on_either_side_makes_the_page_stale(alice: Client, ratings: Mesh) -> None:
    page = text(sent(alice, RULE, seen="", action="preview"))
    base = page.rpartition('name="base" value="')[2].partition('"')[0]
    assert base
    ratings.api.put(destination_rule("v1", "v2", "v3"))
    seen(ratings)
    response = sent(alice, RULE, base=base)
    assert response.status_code == 409
    assert "changed since you opened this form" in text(response)


def test_a_source_whose_objects_were_not_on_the_page_is_not_copied_unseen(alice: Client, ratings: Mesh) -> None:
    response = sent(alice, seen="")
    assert response.status_code == 422
    assert "Tick at least one object" in text(response)
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize("source", ["", "demo/bookinfo", "demo/bookinfo/nothing", "nowhere/bookinfo/reviews", "a/b/c/d"])
def test_what_names_no_service_is_refused_at_its_field(alice: Client, ratings: Mesh, source: str) -> None:
    response = sent(alice, ROUTE, source=source)
    assert response.status_code == 422
    assert 'id="from-e"' in text(response)


def test_a_service_is_not_copied_to_itself(alice: Client, ratings: Mesh) -> None:
    response = sent(alice, RULE, source="demo/bookinfo/ratings")
    assert "This is the service itself" in text(response)


def test_a_source_outside_ones_scope_reads_like_one_that_is_not_there(cast: Cast, ratings: Mesh, client: Client) -> None:
    RoleBinding.objects.filter(person=cast.alice).delete()
    body = SnapshotRow.objects.get().body
    body["services"].append(asdict(reviews(namespace="elsewhere", name="cart")))
    SnapshotRow.objects.update(body=body)
    client.force_login(cast.mallory)
    address = "/policies/copy/demo/elsewhere/cart/"
    assert SOURCE not in text(client.get(address))
    pages = []
    for service in ("reviews", "no-such"):
        source = f"demo/bookinfo/{service}"
        data = {"from": source, "seen": "", "reason": "curious", "action": "preview"}
        page = text(client.post(address, data)).replace(service, "X").partition("<main")[2]
        pages.append(re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page))
        assert "VirtualService bookinfo/" not in pages[-1]
        assert "timeout" not in pages[-1]
    assert pages[0] == pages[1]


def test_an_object_of_the_source_in_a_namespace_outside_ones_scope_is_neither_shown_nor_copied(
    alice: Client, ratings: Mesh, cast: Cast
) -> None:
    theirs = destination_rule("v1")
    theirs["metadata"] = {"name": "secret-rule", "namespace": "platform"}
    theirs["spec"]["host"] = "reviews.bookinfo.svc.cluster.local"
    ratings.api.put(theirs)
    seen(ratings)
    assert "secret-rule" not in text(sent(alice, seen="", action="preview"))
    subject = Subject(ratings.cluster, "bookinfo", "ratings")
    source = {"mesh": "demo", "namespace": "bookinfo", "service": "reviews"}
    raw = {"from": source, "objects": ["DestinationRule platform/secret-rule"]}
    with pytest.raises(services.Invalid, match="in your scope"):
        services.draft("copy", subject, raw, by=cast.alice, via=AuditEvent.Via.API, now=NOON, reason="curious")


def test_from_another_mesh(alice: Client, ratings: Mesh, cast: Cast) -> None:
    """The objects of one mesh become those of another; what is live there is what counts."""
    other = Cluster.objects.create(
        name="staging", worker_kubeconfig="/nowhere/w", observer_kubeconfig="/nowhere/o", prometheus_url="http://127.0.0.1:1"
    )
    rule: Manifest = destination_rule("v1")
    rule["spec"]["trafficPolicy"] = {"connectionPool": {"tcp": {"maxConnections": 7}}}
    metadata = {"namespace": "bookinfo", "name": "reviews", "uid": "u", "resource_version": "1"}
    LiveObject.objects.create(cluster=other, kind="DestinationRule", manifest=rule, observed_at=NOON, **metadata)
    body = SnapshotRow.objects.get().body | {"cluster": "staging"}
    SnapshotRow.objects.create(cluster=other, observed_at=NOON, body=body)
    assert "staging/bookinfo/reviews" not in text(alice.get(ADDRESS)), "alice has no role there"
    RoleBinding.objects.create(person=cast.alice, role=Role.VIEWER, cluster="staging", namespace="bookinfo")
    assert '<option value="staging/bookinfo/reviews">' in text(alice.get(ADDRESS))
    page = text(sent(alice, RULE, source="staging/bookinfo/reviews", action="preview"))
    assert "maxConnections: 7" in page
    response = sent(alice, RULE, source="staging/bookinfo/reviews")
    assert response.status_code == 303, text(response)
    assert ChangeRequest.objects.get().cluster == ratings.cluster


def test_an_edited_copy_opens_with_its_source_and_ticks(alice: Client, ratings: Mesh) -> None:
    page = text(sent(alice, RULE, action="preview"))
    warned = page.partition('name="warned" value="')[2].partition('"')[0]
    sent(alice, RULE, action="draft", confirm=warned.split(","))
    change = ChangeRequest.objects.get()
    page = text(alice.get(f"{ADDRESS}?change={change.pk}"))
    assert f'<option value="{SOURCE}" selected>' in page
    assert f'value="{RULE}" checked' in page
    assert f'value="{ROUTE}" checked' not in page


def test_only_an_operator_of_the_target_gets_in(cast: Cast, ratings: Mesh, client: Client) -> None:
    client.force_login(cast.mallory)
    assert client.get(ADDRESS).status_code == 404
    client.force_login(cast.bob)
    assert client.get(ADDRESS).status_code == 403


def test_the_preview_brings_the_objects_of_another_source_along_and_leaves_ticks_alone_otherwise(
    alice: Client, ratings: Mesh
) -> None:
    data = {"from": SOURCE, "seen": "", "reason": ""}
    another = text(alice.post(f"{ADDRESS}preview/", data))
    assert '<div id="copied" hx-swap-oob="outerHTML">' in another
    assert f'value="{RULE}" checked' in another
    same = text(alice.post(f"{ADDRESS}preview/", data | {"seen": SOURCE, "objects": [RULE]}))
    assert 'id="copied"' not in same
    assert "DestinationRule bookinfo/ratings is made" in same
