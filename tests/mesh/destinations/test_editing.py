"""Edits whose effect is more than one value: rows, ways to balance, and fields that Istio has given up."""

from __future__ import annotations

from typing import Any

from meshportal.mesh.destinations.reading import read
from tests.mesh.destinations.manifests import LIVE, after, changed, plain, rich, rule


def rows_of(live: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read(live)["subsets"]
    return rows


def test_subsets_are_added_removed_and_moved_with_all_that_belongs_to_them() -> None:
    live = rich()
    v1, everything = rows_of(live)
    made = after({"subsets": [{"name": "v2", "labels": "version=v2"}, everything, v1]}, live)["subsets"]
    assert made == [{"name": "v2", "labels": {"version": "v2"}}, live["spec"]["subsets"][1], live["spec"]["subsets"][0]]
    assert after({"subsets": [v1]}, live)["subsets"] == [live["spec"]["subsets"][0]]
    assert "subsets" not in after({"subsets": []}, live)


def test_a_renamed_subset_keeps_its_policy_and_its_labels() -> None:
    live = rich()
    v1, everything = rows_of(live)
    found = changed({"subsets": [{"origin": v1["origin"], "name": "stable"}, everything]}, live)
    assert [(change.path, change.after) for change in found] == [("spec.subsets[0].name", "stable")]


def test_a_row_beside_the_edited_one_stays_as_it_is_written() -> None:
    live = rich()
    live["spec"]["subsets"][1]["labels"] = {}
    v1, everything = rows_of(live)
    found = changed({"subsets": [v1 | {"name": "stable"}, everything]}, live)
    assert [(change.path, change.after) for change in found] == [("spec.subsets[0].name", "stable")]


def test_labels_are_changed_and_taken_away() -> None:
    live = rich()
    v1, everything = rows_of(live)
    made = after({"subsets": [v1 | {"labels": "version=v1b"}, everything]}, live)["subsets"]
    assert made[0]["labels"] == {"version": "v1b"}
    assert "labels" not in after({"subsets": [v1 | {"labels": ""}, everything]}, live)["subsets"][0]


def test_a_subset_that_somebody_moved_meanwhile_is_still_found() -> None:
    live = plain()
    v1, v2 = rows_of(live)
    live["spec"]["subsets"].reverse()
    made = after({"subsets": [{"origin": v1["origin"], "name": "v1"}, v2 | {"name": "canary"}]}, live)["subsets"]
    assert made == [{"name": "v1", "labels": {"version": "v1"}}, {"name": "canary", "labels": {"version": "v2"}}]


def test_the_way_to_hash_is_changed_in_its_place() -> None:
    hashing = after({"load_balancer": {"how": "source_ip"}}, rich())["trafficPolicy"]["loadBalancer"]["consistentHash"]
    assert hashing == {"useSourceIp": True, "ringHash": {"minimumRingSize": 2048}}


def test_a_cookie_keeps_its_attributes_when_its_lifetime_changes() -> None:
    found = changed({"load_balancer": {"cookie_ttl": "0s"}}, rich())
    assert [(change.path.rpartition(".")[2], change.after) for change in found] == [("ttl", "0s")]


def test_a_simple_way_takes_the_place_of_hashing_and_leaves_the_rest() -> None:
    balancer = after({"load_balancer": {"how": "round_robin"}}, rich())["trafficPolicy"]["loadBalancer"]
    assert balancer == {
        key: value for key, value in rich()["spec"]["trafficPolicy"]["loadBalancer"].items() if key != "consistentHash"
    } | {"simple": "ROUND_ROBIN"}


def test_a_way_takes_the_place_of_balancing_by_load() -> None:
    made = after({"load_balancer": {"how": "header", "header": "x-user"}}, LIVE["by load"])["trafficPolicy"]["loadBalancer"]
    assert made == {"consistentHash": {"httpHeaderName": "x-user"}}


def test_the_deprecated_count_of_errors_is_replaced_when_asked() -> None:
    outliers = after({"outlier_detection": {"replace_consecutive_errors": "true"}}, rich())["trafficPolicy"]["outlierDetection"]
    assert "consecutiveErrors" not in outliers
    assert outliers["consecutive5xxErrors"] == 7
    own = after({"outlier_detection": {"replace_consecutive_errors": True, "consecutive_5xx_errors": 4}}, rich())
    assert own["trafficPolicy"]["outlierDetection"]["consecutive5xxErrors"] == 4


def test_the_deprecated_count_of_errors_stays_until_then() -> None:
    assert after({"outlier_detection": {"interval": "5s"}}, rich())["trafficPolicy"]["outlierDetection"]["consecutiveErrors"] == 7


def test_a_warm_up_takes_the_place_of_its_deprecated_self() -> None:
    live = rule(trafficPolicy={"loadBalancer": {"simple": "ROUND_ROBIN", "warmupDurationSecs": "60s"}})
    made = after({"warmup": {"duration": "30s"}}, live)["trafficPolicy"]["loadBalancer"]
    assert made == {"simple": "ROUND_ROBIN", "warmup": {"duration": "30s"}}


def test_outlier_detection_is_switched_on_by_its_numbers_alone_and_off_as_a_whole() -> None:
    assert after({"outlier_detection": {"on": True}})["trafficPolicy"] == {"outlierDetection": {}}
    assert after({"outlier_detection": {"consecutive_5xx_errors": 3}})["trafficPolicy"] == {
        "outlierDetection": {"consecutive5xxErrors": 3}
    }
    assert "outlierDetection" not in after({"outlier_detection": {"on": ""}}, rich())["trafficPolicy"]
    assert "trafficPolicy" not in after({"outlier_detection": {"on": False}}, rule(trafficPolicy={"outlierDetection": {}}))


def test_locality_rows_keep_what_the_form_does_not_show() -> None:
    live = LIVE["failover"]
    first, second = read(live)["locality"]["failover"]
    made = after({"locality": {"failover": [second | {"to": "asia"}, first]}}, live)
    rows = made["trafficPolicy"]["loadBalancer"]["localityLbSetting"]["failover"]
    assert rows == [{"from": "us", "to": "asia", "x": 1}, {"from": "eu", "to": "us"}]


def test_locality_is_switched_off_explicitly() -> None:
    settings = after({"locality": {"enabled": "false"}}, rich())["trafficPolicy"]["loadBalancer"]["localityLbSetting"]
    assert settings["enabled"] is False
    assert "enabled" not in after({"locality": {"enabled": ""}}, rich())["trafficPolicy"]["loadBalancer"]["localityLbSetting"]
