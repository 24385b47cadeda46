"""How a service is reached from outside, on its page."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.cast import Mesh, people
from tests.mesh.gateways.objects import gateway, ingress, route, server

pytestmark = pytest.mark.django_db


def test_the_page_of_a_service_says_where_it_is_reached_from_outside(client: Client) -> None:
    cast, mesh = people(), Mesh()
    tls = {"mode": "SIMPLE", "credentialName": "c"}
    mesh.api.put(gateway(server("*.example.com", port=8443, protocol="HTTPS", tls=tls), server("*.example.com")))
    mesh.api.put(ingress(route(("prefix", "/api")), route(to="ratings.bookinfo.svc.cluster.local")))
    mesh.observe()
    client.force_login(cast.alice)
    page = client.get("/services/demo/bookinfo/reviews/").content.decode()
    assert "Reached from outside" in page
    assert "http://reviews.example.com/api*" in page
    assert "https://reviews.example.com:8443/api*" in page
    assert "http://reviews.example.com/*" not in page, "that leads to another service"
    assert "Gateway istio-system/shared" in page


def test_of_a_service_that_no_gateway_leads_to_nothing_is_said(client: Client) -> None:
    cast, mesh = people(), Mesh()
    mesh.observe()
    client.force_login(cast.alice)
    assert "Reached from outside" not in client.get("/services/demo/bookinfo/reviews/").content.decode()
