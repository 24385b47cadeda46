"""The same destination over REST: one validator, one shape, the same paths in errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from meshportal.accounts.services import issue_token
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import Actor
from meshportal.changes.models import ChangeRequest
from tests.cast import Cast, Mesh
from tests.policies.destination.conftest import typed_in

CURRENT = "/api/v1/services/demo/bookinfo/reviews/policies/destination"


@pytest.fixture
def pipeline(cast: Cast, mesh: Mesh) -> Client:
    """Alice's, with a token."""
    token = issue_token(cast.alice, "ci", by=Actor(None, "test", AuditEvent.Via.COMMAND), now=timezone.now())
    return Client(headers={"authorization": f"Bearer {token}"})


def asked(spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    place = {"kind": "destination", "cluster": "demo", "namespace": "bookinfo", "service": "reviews"}
    return {**place, "spec": spec, "reason": "Keep callers away from pods that fail", **more}


def test_a_pipeline_reads_what_is_live_and_asks_for_one_more_thing(pipeline: Client) -> None:
    current = pipeline.get(CURRENT).json()
    spec = current["spec"]
    spec["outlier_detection"]["consecutive_5xx_errors"] = 7
    spec["outlier_detection"]["on"] = True
    refused = pipeline.post("/api/v1/changes", asked(spec, base=current["base"]), content_type="application/json")
    assert "MP0268" in refused.content.decode(), "10 % of five pods is no pod"
    spec["outlier_detection"]["max_ejection_percent"] = 50
    answer = pipeline.post("/api/v1/changes", asked(spec, base=current["base"]), content_type="application/json")
    assert answer.status_code == 201, answer.content
    after: Any = ChangeRequest.objects.get().revisions.get().items.get().after
    assert after["spec"]["trafficPolicy"] == {"outlierDetection": {"consecutive5xxErrors": 7, "maxEjectionPercent": 50}}


def test_what_a_pipeline_leaves_out_stays(pipeline: Client) -> None:
    spec = {"connection_pool": {"http": {"max_retries": 3}}}
    assert pipeline.post("/api/v1/changes", asked(spec), content_type="application/json").status_code == 201
    after: Any = ChangeRequest.objects.get().revisions.get().items.get().after
    assert [subset["name"] for subset in after["spec"]["subsets"]] == ["v1", "v2"]
    assert after["spec"]["trafficPolicy"] == {"connectionPool": {"http": {"maxRetries": 3}}}


def test_errors_name_the_same_field_with_the_same_sentence(pipeline: Client, page: Callable[..., str]) -> None:
    spec = {"connection_pool": {"tcp": {"connect_timeout": "3 sec"}}, "circuit_breaker": {}}
    answer = pipeline.post("/api/v1/changes", asked(spec), content_type="application/json")
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "connection_pool.tcp.connect_timeout" in text
    assert "circuit_breaker" in text
    shown = page(typed_in(page()) | {"connection_pool.tcp.connect_timeout": "3 sec", "action": "preview"}, status=422)
    sentence = "is not a duration of at least 1 ms. Write 30s, 500ms or 1h30m."
    assert sentence in text
    assert sentence in shown
