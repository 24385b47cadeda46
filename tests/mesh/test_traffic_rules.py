"""What may be typed as weights, and what is said about it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.findings import Level, Severity
from meshportal.mesh.traffic import Pods, TrafficIntent, TrafficLive, render
from meshportal.mesh.traffic_rules import analyse, assess, parse_weights
from tests.mesh.test_traffic import REVIEWS, destination_rule, live, to, virtual_service


@pytest.mark.parametrize(
    ("raw", "field", "code"),
    [
        ({"v1": "90", "v2": "9"}, "weight_v2", "wrong-sum"),
        ({"v1": "90", "v2": "ten"}, "weight_v2", "not-a-number"),
        ({"v1": "90", "v2": "10.0"}, "weight_v2", "not-a-number"),
        ({"v1": "90", "v2": "١٠"}, "weight_v2", "not-a-number"),
        ({"v1": 90, "v2": True}, "weight_v2", "not-a-number"),
        ({"v1": 90, "v2": None}, "weight_v2", "not-a-number"),
        ({"v1": 90, "v2": [10]}, "weight_v2", "not-a-number"),
        ({"v1": "110", "v2": "-10"}, "weight_v1", "out-of-range"),
        ({"v1": "9" * 5000, "v2": "0"}, "weight_v1", "out-of-range"),
        ({"v1": 90, "v9": 10}, "weight_v9", "unknown-subset"),
        ({"v1": 90, "v2\x00": 10}, "weight_v2\x00", "unknown-subset"),
        ({}, "weight_v1", "wrong-sum"),
    ],
)
def test_bad_weights_name_their_field(raw: dict[str, Any], field: str, code: str) -> None:
    intent, errors = parse_weights(raw, live({"route": [to("v1")]}))
    assert intent is None
    assert (field, code) in {(error.field, error.code) for error in errors}


def test_an_empty_field_is_zero() -> None:
    intent, errors = parse_weights({"v1": "100", "v2": " "}, live({"route": [to("v1")]}))
    assert not errors
    assert intent is not None
    assert intent.weights == {"v1": 100, "v2": 0}


@given(
    st.dictionaries(
        st.text(max_size=5) | st.sampled_from(["v1", "v2"]), st.text(max_size=5) | st.integers() | st.none(), max_size=4
    )
)
def test_whatever_is_typed_is_valid_or_named(raw: dict[str, Any]) -> None:
    intent, errors = parse_weights(raw, live({"route": [to("v1")]}))
    assert (intent is None) == bool(errors)
    if intent is not None:
        assert sum(intent.weights.values()) == 100


def test_weight_for_a_version_without_ready_pods_blocks() -> None:
    around = TrafficLive(
        REVIEWS, (virtual_service({"route": [to("v1")]}),), (destination_rule("v1", "v2"),), {"v1": Pods(1, 1), "v2": Pods(0, 2)}
    )
    intent = TrafficIntent(REVIEWS, {"v1": 90, "v2": 10})
    findings = analyse(intent, around, render(intent, around))
    assert [(finding.code, finding.severity, finding.field) for finding in findings] == [("KIA0203", Severity.ERROR, "weight_v2")]


@pytest.mark.parametrize("labels", [{"version": "v2"}, {"track": "canary"}])
def test_unknown_readiness_is_said_and_is_not_zero(labels: dict[str, str]) -> None:
    rule = destination_rule("v1", "v2")
    rule["spec"]["subsets"][1]["labels"] = labels
    pods = {"v1": Pods(1, 1), "v2": Pods(None, None)}
    around = TrafficLive(REVIEWS, (virtual_service({"route": [to("v1")]}),), (rule,), pods)
    intent = TrafficIntent(REVIEWS, {"v1": 90, "v2": 10})
    findings = analyse(intent, around, render(intent, around))
    assert [(finding.code, finding.severity) for finding in findings] == [("MP0104", Severity.WARNING)]


def test_other_hosts_of_the_same_route_are_named() -> None:
    both = virtual_service({"route": [to("v1")]}, hosts=["reviews", "reviews.bookinfo.svc.cluster.local", "shop.example.com"])
    around = TrafficLive(REVIEWS, (both,), (destination_rule("v1", "v2"),), {"v1": Pods(1, 1), "v2": Pods(1, 1)})
    intent = TrafficIntent(REVIEWS, {"v1": 90, "v2": 10})
    findings = analyse(intent, around, render(intent, around))
    assert [(finding.code, finding.values["hosts"]) for finding in findings] == [("MP0105", "shop.example.com")]


def test_asking_for_what_is_live_blocks() -> None:
    around = live({"route": [to("v1", 90), to("v2", 10)]})
    intent = TrafficIntent(REVIEWS, {"v1": 90, "v2": 10})
    assert [finding.code for finding in analyse(intent, around, render(intent, around))] == ["MP0101"]


def test_first_traffic_is_a_medium_risk_and_a_small_step_a_low_one() -> None:
    first = live({"route": [to("v1")]})
    step = live({"route": [to("v1", 90), to("v2", 10)]})
    assert assess(TrafficIntent(REVIEWS, {"v1": 90, "v2": 10}), first, []).level is Level.MEDIUM
    assert assess(TrafficIntent(REVIEWS, {"v1": 80, "v2": 20}), step, []).level is Level.LOW
    assert "big-shift" in assess(TrafficIntent(REVIEWS, {"v1": 10, "v2": 90}), step, []).reasons
