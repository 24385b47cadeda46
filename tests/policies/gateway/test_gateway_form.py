"""The form that exposes a service on a gateway, as a person meets it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from meshportal.changes.models import ChangeRequest, Status
from meshportal.changes.queries import current_revision
from tests.cast import Cast, Mesh, people
from tests.mesh.gateways.objects import gateway, ingress, route, server

URL = "/policies/gateway/demo/bookinfo/reviews/"
ROW = "exposures[0]."
NEW: dict[str, Any] = {
    "exposures": "",
    f"{ROW}origin": "",
    f"{ROW}hosts": "reviews.example.com",
    f"{ROW}gateway": "",
    f"{ROW}workload": "app=istio-ingressgateway, istio=ingressgateway",
    f"{ROW}protocol": "HTTP",
    f"{ROW}port": "80",
    f"{ROW}target_port": "9080",
    f"{ROW}tls_mode": "SIMPLE",
    f"{ROW}credential": "",
    f"{ROW}redirect": "",
    f"{ROW}paths": "",
    f"{ROW}paths[0].how": "prefix",
    f"{ROW}paths[0].path": "/api",
    f"{ROW}rewrite": "",
    "reason": "Partners call it",
    "confirm": ["MP0801", "IST0140"],  # reviews has subsets inside the mesh, which requests from outside would not follow
    "action": "submit",
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    return Mesh()


@pytest.fixture
def alice(cast: Cast, mesh: Mesh, client: Client) -> Client:
    client.force_login(cast.alice)
    return client


def base_in(page: str) -> str:
    return page.split('name="base" value="')[1].split('"')[0]


def test_a_service_that_is_not_exposed_says_so_and_can_be(alice: Client) -> None:
    page = alice.get(URL).content.decode()
    assert "No gateway leads to this service" in page
    page = alice.post(URL, {"exposures": "", "action": "add:exposures", "reason": "kept"}).content.decode()
    assert f'name="{ROW}hosts"' in page
    assert f'name="{ROW}port" inputmode="numeric" autocomplete="off" value="80"' in page
    assert "istio=ingressgateway in istio-system (1 of 1 pods ready)" in page
    assert ">kept</textarea>" in page


def test_submitting_makes_a_change_with_a_gateway_and_a_route(alice: Client) -> None:
    answer = alice.post(URL, NEW)
    change = ChangeRequest.objects.get()
    assert (answer.status_code, change.status, change.kind) == (303, Status.IN_REVIEW, "gateway")
    assert change.title == "Expose reviews at reviews.example.com"
    items = [(item.kind, item.name) for item in current_revision(change).items.all()]
    assert items == [("Gateway", "reviews-gateway"), ("VirtualService", "reviews-ingress")]
    page = alice.get(answer["Location"]).content.decode()
    assert "Requests from outside to http://reviews.example.com/api* reach reviews at its port 9080." in page
    assert "opens the service to everybody" in page


def test_opening_a_service_to_the_outside_has_to_be_confirmed(alice: Client) -> None:
    answer = alice.post(URL, NEW | {"confirm": ["IST0140"]})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "opens the service to everybody who reaches the gateway on port 80" in page
    assert "An approver of bookinfo has to agree" in page
    assert 'value="reviews.example.com"' in page
    assert not ChangeRequest.objects.exists()


def test_the_preview_says_it_in_words_yaml_and_findings(alice: Client) -> None:
    page = alice.post(URL + "preview/", NEW | {f"{ROW}rewrite": "/v1"}).content.decode()
    assert "reach reviews at its port 9080" in page
    assert "The service sees the path as /v1." in page
    assert "Gateway bookinfo/reviews-gateway is created." in page
    assert "kubectl -n bookinfo create -f -" in page
    assert "not encrypted" in page


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("hosts", "", "Name at least one host"),
        ("hosts", "reviews", "has no dot"),
        ("hosts", "http://x.example.com", "is not a host"),
        ("gateway", "istio-system/gone", "There is no Gateway istio-system/gone"),
        ("workload", "", "Say which ingress gateway"),
        ("port", "eighty", "is not a port"),
        ("protocol", "SMTP", "is not one of: HTTP, HTTPS"),
        ("credential", "cert", "Plain HTTP uses no certificate"),
        ("redirect", "true", "There is no HTTPS to redirect to"),
        ("target_port", "1", "The service has no port 1. It has: 9080"),
        ("rewrite", "v1", "does not start with a slash"),
        ("paths[0].path", "api", "Write /api."),
        ("paths[0].path", "", "Write a path, such as /api"),
        ("paths[0].how", "regex", "is not one of: prefix, exact"),
        ("origin", "0:12345678", "has changed in the mesh meanwhile"),
        ("hosts", "a\x00b", "cannot be seen"),
    ],
)
def test_bad_input_is_422_at_its_field_and_keeps_what_was_typed(alice: Client, field: str, typed: str, sentence: str) -> None:
    answer = alice.post(URL, NEW | {ROW + field: typed, "ticket": "BOOK-318"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert f'href="#{ROW}{field}"' in page
    assert f'id="{ROW}{field}"' in page
    assert "<title>Error:" in page
    assert 'value="BOOK-318"' in page
    if field != "hosts":
        assert 'value="reviews.example.com"' in page
    assert not ChangeRequest.objects.exists()


def test_rows_and_paths_are_added_and_removed_by_buttons_and_nothing_typed_is_lost(alice: Client) -> None:
    page = alice.post(URL, NEW | {"action": f"add:{ROW}paths"}).content.decode()
    assert f'name="{ROW}paths[1].path"' in page
    assert 'value="/api"' in page
    second = {f"{ROW}paths[1].how": "exact", f"{ROW}paths[1].path": "/login"}
    page = alice.post(URL, NEW | second | {"action": f"remove:{ROW}paths[0]"}).content.decode()
    assert f'name="{ROW}paths[0].path"' in page
    assert 'value="/login"' in page
    assert 'value="/api"' not in page
    page = alice.post(URL, NEW | {"action": "add:exposures"}).content.decode()
    assert 'name="exposures[1].hosts"' in page
    assert 'value="reviews.example.com"' in page
    assert not ChangeRequest.objects.exists()


def test_https_names_its_secret_and_nothing_reads_it(alice: Client) -> None:
    page = alice.post(URL, NEW | {f"{ROW}protocol": "HTTPS", f"{ROW}port": "443"}).content.decode()
    assert "HTTPS needs a certificate" in page
    more = {f"{ROW}protocol": "HTTPS", f"{ROW}port": "443", f"{ROW}credential": "reviews-cert", f"{ROW}redirect": "true"}
    page = alice.post(URL + "preview/", NEW | more).content.decode()
    assert "This portal never reads Secrets" in page
    assert "Plain HTTP on port 80 is answered with a redirect to HTTPS" in page
    assert "https://reviews.example.com/api*" in page


def exposed(mesh: Mesh) -> None:
    """reviews is exposed on a Gateway of its own namespace, by a route with things that no form knows."""
    mesh.api.put(gateway(server("reviews.example.com"), name="own", namespace="bookinfo"))
    mesh.api.put(ingress(route(("prefix", "/api"), timeout="3s"), gateways=["bookinfo/own"]))
    mesh.observe()


def test_the_form_opens_on_what_is_live_and_lists_what_it_keeps(alice: Client, mesh: Mesh) -> None:
    exposed(mesh)
    page = alice.get(URL).content.decode()
    assert 'value="reviews.example.com"' in page
    assert 'value="/api"' in page
    assert "bookinfo/own (ports 80)" in page
    assert "VirtualService bookinfo/reviews-ingress spec.http[0].timeout" in page


def test_a_stale_form_is_409_and_can_be_sent_again(alice: Client, mesh: Mesh) -> None:
    exposed(mesh)
    page = alice.get(URL).content.decode()
    base = base_in(page)
    mesh.api.put(ingress(route(("prefix", "/api"), timeout="5s"), gateways=["bookinfo/own"], hosts=("b.example.com",)))
    mesh.observe()
    second = NEW | {"base": base, f"{ROW}hosts": "second.example.com", f"{ROW}gateway": "bookinfo/own"}
    answer = alice.post(URL, second)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert 'value="second.example.com"' in page
    assert "Partners call it" in page
    assert not ChangeRequest.objects.exists()
    again = second | {"base": base_in(page), "confirm": ["MP0801", "MP0806", "IST0140", "KIA0302", "IST0132"]}
    answer = alice.post(URL, again)
    assert answer.status_code == 303, answer.content.decode()


def test_a_new_row_does_not_make_the_form_stale(alice: Client, mesh: Mesh) -> None:
    base = base_in(alice.get(URL).content.decode())
    assert alice.post(URL, NEW | {"base": base}).status_code == 303


def test_removing_the_last_row_removes_the_objects(alice: Client, mesh: Mesh) -> None:
    exposed(mesh)
    data = {"exposures": "", "reason": "No longer needed", "action": "submit", "confirm": ["MP0806"]}
    assert alice.post(URL, data).status_code == 303
    change = ChangeRequest.objects.get()
    assert change.title == "Stop exposing reviews at reviews.example.com"
    items = [(item.kind, item.name, item.after) for item in current_revision(change).items.all()]
    assert items == [("VirtualService", "reviews-ingress", None), ("Gateway", "own", None)]


def test_a_gateway_of_another_namespace_takes_its_operator(alice: Client, mesh: Mesh) -> None:
    mesh.api.put(gateway(server("a.example.com")))
    mesh.observe()
    answer = alice.post(URL, NEW | {f"{ROW}gateway": "istio-system/shared"})
    assert answer.status_code == 422
    assert "Gateway istio-system/shared takes part in this, and only an operator" in answer.content.decode()


def test_a_draft_is_opened_again_with_what_it_asks(alice: Client) -> None:
    alice.post(URL, NEW | {"action": "draft"})
    change = ChangeRequest.objects.get()
    page = alice.get(URL, {"change": str(change.pk)}).content.decode()
    assert 'value="reviews.example.com"' in page
    assert 'value="/api"' in page
    assert "Partners call it" in page
    alice.post(URL, NEW | {"change": str(change.pk), f"{ROW}hosts": "other.example.com"})
    change.refresh_from_db()
    assert (change.revision, change.title) == (2, "Expose reviews at other.example.com")


@pytest.mark.parametrize(
    ("who", "url", "status"), [("bob", URL, 403), ("mallory", URL, 404), ("alice", URL.replace("book", "x"), 404)]
)
def test_who_may_open_it(cast: Cast, mesh: Mesh, client: Client, who: str, url: str, status: int) -> None:
    client.force_login(getattr(cast, who))
    assert client.get(url).status_code == status
    assert client.post(url, NEW).status_code == status
    assert not ChangeRequest.objects.exists()
