"""The list of services and the page of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from meshportal.accounts.models import Person
from meshportal.catalog.models import LiveObject, ServiceHistory
from meshportal.changes.models import ChangeRequest, Status
from meshportal.clusters.models import Cluster
from meshportal.mesh.snapshot import VersionNow
from tests.board.seen import cluster, failing, observe, service, unknown
from tests.cast import Cast, destination_rule, people, virtual_service

pytestmark = pytest.mark.django_db

REVIEWS = "/services/demo/bookinfo/reviews/"
SPLIT: dict[str, Any] = {
    "split": True,
    "versions": (VersionNow("v1", 3, 3, 90.0, 90.2, 86.6, 0.1), VersionNow("v2", 2, 2, 10.0, 9.8, 9.4)),
}


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Cluster:
    mesh = cluster()
    observe(mesh, service("reviews", **SPLIT), failing("checkout", namespace="shop", owner="team-checkout"), unknown("ghost"))
    return mesh


@pytest.fixture
def as_(client: Client) -> Callable[[Person], Client]:
    def sign_in(person: Person) -> Client:
        client.force_login(person)
        return client

    return sign_in


def text(response: Any) -> str:
    """What a person reads, cells apart."""
    html = response.content.decode().replace("</td>", " </td>").replace("</th>", " </th>")
    return " ".join(strip_tags(html).replace("\xa0", " ").split())


def answered(mesh: Cluster, ago: float = 5, **more: Any) -> ServiceHistory:
    """What the worker wrote `ago` seconds ago: an hour of reviews, a point a minute."""
    now = timezone.now()
    points = [[now.timestamp() - 3600 + 60 * step, 96.0, 0.1, 40.0, 90.0, 120.0] for step in range(61)]
    body = {"reporter": "source", "step_seconds": 60, "points": points, "versions": []}
    fields: dict[str, Any] = {"asked_at": now, "observed_at": now - timedelta(seconds=ago), "body": body}
    row, _created = ServiceHistory.objects.update_or_create(
        cluster=mesh, namespace="bookinfo", service="reviews", minutes=60, defaults=fields | more
    )
    return row


def applied(mesh: Cluster, author: Person, ago: float) -> ChangeRequest:
    at = timezone.now() - timedelta(seconds=ago)
    return ChangeRequest.objects.create(
        kind="traffic", cluster=mesh, namespace="bookinfo", service="reviews", title="Route 10 % of reviews to v2", author=author,
        reason="why", digest="d", status=Status.APPLIED, status_since=at, applied_at=at,
    )  # fmt: skip


# ---------------------------------------------------------------- the list


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"reviews", "checkout", "ghost"}),
        ("?q=REVIEW", {"reviews"}),
        ("?q=team-checkout", {"checkout"}),
        ("?namespace=shop", {"checkout"}),
        ("?state=FAIL", {"checkout"}),
        ("?state=unknown", {"ghost"}),
        ("?state=purple", {"reviews", "checkout", "ghost"}),
        ("?q=nothing-like-it", set()),
    ],
)
def test_the_list_is_narrowed_by_text_namespace_and_state(
    query: str, shown: set[str], cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]
) -> None:
    page = as_(cast.bob).get(f"/services/{query}").content.decode()
    assert {name for name in ("reviews", "checkout", "ghost") if f"/{name}/" in page} == shown


def test_the_list_holds_only_ones_own_namespaces(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    page = text(as_(cast.alice).get("/services/"))
    assert "2 services in demo" in page
    assert "shop" not in page


def test_without_a_mesh_the_list_says_how_to_add_one(cast: Cast, as_: Callable[[Person], Client]) -> None:
    assert "manage.py cluster add" in text(as_(cast.dave).get("/services/"))


# ---------------------------------------------------------------- one service


def test_a_service_shows_its_state_versions_and_pods(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    page = text(as_(cast.bob).get(REVIEWS))
    for words in ("owner team-books", "4 of 4 pods ready", "v1 3 / 3 90 % 90.2 %", "v2 2 / 2 10 % 9.8 %", "4 of 4 Envoys ready."):
        assert words in page


def test_a_problem_is_explained_on_its_page(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    page = text(as_(cast.bob).get("/services/demo/shop/checkout/"))
    assert "8.4 % of requests fail with 504. The limit is 5 %." in page


@pytest.mark.parametrize("part", ["", "fragment/", "history/"])
@pytest.mark.parametrize(
    "address", ["demo/shop/checkout", "demo/shop/nothing", "staging/bookinfo/reviews", "demo/elsewhere/reviews"]
)
def test_what_is_not_ones_own_is_not_there(
    address: str, part: str, cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]
) -> None:
    assert as_(cast.alice).get(f"/services/{address}/{part}").status_code == 404


def test_only_operators_are_offered_a_change(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    address = "/policies/traffic/demo/bookinfo/reviews/"
    assert address in as_(cast.alice).get(REVIEWS).content.decode()
    assert address not in as_(cast.bob).get(REVIEWS).content.decode()


def test_routes_in_effect_say_who_set_them(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    change = applied(mesh, cast.alice, 60)
    manifest = virtual_service(v1=90, v2=10)
    manifest["metadata"]["annotations"] = {"meshportal.io/change": change.label}
    owned = {"manager": "meshportal", "time": "2026-11-24T10:00:00Z", "fieldsV1": {"f:spec": {"f:http": {}}}}
    manifest["metadata"]["managedFields"] = [owned]
    LiveObject.objects.create(
        cluster=mesh, kind="VirtualService", namespace="bookinfo", name="reviews", uid="u", resource_version="1",
        manifest=manifest, observed_at=timezone.now(),
    )  # fmt: skip
    page = text(as_(cast.bob).get(REVIEWS))
    assert "all requests 90 % v1, 10 % v2 3s, 2 retries VirtualService bookinfo/reviews alice" in page
    assert change.label in page
    later = {"manager": "kubectl-edit", "time": "2026-11-24T11:00:00Z", "fieldsV1": {"f:spec": {"f:http": {}}}}
    manifest["metadata"]["managedFields"].append(later)
    LiveObject.objects.update(manifest=manifest)
    page = text(as_(cast.bob).get(REVIEWS))
    assert "VirtualService bookinfo/reviews kubectl-edit" in page, "the annotation alone proves nothing"


def test_policies_in_effect_name_object_and_field_or_istios_default(
    cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]
) -> None:
    manifest = destination_rule("v1", "v2")
    manifest["spec"]["trafficPolicy"] = {"loadBalancer": {"consistentHash": {"httpHeaderName": "x-user"}}}
    LiveObject.objects.create(
        cluster=mesh, kind="DestinationRule", namespace="bookinfo", name="reviews", uid="u", resource_version="1",
        manifest=manifest, observed_at=timezone.now(),
    )  # fmt: skip
    page = text(as_(cast.bob).get(REVIEWS))
    assert (
        "Load balancing same pod for the same header x-user"
        " DestinationRule bookinfo/reviews spec.trafficPolicy.loadBalancer no record" in page
    )
    assert "Outlier detection off Istio’s default" in page
    assert "v2 version=v2" in page


def test_without_a_route_the_page_says_what_that_means(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    assert "Every request goes to any of its ready pods" in text(as_(cast.bob).get(REVIEWS))


def test_old_evidence_is_not_shown_as_ok(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    observe(mesh, service("reviews", **SPLIT), age=95)
    page = as_(cast.bob).get(REVIEWS).content.decode()
    assert '<span data-when="now" hidden>' in page
    assert '<span data-when="stale">' in page


# ---------------------------------------------------------------- charts


def test_until_the_worker_has_answered_the_page_says_that_it_is_asked(
    cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]
) -> None:
    page = as_(cast.bob).get(REVIEWS)
    assert "Asking Prometheus…" in text(page)
    assert 'hx-trigger="every 2s"' in page.content.decode()
    assert ServiceHistory.objects.get().service == "reviews"


def test_charts_show_values_and_letter_the_changes(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    answered(mesh)
    applied(mesh, cast.alice, 7200)
    first, second = applied(mesh, cast.alice, 1800), applied(mesh, cast.alice, 600)
    page = as_(cast.bob).get(REVIEWS)
    html = page.content.decode()
    assert "Latency p95: 90 ms to 90 ms, now 90 ms" in html.replace("\xa0", " ")
    for letter, change in (("A", first), ("B", second)):
        assert f'<span class="mp-letter">{letter}</span> <a href="/changes/{change.pk}/">' in html
    assert '<span class="mp-letter">C</span>' not in html


def test_charts_are_not_drawn_again_while_they_are_the_same(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    answered(mesh)
    browser = as_(cast.bob)
    html = browser.get(f"{REVIEWS}history/?minutes=60").content.decode()
    have = html.split("have=")[1].split('"')[0]
    assert browser.get(f"{REVIEWS}history/?minutes=60&have={have}").status_code == 204
    answered(mesh, ago=1)
    assert browser.get(f"{REVIEWS}history/?minutes=60&have={have}").status_code == 200


def test_a_failure_is_shown_with_its_reason_beside_the_last_answer(
    cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]
) -> None:
    answered(mesh, ago=300, error="Prometheus did not answer within 10 s")
    page = text(as_(cast.bob).get(REVIEWS))
    assert "Prometheus did not answer within 10 s" in page
    assert "STALE, 5 min ago" in page
    assert "96 /s" in page


def test_no_data_is_not_drawn_as_zero(cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]) -> None:
    row = answered(mesh)
    body = row.body or {}
    ServiceHistory.objects.update(body=body | {"points": [[point[0], *[None] * 5] for point in body["points"]]})
    page = text(as_(cast.bob).get(f"{REVIEWS}history/?minutes=60"))
    assert page.count("No data, which is not 0") == 3


@pytest.mark.parametrize(("asked", "minutes"), [("15", 15), ("60", 60), ("525600", 60), ("x", 60)])
def test_the_time_range_is_one_of_those_offered(
    asked: str, minutes: int, cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]
) -> None:
    assert as_(cast.bob).get(f"{REVIEWS}?minutes={asked}").status_code == 200
    assert ServiceHistory.objects.get().minutes == minutes


# ---------------------------------------------------------------- the live parts, and the cost


def test_the_live_parts_are_not_drawn_again_while_they_are_the_same(
    cast: Cast, mesh: Cluster, as_: Callable[[Person], Client]
) -> None:
    browser = as_(cast.bob)
    first = browser.get(f"{REVIEWS}fragment/")
    assert browser.get(f"{REVIEWS}fragment/", headers={"If-None-Match": first["ETag"]}).status_code == 304
    observe(mesh, failing("reviews"), version=2)
    changed = browser.get(f"{REVIEWS}fragment/", headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert 'data-state="FAIL"' in changed.content.decode()


def test_the_pages_cost_the_same_whatever_the_size_of_the_mesh(
    cast: Cast, mesh: Cluster, as_: Callable[[Person], Client], django_assert_num_queries: Any
) -> None:
    observe(mesh, service("reviews", **SPLIT), *(service(f"s{number}") for number in range(80)))
    for ago in range(60, 660, 60):
        applied(mesh, cast.alice, ago)
    answered(mesh)
    browser = as_(cast.bob)
    # session, person, roles, meshes, snapshot, changes that wait for me
    with django_assert_num_queries(6):
        browser.get("/services/")
    # session, person, roles; mesh, snapshot, changes, objects, inventory, canary (2);
    # the history is read and kept in a transaction; frame of the page
    with django_assert_num_queries(16):
        browser.get(REVIEWS)
    with django_assert_num_queries(10):
        browser.get(f"{REVIEWS}fragment/")
