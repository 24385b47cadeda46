"""The REST API: the same rules, by token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from meshportal.accounts.models import ApiToken
from meshportal.accounts.services import issue_token
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import Actor
from meshportal.changes.models import ChangeRequest, Status
from meshportal.mesh.snapshot import State, VersionNow, Why
from tests.cast import Cast, Mesh, people

COMMAND = Actor(None, "test", AuditEvent.Via.COMMAND)
GOOD: dict[str, Any] = {
    "cluster": "demo",
    "namespace": "bookinfo",
    "service": "reviews",
    "weights": {"v1": 90, "v2": 10},
    "reason": "First traffic",
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    return Mesh()


class Caller:
    """Somebody with a token."""

    def __init__(self, person: Any) -> None:
        self.token = issue_token(person, "ci", by=COMMAND, now=timezone.now())
        self.client = Client(headers={"authorization": f"Bearer {self.token}"})

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1/{path}")

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(f"/api/v1/{path}", body if body is not None else {}, content_type="application/json")


@pytest.fixture
def alice(cast: Cast, mesh: Mesh) -> Caller:
    return Caller(cast.alice)


def test_asking_submitting_and_following_a_change(alice: Caller) -> None:
    made = alice.post("changes", GOOD)
    assert made.status_code == 201
    body = made.json()
    assert body["status"] == "draft"
    assert body["title"] == "Route 10 % of reviews to v2"
    assert alice.post(f"changes/{body['id']}/submit").json()["status"] == "in-review"
    assert alice.get(f"changes/{body['id']}").json()["approvals_needed"] == 1
    assert [change["id"] for change in alice.get("changes").json()] == [body["id"]]
    assert alice.post(f"changes/{body['id']}/withdraw").json()["status"] == "withdrawn"
    assert alice.post(f"changes/{body['id']}/withdraw").status_code == 409


def test_submit_at_once(alice: Caller) -> None:
    assert alice.post("changes", GOOD | {"submit": True}).json()["status"] == "in-review"


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_token_never_approves(alice: Caller, cast: Cast, who: str) -> None:
    change = alice.post("changes", GOOD | {"submit": True}).json()
    caller = alice if who == "alice" else Caller(cast.bob)
    answer = caller.post(f"changes/{change['id']}/decide", {"decision": "approve", "digest": change["digest"]})
    assert answer.status_code == 403
    assert "signed-in session" in answer.json()["message"]
    assert ChangeRequest.objects.get().status == Status.IN_REVIEW


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"weights": {"v1": 90, "v2": 9}}, "weight_v2"),
        ({"weights": {"v1": 90, "v9": 10}}, "weight_v9"),
        ({"weights": {"v1": "90", "v2": 10}}, "weights.v1"),
        ({"weights": {"v1": 90.5, "v2": 9.5}}, "weights.v1"),
        ({"weights": [90, 10]}, "weights"),
        ({"weights": {}}, "weight_v1"),
        ({"service": "nothing"}, "service"),
        ({"service": "re\x00views"}, "service"),
        ({"namespace": "elsewhere"}, "namespace"),
        ({"namespace": "kube-system"}, "namespace"),
        ({"cluster": "other"}, "namespace"),
        ({"cluster": "de\x00mo"}, "namespace"),
        ({"reason": ""}, "reason"),
        ({"reason": None}, "reason"),
        ({"reason": "a\x00"}, "reason"),
        ({"kind": "nonsense"}, "kind"),
        ({"surprise": 1}, "surprise"),
        ({"submit": "yes"}, "submit"),
    ],
)
def test_bad_input_is_422_at_its_field_without_a_row(alice: Caller, change: dict[str, Any], field: str) -> None:
    answer = alice.post("changes", GOOD | change)
    assert answer.status_code == 422, answer.content
    assert field in {problem["field"] for problem in answer.json()["problems"]}
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"text"', b"\xff\xfe"])
def test_a_body_that_is_not_the_right_json_is_4xx(alice: Caller, body: Any) -> None:
    answer = alice.client.post("/api/v1/changes", body, content_type="application/json")
    assert answer.status_code in {400, 422}
    assert "Traceback" not in answer.content.decode()


def test_a_megabyte_is_4xx(alice: Caller) -> None:
    answer = alice.post("changes", GOOD | {"reason": "x" * 1_000_000})
    assert 400 <= answer.status_code < 500
    assert not ChangeRequest.objects.exists()


def test_a_stale_base_is_409_with_the_fresh_one(alice: Caller) -> None:
    answer = alice.post("changes", GOOD | {"base": "0" * 64})
    assert answer.status_code == 409
    assert alice.post("changes", GOOD | {"base": answer.json()["base"]}).status_code == 201


def test_a_viewer_or_approver_cannot_ask(cast: Cast, mesh: Mesh) -> None:
    assert Caller(cast.bob).post("changes", GOOD).status_code == 403
    assert not ChangeRequest.objects.exists()


def test_what_is_outside_the_scope_does_not_exist(alice: Caller, cast: Cast) -> None:
    change = alice.post("changes", GOOD).json()
    mallory = Caller(cast.mallory)
    assert mallory.get(f"changes/{change['id']}").status_code == 404
    assert mallory.post(f"changes/{change['id']}/withdraw").status_code == 404
    assert mallory.get("changes").json() == []
    assert mallory.get("services/demo/bookinfo/reviews").status_code == 404
    assert mallory.get("services").json() == []
    assert alice.get("changes/99999999999999999999999").status_code == 404


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic YTpi", "Bearer "])
def test_without_a_valid_token_nothing_is_told(mesh: Mesh, header: str | None) -> None:
    client = Client(headers={"authorization": header} if header else {})
    for path in ("services", "changes", "signals/demo", "changes/1"):
        answer = client.get(f"/api/v1/{path}")
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "Bearer"


def test_a_session_is_no_token(cast: Cast, mesh: Mesh, client: Client) -> None:
    client.force_login(cast.alice)
    assert client.get("/api/v1/changes").status_code == 401


@pytest.mark.parametrize("end", ["revoked", "expired", "inactive"])
def test_a_token_that_ended_is_refused(alice: Caller, cast: Cast, end: str) -> None:
    past = timezone.now() - timedelta(seconds=1)
    if end == "revoked":
        ApiToken.objects.update(revoked_at=past)
    elif end == "expired":
        ApiToken.objects.update(expires_at=past)
    else:
        cast.alice.is_active = False
        cast.alice.save(update_fields=["is_active"])
    assert alice.get("changes").status_code == 401


def test_tokens_are_kept_as_hashes_only(alice: Caller) -> None:
    stored = ApiToken.objects.get()
    assert alice.token not in repr(stored.__dict__)
    assert stored.prefix == alice.token[:9]


def test_services_are_told_when_kubernetes_has_not_answered_for_long(alice: Caller, mesh: Mesh) -> None:
    version = VersionNow("v1", None, None, None, 100.0, 20.0)
    mesh.observe(
        state=State.UNKNOWN, why=Why.INVENTORY_GONE, pods_ready=None, pods_total=None, envoys_ready=None, versions=(version,)
    )
    (service,) = alice.get("services").json()
    assert (service["state"], service["pods_ready"], service["pods_total"]) == ("UNKNOWN", None, None)
    assert service["versions"][0]["pods_ready"] is None


def test_services_and_signals_tell_what_was_measured(alice: Caller) -> None:
    service = alice.get("services/demo/bookinfo/reviews").json()
    assert service["per_second"] == 20.0
    assert service["versions"][0]["measured_percent"] == 100.0
    assert service["versions"][1]["measured_percent"] is None
    mesh = alice.get("signals/demo").json()
    assert mesh["services"] == 1
    assert {source["name"] for source in mesh["sources"]} == {"prometheus", "kubernetes", "istiod"}


def test_the_api_describes_itself(client: Client) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert set(document["paths"]) >= {
        "/api/v1/services",
        "/api/v1/signals/{cluster}",
        "/api/v1/changes",
        "/api/v1/changes/{pk}/submit",
    }
