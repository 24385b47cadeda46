"""Exposed hosts by REST, and exposing a service by REST."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.changes.models import ChangeRequest
from tests.api.test_changes_api import Caller
from tests.cast import Cast, Mesh, people
from tests.mesh.gateways.objects import gateway, ingress, route, server

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    mesh = Mesh()
    mesh.api.put(gateway(server("*.example.com")))
    mesh.api.put(ingress(route(("prefix", "/api")), route(to="carts.payments.svc.cluster.local")))
    mesh.observe()
    return mesh


@pytest.fixture
def alice(cast: Cast, mesh: Mesh) -> Caller:
    return Caller(cast.alice)


def test_hosts_are_listed_in_the_callers_scope(alice: Caller, cast: Cast, mesh: Mesh) -> None:
    first, second = alice.get("meshes/demo/hosts").json()
    assert first == {
        "host": "reviews.example.com",
        "port": 80,
        "protocol": "HTTP",
        "tls_mode": "",
        "credential": "",
        "gateway": "istio-system/shared",
        "selector": "istio=ingressgateway",
        "how": "prefix",
        "path": "/api",
        "virtual_service": "bookinfo/reviews-ingress",
        "services": ["bookinfo/reviews"],
        "hidden_services": 0,
        "elsewhere": [],
        "set_by": "kubectl-edit",
        "change": None,
    }
    assert (second["services"], second["hidden_services"]) == ([], 1)
    assert Caller(cast.mallory).get("meshes/demo/hosts").json() == []
    assert alice.get("meshes/other/hosts").status_code == 404


BODY: dict[str, Any] = {
    "cluster": "demo",
    "namespace": "bookinfo",
    "service": "reviews",
    "kind": "gateway",
    "reason": "Partners call it",
}


def test_a_path_is_added_by_rest_and_needs_its_warnings_confirmed(alice: Caller) -> None:
    spec = alice.get("services/demo/bookinfo/reviews/policies/gateway").json()["spec"]
    row = {"hosts": ["reviews.example.com"], "paths": [{"how": "exact", "path": "/login"}], "port": 80}
    spec["exposures"].append(row)
    refused = alice.post("changes", BODY | {"spec": spec})
    assert refused.status_code == 422
    codes = [problem for problem in refused.json()["problems"] if problem["field"] == "confirm"]
    assert "MP0801" in codes[0]["message"]
    answer = alice.post("changes", BODY | {"spec": spec, "confirm": ["MP0801", "IST0140", "KIA1101"]})
    assert answer.status_code == 201, answer.json()
    assert ChangeRequest.objects.get().title == "Expose reviews at reviews.example.com"


def test_an_error_names_the_same_field_as_the_page(alice: Caller) -> None:
    answer = alice.post("changes", BODY | {"spec": {"exposures": [{"hosts": "reviews", "port": 80}]}})
    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["problems"]] == ["exposures[0].hosts"]


@pytest.mark.parametrize("spec", [{"exposures": 1}, {"exposures": [1]}, {"exposures": [{"paths": {"a": 1}}]}, {"x": 1}])
def test_nonsense_is_refused_with_its_field(alice: Caller, spec: Any) -> None:
    answer = alice.post("changes", BODY | {"spec": spec})
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["field"]
