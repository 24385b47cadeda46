"""The runbook for traffic that goes wrong, as a person and a pipeline meet it, up to the fix that is asked for."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from meshportal.changes.models import ChangeRequest, Status
from tests.api.test_changes_api import Caller
from tests.cast import Cast, Mesh, destination_rule, people, virtual_service

URL = "/diagnostics/traffic/demo/bookinfo/reviews/"
API = "services/demo/bookinfo/reviews/runbooks/traffic"

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    return Mesh()


@pytest.fixture
def broken(mesh: Mesh) -> Mesh:
    """A tenth of the requests goes to a subset that nobody has."""
    mesh.api.put(virtual_service(v1=90, v2=10))
    mesh.api.put(destination_rule("v1"))
    mesh.observe()
    return mesh


def by_code(body: Any) -> dict[str, Any]:
    return {check["code"]: check for check in body["checks"]}


def test_a_missing_subset_is_named_and_its_fix_becomes_a_change(cast: Cast, broken: Mesh) -> None:
    alice = Caller(cast.alice)
    check = by_code(alice.get(API).json())["subsets"]
    assert check["state"] == "FAIL"
    assert any("no DestinationRule has it" in line["sentence"] for line in check["evidence"])
    [fix] = check["fixes"]
    place = {"cluster": "demo", "namespace": "bookinfo", "service": "reviews", "reason": "The runbook says so"}
    answer = alice.post("changes", place | {"kind": fix["kind"], "spec": fix["spec"]})
    assert answer.status_code == 201, answer.content
    change = ChangeRequest.objects.get()
    [item] = [item for item in change.revisions.get().items.all() if item.outcome == "pending"]
    after: Any = item.after
    assert [subset["name"] for subset in after["spec"]["subsets"]] == ["v1", "v2"]


def test_a_fault_on_purpose_is_said_where_the_route_is(cast: Cast, mesh: Mesh, client: Client) -> None:
    manifest = virtual_service(v1=100)
    manifest["spec"]["http"][0]["fault"] = {"abort": {"httpStatus": 503, "percentage": {"value": 30}}}
    mesh.api.put(manifest)
    mesh.api.put(destination_rule("v1"))
    mesh.observe()
    client.force_login(cast.alice)
    page = client.get("/diagnostics/traffic/demo/bookinfo/reviews/").content.decode()
    assert "sends them to v1. 30 % of them fail with 503 on purpose." in page


def test_on_the_page_the_fix_opens_its_form_filled_in(cast: Cast, broken: Mesh, client: Client) -> None:
    client.force_login(cast.alice)
    page = client.get(URL).content.decode()
    assert "Add subset v2 to the DestinationRule" in page
    form = page[page.index('action="/policies/destination/') :]
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[: form.index("</form>")])
    sent = {name: html.unescape(value) for name, value in fields if name != "csrfmiddlewaretoken"}
    answer = client.post("/policies/destination/demo/bookinfo/reviews/", sent | {"action": "preview"})
    assert answer.status_code == 200
    assert 'value="v2"' in answer.content.decode()
    assert not ChangeRequest.objects.exists()
    saved = client.post("/policies/destination/demo/bookinfo/reviews/", sent | {"action": "submit", "reason": "It is missing"})
    assert saved.status_code == 303, saved.content.decode()
    assert ChangeRequest.objects.get().status == Status.IN_REVIEW


def test_a_service_that_is_well_shows_what_was_looked_at(cast: Cast, mesh: Mesh, client: Client) -> None:
    client.force_login(cast.bob)
    page = client.get(URL).content.decode()
    assert "VirtualService bookinfo/reviews routes it inside the mesh." in page
    assert "v2 (version=v2): 2 of 2 pods ready." in page
    assert "Opens the form with this filled in" not in page, "nothing to mend, and bob may not operate"


@pytest.mark.parametrize(
    ("who", "path"), [("mallory", URL), ("alice", URL.replace("reviews", "nothing")), ("alice", URL.replace("demo", "other"))]
)
def test_what_is_outside_ones_scope_does_not_exist(cast: Cast, mesh: Mesh, client: Client, who: str, path: str) -> None:
    client.force_login(getattr(cast, who))
    assert client.get(path).status_code == 404
