"""A destination in plain words: what changes, in sentences for somebody who does not read YAML."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.mesh.destinations.reading import read
from meshportal.mesh.destinations.rendering import DestinationIntent, render
from meshportal.mesh.destinations.typed import typed
from meshportal.mesh.plans import Plan, field_changes
from meshportal.mesh.refs import Manifest
from meshportal.policies.destination.labels import field_label, field_text, span
from meshportal.policies.destination.words import plain_words, title
from tests.mesh.destinations.manifests import REVIEWS, around, plain, rich


def plan_of(asked: dict[str, Any], live: Manifest | None) -> Plan:
    raw = typed(asked, live)
    assert isinstance(raw, dict), raw
    return render(DestinationIntent(REVIEWS, raw), around(*([live] if live else [])))


@pytest.mark.parametrize(
    ("asked", "sentences"),
    [
        (
            {"outlier_detection": {"consecutive_5xx_errors": 3, "base_ejection_time": "1m30s", "max_ejection_percent": 50}},
            ["A pod that fails 3 times in a row gets no requests for 90 s; at most half of the pods may be taken out."],
        ),
        (
            {"outlier_detection": {"consecutive_5xx_errors": 0, "consecutive_gateway_errors": 4, "max_ejection_percent": 100}},
            [
                (
                    "A pod that answers 4 times in a row with 502, 503 or 504 gets no requests for 30 s; "
                    "all pods may be taken out at once."
                )
            ],
        ),
        (
            {"outlier_detection": {"consecutive_5xx_errors": 0, "min_health_percent": 30}},
            [
                "No pod is taken out for its answers: both counts of errors are 0, which is off.",
                "When fewer than 30 % of the pods are healthy, requests go to all of them.",
            ],
        ),
        ({"load_balancer": {"how": "round_robin"}}, ["Requests go to the pods in turn."]),
        (
            {"load_balancer": {"how": "header", "header": "x-user"}},
            ["Requests with the same header x-user go to the same pod, as long as the pods stay the same."],
        ),
        (
            {"load_balancer": {"how": "cookie", "cookie_name": "user", "cookie_ttl": "0s"}},
            ["Requests with the same cookie user go to the same pod; a caller without it is given one for the session."],
        ),
        (
            {"load_balancer": {"how": "cookie", "cookie_name": "user", "cookie_ttl": "2h"}},
            ["Requests with the same cookie user go to the same pod; a caller without it is given one for 2 h."],
        ),
        (
            {"warmup": {"duration": "5m", "minimum_percent": 25}},
            ["A new pod starts with 25 % of its share of requests and has all of it after 5 min."],
        ),
        (
            {"connection_pool": {"tcp": {"max_connections": 100, "idle_timeout": "0s"}, "http": {"http2_max_requests": 50}}},
            [
                "Each calling proxy opens at most 100 connections.",
                "Idle TCP connections close after: no limit.",
                "At most 50 requests of a calling proxy are open; the next one fails at once (503).",
            ],
        ),
        (
            {"locality": {"distribute": [{"from": "eu", "to": {"eu/a": 80, "us": 20}}]}},
            ["Requests from eu go to eu/a 80 %, us 20 %."],
        ),
        ({"locality": {"enabled": False}}, ["Regions and zones play no part for this service."]),
        (
            {"subsets": [{"name": "v1", "labels": "version=v1"}, {"name": "all"}]},
            ["A new subset all has all pods.", "Subset v2 is removed: no route may name it any more."],
        ),
        (
            {"subsets": [{"name": "v2", "labels": "version=v2"}, {"name": "v1", "labels": "version=v1"}]},
            ["The order of the subsets changes, which means nothing to Istio."],
        ),
    ],
)
def test_what_changes_is_said(asked: dict[str, Any], sentences: list[str]) -> None:
    assert plain_words(plan_of(asked, plain())) == sentences


def test_what_is_taken_away_is_said() -> None:
    asked = {"outlier_detection": {"on": False}, "connection_pool": {"tcp": {"max_connections": ""}}, "warmup": None}
    assert plain_words(plan_of(asked, rich())) == [
        "No pod is taken out for its errors any more.",
        "Connections at most: not set any more, so that Istio's own value holds.",
        "A new pod gets its full share of requests at once.",
    ]


def test_a_new_object_is_said() -> None:
    assert plain_words(plan_of({"load_balancer": {"how": "random"}}, None)) == [
        "Each request goes to any pod.",
        "A new DestinationRule reviews is created.",
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"outlier_detection": {"on": True}}, "Take failing pods of reviews out"),
        ({"load_balancer": {"how": "random"}}, "Set how requests reach reviews: load balancing"),
        (
            {"load_balancer": {"how": "random"}, "connection_pool": {"tcp": {"max_connections": 1}}},
            "Set how requests reach reviews: load balancing, connections",
        ),
    ],
)
def test_a_title_is_one_line(asked: dict[str, Any], said: str) -> None:
    assert title("reviews", read(plan_of(asked, plain()).items[0].after), read(plain())) == said


def test_fields_have_names_and_values_in_words() -> None:
    asked = {
        "outlier_detection": {"base_ejection_time": "90s", "max_ejection_percent": 20},
        "warmup": {"minimum_percent": 30.5},
        "subsets": [
            {"origin": read(rich())["subsets"][0]["origin"], "labels": "version=v1b"},
            {"name": "v3", "labels": "version=v3"},
        ],
    }
    item = plan_of(asked, rich()).items[0]
    rows = [
        (field_label(change, item.before, item.after), field_text(change.path, change.after)) for change in field_changes(item)
    ]
    assert ("Time without requests", "90 s") in rows
    assert ("Pods taken out at most", "20 %") in rows
    assert ("Share of a new pod at first", "30.5 %") in rows
    assert all(label for label, _text in rows)


def test_every_field_of_a_rich_object_has_a_name_when_it_goes() -> None:
    item = plan_of({"load_balancer": None, "warmup": None, "connection_pool": None, "locality": None}, rich()).items[0]
    assert all(field_label(change, item.before, item.after) for change in field_changes(item))


@pytest.mark.parametrize(
    ("written", "said"),
    [("90s", "90 s"), ("1h0m", "1 h"), ("300ms", "300 ms"), ("120s", "2 min"), ("0s", "0 s"), ("soon", "soon")],
)
def test_durations_are_said_as_people_say_them(written: str, said: str) -> None:
    assert span(written) == said
