"""The list of exposed hosts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from meshportal.catalog.models import LiveObject
from meshportal.changes.models import ChangeRequest
from meshportal.clusters.models import Cluster
from tests.cast import NOON, Cast, Mesh, people
from tests.mesh.gateways.objects import gateway, ingress, route, server

URL = "/policies/gateways/demo/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    mesh = Mesh()
    tls = {"mode": "SIMPLE", "credentialName": "wildcard-cert"}
    https = server("*.example.com", port=443, protocol="HTTPS", tls=tls)
    mesh.api.put(gateway(https, server("unused.example.org", port=81)))
    live = ingress(route(("prefix", "/api")), route(to="carts.payments.svc.cluster.local"))
    live["metadata"]["annotations"] = {"meshportal.io/change": "CR-1"}
    mesh.api.put(live)
    theirs = ingress(route(to="carts"), hosts=("carts.example.com",), name="carts")
    theirs["metadata"]["namespace"] = "payments"
    mesh.api.put(theirs)
    mesh.observe()
    seen = LiveObject.objects.get(kind="VirtualService", name="reviews-ingress")
    entry = {"manager": "meshportal", "time": "2026-11-24T11:00:00Z", "fieldsV1": {"f:spec": {"f:http": {}}}}
    seen.manifest["metadata"]["managedFields"] = [entry]
    seen.save()
    return mesh


def page(client: Client, who: object) -> str:
    client.force_login(who)  # type: ignore[arg-type]  # a Person, by any of its names
    answer = client.get(URL)
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_host_stands_there_with_port_path_and_service(mesh: Mesh, cast: Cast, client: Client) -> None:
    shown = page(client, cast.dave)
    assert "reviews.example.com" in shown
    assert "443" in shown
    assert "wildcard-cert" in shown
    assert "<code>/api*</code>" in shown
    assert 'href="/services/demo/bookinfo/reviews/"' in shown
    assert "istio-system/shared" in shown
    assert "carts.example.com" in shown
    assert "nothing answers" in shown


def test_who_set_it_is_linked_where_the_reader_may_see_that(mesh: Mesh, cast: Cast, client: Client) -> None:
    assert "/changes/1/" not in page(client, cast.alice)
    elsewhere = Cluster.objects.create(
        name="other", worker_kubeconfig="w", observer_kubeconfig="o", prometheus_url="http://[::1]:1"
    )
    change = written_by(elsewhere, cast)
    assert "/changes/1/" not in page(client, cast.dave)
    change.delete()
    written_by(mesh.cluster, cast)
    assert "/changes/1/" in page(client, cast.alice)


def written_by(cluster: Cluster, cast: Cast) -> ChangeRequest:
    """The change whose number the route carries, as one of this mesh or of another."""
    return ChangeRequest.objects.create(
        pk=1,
        kind="gateway",
        cluster=cluster,
        namespace="bookinfo",
        service="reviews",
        author=cast.alice,
        title="Expose reviews",
        titles={"en": "Expose reviews"},
        reason="because",
        digest="d",
        risk={"level": "low", "reasons": []},
        approvals_needed=1,
        status_since=NOON,
        created_at=NOON - timedelta(hours=1),
    )


def test_only_what_leads_to_the_readers_services_is_shown(mesh: Mesh, cast: Cast, client: Client) -> None:
    shown = page(client, cast.alice)
    assert "reviews.example.com" in shown
    assert "carts" not in shown
    assert "unused.example.org" not in shown
    assert "1 service outside your scope" in shown
    assert 'href="/policies/gateway/demo/bookinfo/reviews/"' in shown


def test_who_may_not_change_it_gets_no_link_to_the_form(mesh: Mesh, cast: Cast, client: Client) -> None:
    assert 'href="/policies/gateway/' not in page(client, cast.bob)


def test_an_empty_list_says_what_to_do(mesh: Mesh, cast: Cast, client: Client) -> None:
    assert "Nothing is exposed" in page(client, cast.mallory)


def test_a_mesh_outside_the_scope_is_not_there(mesh: Mesh, cast: Cast, client: Client) -> None:
    client.force_login(cast.alice)
    assert client.get("/policies/gateways/other/").status_code == 404
