"""What the portal says about a destination by itself, whom it offers as subsets, and what it takes a change to risk."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.mesh.destinations.live import DestinationLive, NotEditable, Offer, Ready, offers, pods_of
from meshportal.mesh.destinations.remarks import analyse, assess, field_of
from meshportal.mesh.destinations.rendering import DestinationIntent, render
from meshportal.mesh.destinations.typed import typed
from meshportal.mesh.facts import PodGroup
from meshportal.mesh.findings import Finding, Level
from tests.mesh.destinations.manifests import REVIEWS, around, plain, rich, rule


def remarks(asked: dict[str, Any], live: DestinationLive) -> list[Finding]:
    raw = typed(asked, live.rule)
    assert isinstance(raw, dict), raw
    return analyse(live, render(DestinationIntent(REVIEWS, raw), live))


def codes(asked: dict[str, Any], live: DestinationLive) -> list[tuple[str, str, str]]:
    return [(found.code, found.severity.value, found.field) for found in remarks(asked, live)]


def level(asked: dict[str, Any], live: DestinationLive) -> Level:
    raw = typed(asked, live.rule)
    assert isinstance(raw, dict), raw
    plan = render(DestinationIntent(REVIEWS, raw), live)
    return assess(plan, analyse(live, plan)).level


def test_asking_for_what_is_live_is_an_error() -> None:
    assert codes({}, around(plain())) == [("MP0101", "error", "")]


def test_a_new_rule_that_says_nothing_is_an_error() -> None:
    assert codes({}, around()) == [("MP0101", "error", "")]


def test_a_warm_up_that_does_nothing_is_warned_of() -> None:
    asked = {"warmup": {"duration": "30s"}, "load_balancer": {"how": "random"}}
    assert codes(asked, around(plain())) == [("MP0601", "warning", "warmup.duration")]
    assert codes(asked | {"load_balancer": {"how": "round_robin"}}, around(plain())) == []


def test_a_rule_for_many_hosts_is_hidden_by_one_for_this_host() -> None:
    many = rule(name="all", host="*.bookinfo.svc.cluster.local", trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})
    others = rule(name="others", host="*.elsewhere.svc.cluster.local")
    asked = {"load_balancer": {"how": "random"}}
    assert codes(asked, around(many, others)) == [("MP0602", "warning", "")]
    assert codes(asked, around(plain(), many, others)) == [("MP0602", "info", "")]


def test_policies_below_that_win_over_the_changed_section_are_named() -> None:
    [found] = [found for found in remarks({"load_balancer": {"how": "random"}}, around(rich())) if found.code == "MP0603"]
    assert (found.field, found.values) == ("load_balancer.how", {"subsets": ["v1"], "ports": []})


def test_several_rules_for_one_host_cannot_be_edited() -> None:
    both = around(plain(), rule(name="second", host="reviews.bookinfo.svc.cluster.local"))
    with pytest.raises(NotEditable) as raised:
        _ = both.rule
    assert raised.value.code == "several-destination-rules"
    assert raised.value.names == ("DestinationRule bookinfo/reviews", "DestinationRule bookinfo/second")


def test_a_name_that_another_host_has_taken_is_said() -> None:
    with pytest.raises(NotEditable) as raised:
        _ = around(rule(host="ratings")).rule
    assert raised.value.code == "name-taken"


def test_subsets_are_offered_from_the_pods_that_no_subset_picks_yet() -> None:
    v1, v2 = Offer("v1", {"version": "v1"}, Ready(3, 3)), Offer("v2", {"version": "v2"}, Ready(1, 2))
    assert offers(around()) == [v1, v2]
    assert offers(around(rule(subsets=[{"name": "old", "labels": {"version": "v1"}}]))) == [v2]


def test_without_versions_the_labels_in_which_pods_differ_are_offered() -> None:
    pods = tuple(
        PodGroup("bookinfo", {"app": "reviews", "tier": "web", "track": track}, 1, 1) for track in ("stable", "Canary_2.0")
    )
    assert [(offer.name, offer.labels) for offer in offers(around(pods=pods))] == [
        ("canary-2-0", {"track": "Canary_2.0"}),
        ("stable", {"track": "stable"}),
    ]


def test_pods_that_nobody_sees_are_unknown_and_not_none() -> None:
    assert pods_of(around(), {"version": "v2"}) == Ready(1, 2)
    assert pods_of(around(), {"version": "v9"}) == Ready(0, 0)
    assert pods_of(around(whole=False), {"version": "v2"}) == Ready(None, None)


def test_a_new_subset_risks_little_and_a_setting_with_warnings_much() -> None:
    assert level({"subsets": [{"name": "v1", "labels": "version=v1"}]}, around()) is Level.LOW
    assert level({"outlier_detection": {"on": True}}, around()) is Level.MEDIUM
    assert level({"subsets": []}, around(plain())) is Level.MEDIUM
    useless = {"warmup": {"duration": "30s"}, "load_balancer": {"how": "random"}}
    assert level(useless, around()) is Level.HIGH


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("spec.trafficPolicy.outlierDetection.interval", "outlier_detection.interval"),
        ("spec.subsets[2]", "subsets[2].name"),
        ("spec.subsets[2].labels.version", "subsets[2].labels"),
        ("spec.subsets[1].trafficPolicy.loadBalancer", "subsets[1].name"),
        ("spec.trafficPolicy.loadBalancer.localityLbSetting.failover[1].to", "locality.failover[1].from"),
        ("spec.trafficPolicy.loadBalancer.localityLbSetting", "locality.failover"),
        ("spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to.eu", "locality.distribute[0].from"),
        ("spec.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority", "locality.enabled"),
        ("spec.trafficPolicy.outlierDetection.consecutiveErrors", "outlier_detection.replace_consecutive_errors"),
        ("spec.trafficPolicy.loadBalancer.simple", "load_balancer.how"),
        ("spec.trafficPolicy.tls", ""),
        ("spec.host", ""),
    ],
)
def test_a_place_in_the_object_has_its_field(path: str, field: str) -> None:
    assert field_of(path) == field
