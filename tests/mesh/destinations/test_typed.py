"""What is refused before anything is asked of a cluster, and where the message stands."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.mesh.destinations.typed import typed, young
from tests.mesh.destinations.manifests import LIVE, after, changed, plain, refused, rich

HASHED = {"load_balancer": {"how": "cookie", "cookie_name": "user"}}
TWO_REGIONS = [{"from": "eu", "to": "us"}]


def subset(**row: Any) -> dict[str, Any]:
    return {"subsets": [{"name": "v1", "labels": "version=v1"} | row]}


def shares(to: Any, source: str = "eu") -> dict[str, Any]:
    return {"locality": {"distribute": [{"from": source, "to": to}]}}


WRONG: list[tuple[dict[str, Any], str, str]] = [
    # subsets
    (subset(name=""), "subsets[0].name", "needed-name"),
    (subset(name="v_1"), "subsets[0].name", "not-a-subset-name"),
    (subset(name="v" * 64), "subsets[0].name", "not-a-subset-name"),
    (subset(labels="version"), "subsets[0].labels", "not-labels"),
    (subset(labels="=v1"), "subsets[0].labels", "not-labels"),
    (subset(labels="ver sion=v1"), "subsets[0].labels", "not-a-label-key"),
    (subset(labels="-/x=v1"), "subsets[0].labels", "not-a-label-key"),
    (subset(labels="version=v1!"), "subsets[0].labels", "not-a-label-value"),
    (subset(labels="version=" + "v" * 64), "subsets[0].labels", "not-a-label-value"),
    (subset(labels="a=1, a=2"), "subsets[0].labels", "repeated-label"),
    (subset(labels={"a": {"b": 1}}), "subsets[0].labels", "not-a-value"),
    (subset(origin="0:deadbeef"), "subsets[0].origin", "gone"),
    ({"subsets": [{"name": "v1"}, {"name": "v1"}]}, "subsets[1].name", "repeated-name"),
    ({"subsets": "v1"}, "subsets", "not-a-list"),
    ({"subsets": ["v1"]}, "subsets", "not-a-list"),
    ({"subsets": [{"name": f"v{n}"} for n in range(101)]}, "subsets", "too-many-rows"),
    (subset(label="a=1"), "subsets[0].label", "unknown-key"),
    # load balancing
    ({"load_balancer": {"how": "maglev"}}, "load_balancer.how", "unknown-way"),
    ({"load_balancer": {"how": "passthrough"}}, "load_balancer.how", "unknown-way"),
    ({"load_balancer": {"how": "header"}}, "load_balancer.header", "needed"),
    ({"load_balancer": {"how": "header", "header": "x user"}}, "load_balancer.header", "not-a-header"),
    ({"load_balancer": {"how": "query_parameter"}}, "load_balancer.query_parameter", "needed"),
    (
        {"load_balancer": {"how": "query_parameter", "query_parameter": "a&b"}},
        "load_balancer.query_parameter",
        "not-a-query-parameter",
    ),
    ({"load_balancer": {"how": "cookie"}}, "load_balancer.cookie_name", "needed"),
    ({"load_balancer": {"how": "cookie", "cookie_name": "a b"}}, "load_balancer.cookie_name", "not-a-cookie-name"),
    ({"load_balancer": HASHED["load_balancer"] | {"cookie_path": "here"}}, "load_balancer.cookie_path", "not-a-cookie-path"),
    ({"load_balancer": HASHED["load_balancer"] | {"cookie_ttl": "1 hour"}}, "load_balancer.cookie_ttl", "not-a-lifetime"),
    ({"load_balancer": {"how": "random", "header": "x-user"}}, "load_balancer.header", "not-used"),
    ({"load_balancer": "random"}, "load_balancer", "not-a-group"),
    ({"load_balancer": {"how": ["random"]}}, "load_balancer.how", "not-a-value"),
    # warm-up
    ({"warmup": {"duration": "30"}}, "warmup.duration", "not-a-duration"),
    ({"warmup": {"minimum_percent": 20}}, "warmup.duration", "needed-for-warmup"),
    ({"warmup": {"duration": "30s", "minimum_percent": "100.5"}}, "warmup.minimum_percent", "not-a-percentage"),
    ({"warmup": {"duration": "30s", "minimum_percent": "-1"}}, "warmup.minimum_percent", "not-a-number"),
    ({"warmup": {"duration": "30s", "aggression": "0"}}, "warmup.aggression", "not-positive"),
    ({"warmup": {"duration": "30s", "aggression": "fast"}}, "warmup.aggression", "not-a-number"),
    # connection pool
    ({"connection_pool": {"tcp": {"max_connections": -1}}}, "connection_pool.tcp.max_connections", "not-a-whole-number"),
    ({"connection_pool": {"tcp": {"max_connections": 1.5}}}, "connection_pool.tcp.max_connections", "not-a-whole-number"),
    ({"connection_pool": {"tcp": {"max_connections": 2**31}}}, "connection_pool.tcp.max_connections", "too-large"),
    ({"connection_pool": {"tcp": {"max_connections": "9" * 400}}}, "connection_pool.tcp.max_connections", "too-large"),
    ({"connection_pool": {"tcp": {"max_connections": "٣"}}}, "connection_pool.tcp.max_connections", "not-a-whole-number"),
    ({"connection_pool": {"tcp": {"max_connections": "1\x00"}}}, "connection_pool.tcp.max_connections", "control-character"),
    ({"connection_pool": {"tcp": {"connect_timeout": "0s"}}}, "connection_pool.tcp.connect_timeout", "not-a-duration"),
    ({"connection_pool": {"tcp": {"idle_timeout": "1"}}}, "connection_pool.tcp.idle_timeout", "not-a-duration-or-off"),
    ({"connection_pool": {"http": {"idle_timeout": "0s"}}}, "connection_pool.http.idle_timeout", "not-a-duration"),
    ({"connection_pool": {"http": {"max_retries": "many"}}}, "connection_pool.http.max_retries", "not-a-whole-number"),
    ({"connection_pool": {"udp": {}}}, "connection_pool.udp", "unknown-key"),
    # outlier detection
    ({"outlier_detection": {"max_ejection_percent": 101}}, "outlier_detection.max_ejection_percent", "not-a-percentage"),
    ({"outlier_detection": {"min_health_percent": "12.5"}}, "outlier_detection.min_health_percent", "not-a-percentage"),
    ({"outlier_detection": {"interval": "5000ms0"}}, "outlier_detection.interval", "not-a-duration"),
    ({"outlier_detection": {"consecutive_5xx_errors": 2**32}}, "outlier_detection.consecutive_5xx_errors", "too-large"),
    ({"outlier_detection": {"on": "", "interval": "5s"}}, "outlier_detection.interval", "outliers-off"),
    ({"outlier_detection": {"on": "perhaps"}}, "outlier_detection.on", "not-a-switch"),
    ({"outlier_detection": {"consecutive_errors": 5}}, "outlier_detection.consecutive_errors", "deprecated-errors"),
    # locality
    ({"locality": {"enabled": "perhaps"}}, "locality.enabled", "not-a-switch"),
    ({"locality": {"failover": [{"to": "us"}]}}, "locality.failover[0].from", "needed-region"),
    ({"locality": {"failover": [{"from": "eu", "to": "eu"}]}}, "locality.failover[0].to", "same-region"),
    ({"locality": {"failover": [{"from": "eu/a", "to": "us"}]}}, "locality.failover[0].from", "not-a-region"),
    ({"locality": {"failover": [{"from": "eu", "to": "*"}]}}, "locality.failover[0].to", "not-a-region"),
    (shares({"us": 50}), "locality.distribute[0].to", "wrong-sum"),
    (shares("us=0, eu=100"), "locality.distribute[0].to", "not-a-share"),
    (shares(""), "locality.distribute[0].to", "not-shares"),
    (shares("us"), "locality.distribute[0].to", "not-shares"),
    (shares("us=50, us/a=50"), "locality.distribute[0].to", "overlapping"),
    (shares("*=50, us/a=50"), "locality.distribute[0].to", "overlapping"),
    (shares("us//a=100"), "locality.distribute[0].to", "not-a-locality"),
    (shares("us=100", source=""), "locality.distribute[0].from", "needed-locality"),
    (shares("us=100", source="e*u"), "locality.distribute[0].from", "not-a-locality"),
    (
        {"locality": {"failover": TWO_REGIONS, "distribute": [{"from": "eu", "to": "us=100"}]}},
        "locality.distribute",
        "failover-and-distribute",
    ),
    # the whole
    ({"outliers": {}}, "outliers", "unknown-key"),
]
EXAMPLES = {code for _asked, _field, code in WRONG} | {"failover-and-priority", "zone-aware", "too-young"}
"""Every reason for which something is refused."""


@pytest.mark.parametrize(("asked", "field", "code"), WRONG)
def test_each_field_says_what_is_wrong_with_it(asked: dict[str, Any], field: str, code: str) -> None:
    assert [(error.field, error.code) for error in refused(asked)] == [(field, code)]


def test_every_wrong_field_is_named_at_once() -> None:
    wrong = {"warmup": {"duration": "x"}, "connection_pool": {"tcp": {"max_connections": "x"}}, "subsets": [{"name": ""}]}
    assert [error.field for error in refused(wrong)] == [
        "warmup.duration",
        "connection_pool.tcp.max_connections",
        "subsets[0].name",
    ]


def test_numbers_booleans_and_mappings_of_a_pipeline_are_the_same_as_texts_of_a_page() -> None:
    pipeline = {
        "subsets": [{"name": "v1", "labels": {"version": "v1", "track": "stable"}}],
        "outlier_detection": {"on": True, "consecutive_5xx_errors": 5},
        "locality": {"enabled": False, "distribute": [{"from": "eu", "to": {"us": 30, "eu": 70}}]},
    }
    page = {
        "subsets": [{"origin": "", "name": " v1 ", "labels": "version=v1,track=stable"}],
        "outlier_detection": {"on": "on", "consecutive_5xx_errors": "5", "interval": ""},
        "locality": {"enabled": "false", "failover": "", "distribute": [{"from": "eu", "to": "us=30,  eu=70"}]},
        "load_balancer": {"how": "", "header": ""},
    }
    assert typed(pipeline, None) == typed(page, None)


def test_what_is_live_is_never_refused_and_does_not_keep_another_field_from_being_changed() -> None:
    odd = rich()
    odd["spec"]["subsets"][0]["labels"] = {"version": "v1!"}
    odd["spec"]["trafficPolicy"]["loadBalancer"]["consistentHash"]["httpCookie"]["path"] = "no path"
    odd["spec"]["trafficPolicy"]["outlierDetection"]["baseEjectionTime"] = "1.5ms"
    odd["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"] = -1
    [change] = changed({"outlier_detection": {"interval": "5s"}}, odd)
    assert (change.path, change.after) == ("spec.trafficPolicy.outlierDetection.interval", "5s")


def test_a_way_that_nobody_can_choose_stays_where_it_is() -> None:
    live = LIVE["passthrough"]
    assert changed({"load_balancer": {"how": "passthrough"}}, live) == []
    assert after({"load_balancer": {"how": "random"}}, live)["trafficPolicy"] == {"loadBalancer": {"simple": "RANDOM"}}


def test_failover_is_refused_beside_a_priority_by_region() -> None:
    asked = {"locality": {"distribute": "", "failover": TWO_REGIONS}}
    assert [error.code for error in refused(asked, rich())] == ["failover-and-priority"]


def test_locality_is_refused_beside_settings_by_zone() -> None:
    live = plain()
    live["spec"]["trafficPolicy"] = {"loadBalancer": {"zoneAwareLbSetting": {"enabled": True}}}
    assert [error.code for error in refused({"locality": {"enabled": True}}, live)] == ["zone-aware"]


def test_fields_that_the_mesh_is_too_old_for_are_refused_with_both_releases() -> None:
    [error] = refused({"warmup": {"duration": "30s"}}, version="1.23.4")
    assert (error.field, error.code, dict(error.values)) == ("warmup.duration", "too-young", {"needs": "1.24", "has": "1.23.4"})
    assert isinstance(typed({"warmup": {"duration": "30s"}}, None, "1.24.0"), dict)
    assert isinstance(typed({"warmup": {"duration": "30s"}}, None, ""), dict)
    assert young("1.20.0") == {"warmup": "1.24", "connection_pool.tcp.idle_timeout": "1.21"}
