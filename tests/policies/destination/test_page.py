"""The form for the destination of a service, as a person meets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from meshportal.catalog.models import Inventory
from meshportal.changes.models import ChangeRequest, Status
from meshportal.mesh.refs import DESTINATION_RULE, Manifest, ResourceRef
from tests.cast import Cast, Mesh, destination_rule, virtual_service
from tests.mesh.destinations.manifests import rich
from tests.policies.destination.conftest import URL, typed_in

Page = Callable[..., str]
WHY = {"reason": "Keep callers away from pods that fail", "action": "submit"}

RICH_WARNS = ["MP0601", "MP0250", "KIA0203", "KIA0209"]


def rule_of(change: ChangeRequest) -> dict[str, Any]:
    """The spec that a change asks for."""
    after: Any = change.revisions.get(number=change.revision).items.get().after
    spec: dict[str, Any] = after["spec"]
    return spec


def test_the_form_starts_from_what_is_live(page: Page) -> None:
    shown = page()
    assert typed_in(shown)["subsets[0].name"] == ["v1"]
    assert typed_in(shown)["subsets[1].labels"] == ["version=v2"]
    assert "3 / 3" in shown
    assert "DestinationRule bookinfo/reviews" in shown


def test_what_is_shown_and_sent_back_changes_nothing(page: Page) -> None:
    assert "nothing would change" in page(typed_in(page()) | WHY, status=422)


def test_a_rich_object_sent_back_changes_nothing_and_names_what_it_keeps(page: Page, live: Callable[[Manifest], None]) -> None:
    live(rich())
    shown = page()
    assert "nothing would change" in page(typed_in(shown) | WHY, status=422)
    assert "spec.trafficPolicy.tls" in shown
    assert "subset v1" in shown
    assert "port 9080" in shown


def test_a_change_that_settings_below_do_not_follow_names_them(page: Page, live: Callable[[Manifest], None]) -> None:
    live(rich())
    shown = page(typed_in(page()) | {"load_balancer.cookie_ttl": "3h", "action": "preview"})
    assert "which hold instead of these, not beside them: subset v1." in shown


def test_one_edit_is_one_field_of_the_change(page: Page, live: Callable[[Manifest], None]) -> None:
    live(rich())
    page(typed_in(page()) | WHY | {"outlier_detection.max_ejection_percent": "33", "confirm": RICH_WARNS}, status=303)
    change = ChangeRequest.objects.get()
    assert change.status == Status.IN_REVIEW
    expected = rich()["spec"]
    expected["trafficPolicy"]["outlierDetection"]["maxEjectionPercent"] = 33
    assert rule_of(change) == expected


def test_a_preview_says_it_in_plain_words(page: Page) -> None:
    asked = typed_in(page()) | {"outlier_detection.on": ["", "true"], "outlier_detection.max_ejection_percent": "50"}
    shown = page(asked | {"action": "preview"})
    assert "A pod that fails 5 times in a row gets no requests for 30 s; at most half of the pods may be taken out." in shown
    assert not ChangeRequest.objects.exists()


def test_rows_are_added_moved_and_removed_by_buttons_alone(page: Page) -> None:
    added = page(typed_in(page()) | {"action": "add:subsets"})
    asked = typed_in(added) | {"subsets[2].name": "canary", "subsets[2].labels": "version=v2"}
    moved = page(asked | {"action": "up:subsets[2]"})
    assert typed_in(moved)["subsets[1].name"] == ["canary"]
    removed = page(typed_in(moved) | {"action": "remove:subsets[2]"})
    page(typed_in(removed) | WHY, status=303)
    assert rule_of(ChangeRequest.objects.get())["subsets"] == [
        {"name": "v1", "labels": {"version": "v1"}},
        {"name": "canary", "labels": {"version": "v2"}},
    ]


def test_every_subset_can_be_removed(page: Page) -> None:
    shown = page(typed_in(page()) | {"action": "remove:subsets[0]"})
    shown = page(typed_in(shown) | {"action": "remove:subsets[0]"})
    assert "No subsets" in shown
    assert "subsets[0].name" not in typed_in(shown)


def test_a_version_without_a_subset_is_offered_and_added_by_a_tick(page: Page, mesh: Mesh) -> None:
    mesh.api.put(destination_rule("v1"))
    mesh.observe()
    shown = page()
    assert "2 of 2 pods ready" in shown
    page(typed_in(shown) | WHY | {"offered": "v2:version=v2"}, status=303)
    change = ChangeRequest.objects.get()
    assert change.title == "Add subset v2 to reviews"
    assert rule_of(change)["subsets"][1] == {"name": "v2", "labels": {"version": "v2"}}


def test_what_was_ticked_becomes_a_row_and_is_not_offered_again(page: Page, mesh: Mesh) -> None:
    mesh.api.put(destination_rule("v1"))
    mesh.observe()
    shown = page(typed_in(page()) | {"offered": "v2:version=v2", "action": "add:locality.failover"})
    assert typed_in(shown)["subsets[1].name"] == ["v2"]
    assert 'name="offered"' not in shown


def test_pods_that_nobody_sees_are_unknown(page: Page, mesh: Mesh) -> None:
    Inventory.objects.all().delete()
    shown = page()
    assert "unknown" in shown
    assert "0 / 0" not in shown


def test_a_service_without_a_destination_rule_gets_one(page: Page, mesh: Mesh) -> None:
    mesh.api.remove(ResourceRef(DESTINATION_RULE, "bookinfo", "reviews"))
    mesh.observe()
    shown = page()
    assert "There is no DestinationRule for this service yet" in shown
    page(typed_in(shown) | WHY | {"load_balancer.how": "random"}, status=303)
    change = ChangeRequest.objects.get()
    assert rule_of(change)["host"] == "reviews.bookinfo.svc.cluster.local"


def test_several_rules_for_the_host_block_the_form_and_say_why(page: Page, live: Callable[[Manifest], None]) -> None:
    second = destination_rule("v1")
    second["metadata"]["name"] = "second"
    live(second)
    shown = page()
    assert "KIA0201" in shown
    assert "subsets[0].name" not in shown
    assert "KIA0201" in page({**WHY, "load_balancer.how": "random"}, status=422)


def test_a_rule_for_many_hosts_is_shown(page: Page, live: Callable[[Manifest], None]) -> None:
    many = destination_rule()
    many["metadata"]["name"] = "many"
    many["spec"] = {"host": "*.bookinfo.svc.cluster.local", "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}}
    live(many)
    assert "DestinationRule bookinfo/many is for *.bookinfo.svc.cluster.local" in page()


def test_fields_that_the_mesh_is_too_old_for_cannot_be_filled(page: Page, mesh: Mesh) -> None:
    type(mesh.cluster).objects.update(istio_version="1.20.8")
    shown = page()
    assert "Takes Istio 1.24; this mesh has 1.20.8." in shown
    assert "Takes Istio 1.24" not in page(typed_in(shown) | WHY | {"load_balancer.how": "random"}, status=303)


def test_the_deprecated_count_of_errors_is_shown_and_replaced_by_a_tick(page: Page, live: Callable[[Manifest], None]) -> None:
    live(rich())
    shown = page()
    assert "consecutiveErrors: 7 is live" in shown
    page(
        typed_in(shown) | WHY | {"outlier_detection.replace_consecutive_errors": ["", "true"], "confirm": RICH_WARNS}, status=303
    )
    outliers = rule_of(ChangeRequest.objects.get())["trafficPolicy"]["outlierDetection"]
    assert "consecutiveErrors" not in outliers
    assert outliers["consecutive5xxErrors"] == 7


def test_a_stale_form_is_409_with_the_fresh_difference(page: Page, live: Callable[[Manifest], None]) -> None:
    asked = typed_in(page()) | WHY | {"connection_pool.tcp.max_connections": "100"}
    changed = destination_rule("v1", "v2")
    changed["spec"]["trafficPolicy"] = {"loadBalancer": {"simple": "RANDOM"}}
    live(changed)
    shown = page(asked, status=409)
    assert "has changed since you opened" in shown
    assert typed_in(shown)["connection_pool.tcp.max_connections"] == ["100"]
    assert not ChangeRequest.objects.exists()


def test_a_row_that_somebody_changed_meanwhile_says_so_at_the_row(page: Page, live: Callable[[Manifest], None]) -> None:
    asked = typed_in(page()) | WHY | {"subsets[0].name": "stable"}
    changed = destination_rule("v1", "v2")
    changed["spec"]["subsets"][0]["labels"] = {"version": "v1b"}
    live(changed)
    shown = page(asked, status=422)
    assert "Row 1 is no longer what it was" in shown
    assert 'href="#subsets[0].origin"' in shown
    assert 'id="subsets[0].origin"' in shown
    assert typed_in(shown)["subsets[0].name"] == ["stable"]


def test_a_draft_reopens_with_what_it_asks(page: Page, alice: Client) -> None:
    page(typed_in(page()) | WHY | {"connection_pool.tcp.max_connections": "100", "action": "draft"}, status=303)
    change = ChangeRequest.objects.get()
    shown = alice.get(f"{URL}?change={change.pk}").content.decode()
    assert typed_in(shown)["connection_pool.tcp.max_connections"] == ["100"]
    page(typed_in(shown) | WHY | {"connection_pool.tcp.max_connections": "200", "change": str(change.pk)}, status=303)
    change.refresh_from_db()
    assert rule_of(change)["trafficPolicy"] == {"connectionPool": {"tcp": {"maxConnections": 200}}}


def test_removing_a_subset_that_a_route_names_is_refused(page: Page) -> None:
    shown = page(typed_in(page()) | {"action": "remove:subsets[0]"})
    assert "KIA1107" in shown
    assert 'href="#subsets"' in page(typed_in(shown) | WHY, status=422)
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("mallory", 404)])
def test_who_may_open_it(cast: Cast, mesh: Mesh, client: Client, who: str, status: int) -> None:
    client.force_login(getattr(cast, who))
    assert client.get(URL).status_code == status
    assert client.post(URL, WHY).status_code == status


def test_it_stands_beside_the_form_for_weights(alice: Client, mesh: Mesh) -> None:
    mesh.api.put(virtual_service(v1=70, v2=30))
    mesh.observe()
    assert alice.get("/policies/traffic/demo/bookinfo/reviews/").status_code == 200
