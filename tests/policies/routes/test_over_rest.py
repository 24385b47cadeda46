"""Routes over REST: read in the shape in which they are sent, refused with the same sentences as on the page."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.changes.models import ChangeRequest
from tests.api.test_changes_api import Caller
from tests.cast import Cast, Mesh

pytestmark = pytest.mark.django_db

ASKED = {"kind": "routes", "cluster": "demo", "namespace": "bookinfo", "service": "reviews", "reason": "because"}


@pytest.fixture
def pipeline(cast: Cast, mesh: Mesh) -> Caller:
    return Caller(cast.alice)


def live(pipeline: Caller) -> dict[str, Any]:
    body: dict[str, Any] = pipeline.get("services/demo/bookinfo/reviews/policies/routes").json()
    return body


def test_what_is_read_can_be_edited_and_sent(pipeline: Caller) -> None:
    body = live(pipeline)
    assert body["kept"] == ["spec.http[1].corsPolicy"]
    body["spec"]["routes"][1]["retries"] = {"attempts": 1, "per_try_timeout": "2s"}
    wanted = {key: value for key, value in ASKED.items() if key != "reason"} | {"spec": body["spec"]}
    words = pipeline.post("changes/preview", wanted).json()["words"]
    assert "All other requests go to v1; they time out after 5s; failed ones are tried once more, 2s each." in words
    made = pipeline.post("changes", ASKED | {"spec": body["spec"], "base": body["base"]})
    assert made.status_code == 201, made.content
    assert ChangeRequest.objects.get().title == "Change retries of rule 2 of reviews"


def test_bad_input_is_422_at_the_same_path_with_the_same_sentence(pipeline: Caller) -> None:
    rows = [{"origin": row["origin"]} for row in live(pipeline)["spec"]["routes"]]
    rows[1] |= {"timeout": "3 sec", "retry": 3}
    answer = pipeline.post("changes", ASKED | {"spec": {"routes": rows}})
    assert answer.status_code == 422
    problems = {problem["field"]: problem["message"] for problem in answer.json()["problems"]}
    assert problems["routes[1].timeout"] == "Rule 2, timeout: “3 sec” is not a duration. Write 3s or 500ms, at least 1ms."
    assert problems["routes[1].retry"].startswith("Rule 2: There is no field “retry” here. There is: name, match, destinations,")
