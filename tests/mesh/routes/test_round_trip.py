"""What is read and written back is what was there: every form opens on the live object and touches only what was edited."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshportal.mesh.plans import field_changes
from meshportal.mesh.routes.keeping import kept
from meshportal.mesh.routes.live import RoutesLive
from meshportal.mesh.routes.reading import read
from meshportal.mesh.routes.rendering import render
from meshportal.mesh.routes.typed import RoutesIntent, parse
from tests.mesh.routes.manifests import TEAM_ROUTES, json_values, live, routes, to


def asked(raw: Any, around: RoutesLive) -> RoutesIntent:
    intent = parse(raw, around)
    assert isinstance(intent, RoutesIntent), intent
    return intent


def changed(raw: Any, around: RoutesLive) -> dict[str, Any]:
    """The paths that sending `raw` changes in the VirtualService, with their new values."""
    item = render(asked(raw, around), around).items[-1]
    return {change.path.removeprefix("spec.http"): change.after for change in field_changes(item)}


def test_reading_and_writing_back_changes_nothing_of_what_teams_write() -> None:
    around = live(*TEAM_ROUTES)
    original = copy.deepcopy(around.virtual_services[0])
    item = render(asked(read(around), around), around).items[-1]
    assert item.after == original
    assert around.virtual_services[0] == original, "rendering changed its input"


@settings(max_examples=300, deadline=None)
@given(st.lists(routes, max_size=3), st.dictionaries(st.sampled_from(["tls", "tcp", "x"]), json_values, max_size=2))
def test_reading_and_writing_back_changes_nothing_whatever_is_live(found: list[dict[str, Any]], spec: dict[str, Any]) -> None:
    around = live(*found, **{"tcp": [{}], **spec})
    around.virtual_services[0]["spec"]["tcp"] = around.virtual_services[0]["spec"]["tcp"] or [{}]
    original = copy.deepcopy(around.virtual_services[0])
    item = render(asked(json.loads(json.dumps(read(around))), around), around).items[-1]
    assert item.after == original


@settings(max_examples=200, deadline=None)
@given(st.lists(routes, min_size=2, max_size=3), st.randoms())
def test_rules_move_whole(found: list[dict[str, Any]], chance: Any) -> None:
    around = live(*found)
    raw = read(around)
    order = list(range(len(found)))
    chance.shuffle(order)
    raw["routes"] = [raw["routes"][place] for place in order]
    after = render(asked(raw, around), around).items[-1].after
    assert after is not None
    assert after["spec"]["http"] == [found[place] for place in order]


EDITS: list[tuple[str, Any, dict[str, Any]]] = [
    ("routes[0].name", "beta", {"[0].name": "beta"}),
    ("routes[0].match[0].path", "/v2", {"[0].match[0].uri.prefix": "/v2"}),
    ("routes[0].match[0].path_how", "exact", {"[0].match[0].uri.exact": "/v1"}),
    ("routes[0].match[0].ignore_case", "", {"[0].match[0].ignoreUriCase": "ABSENT"}),
    ("routes[0].match[0].method", "POST", {"[0].match[0].method": {"exact": "POST"}}),
    ("routes[0].match[1].method", "GET", {"[0].match[1].method.regex": "GET"}),
    ("routes[0].match[0].headers[0].value", "anna", {"[0].match[0].headers.end-user.exact": "anna"}),
    ("routes[0].match[0].headers[0].name", "user", {"[0].match[0].headers.user": {"exact": "jason"}}),
    ("routes[0].match[1].query[0].how", "prefix", {"[0].match[1].queryParams.debug.prefix": "1"}),
    ("routes[0].destinations[0].subset", "v1", {"[0].route[0].destination.subset": "v1"}),
    ("routes[0].destinations[0].port", 9080, {"[0].route[0].destination.port": {"number": 9080}}),
    ("routes[2].destinations[2].host", "details", {"[2].route[2].destination.host": "details"}),
    ("routes[2].destinations[2].port", "", {"[2].route[2].destination.port": "ABSENT"}),
    ("routes[2].rewrite.uri", "/new", {"[2].rewrite.uri": "/new"}),
    ("routes[1].redirect.uri", "/newer", {"[1].redirect.uri": "/newer"}),
    ("routes[1].redirect.authority", "shop.example", {"[1].redirect.authority": "shop.example"}),
    ("routes[1].redirect.code", 308, {"[1].redirect.redirectCode": 308}),
    ("routes[2].timeout", "10s", {"[2].timeout": "10s"}),
    ("routes[2].timeout", "", {"[2].timeout": "ABSENT"}),
    ("routes[2].retries.attempts", 1, {"[2].retries.attempts": 1}),
    ("routes[2].retries.per_try_timeout", "1s", {"[2].retries.perTryTimeout": "1s"}),
    ("routes[2].retries.retry_on", "5xx, 429", {"[2].retries.retryOn": "5xx,429"}),
    ("routes[2].fault.abort.status", 500, {"[2].fault.abort.httpStatus": 500}),
    ("routes[2].fault.abort.percent", "1", {"[2].fault.abort.percentage.value": 1}),
    ("routes[2].fault.delay.duration", "1s", {"[2].fault.delay.fixedDelay": "1s"}),
    ("routes[2].fault.delay.percent", 2.5, {"[2].fault.delay.percent": "ABSENT", "[2].fault.delay.percentage": {"value": 2.5}}),
    ("routes[2].mirrors[0].percent", 50, {"[2].mirrorPercentage.value": 50}),
    ("routes[2].mirrors[0].subset", "v2", {"[2].mirror.subset": "v2"}),
    ("routes[5].mirrors[1].percent", 5, {"[5].mirrors[1].percentage": {"value": 5}}),
    ("routes[2].headers[0].value", "test", {"[2].headers.request.set.x-env": "test"}),
    ("routes[2].headers[3].name", "x-private", {"[2].headers.request.remove[0]": "x-private"}),
]


@pytest.mark.parametrize(("path", "value", "expected"), EDITS, ids=[f"{path}={value}" for path, value, _ in EDITS])
def test_an_edit_changes_exactly_its_field(path: str, value: Any, expected: dict[str, Any]) -> None:
    around = live(*copy.deepcopy(TEAM_ROUTES))
    raw = read(around)
    node: Any = raw
    steps = path.replace("]", "").replace("[", ".").split(".")
    for step in steps[:-1]:
        node = node[int(step)] if step.isdecimal() else node[step]
    node[steps[-1]] = value
    found = {key: repr(after) if repr(after) == "ABSENT" else after for key, after in changed(raw, around).items()}
    for key, after in expected.items():
        assert found.pop(key) == after
    # a StringMatch that compares otherwise, and a header under another name, leave their old key behind as removed
    assert set(found.values()) <= {"ABSENT"}
    assert len(found) <= (1 if steps[-1] in {"path_how", "how", "name"} else 0)


def test_a_key_that_is_not_sent_keeps_what_is_live() -> None:
    around = live(*TEAM_ROUTES)
    origins = [{"origin": row["origin"]} for row in read(around)["routes"]]
    origins[2] = {"origin": origins[2]["origin"], "timeout": "9s"}
    assert changed({"routes": origins}, around) == {"[2].timeout": "9s"}
    assert changed({}, around) == {}


def test_null_and_an_empty_list_remove() -> None:
    around = live({"match": [{"uri": {"prefix": "/"}}], "route": [to("v1")], "retries": {"attempts": 2}, "timeout": "3s"})
    row = read(around)["routes"][0]
    raw = {"routes": [{"origin": row["origin"], "retries": None, "timeout": None, "match": []}]}
    assert {path: repr(after) for path, after in changed(raw, around).items()} == {
        "[0].retries": "ABSENT",
        "[0].timeout": "ABSENT",
        "[0].match": "ABSENT",
    }


def test_a_rule_that_others_moved_is_found_and_one_they_changed_is_not() -> None:
    first, second = {"match": [{"uri": {"prefix": "/a"}}], "route": [to("v1")]}, {"route": [to("v2")]}
    raw = read(live(first, second))
    raw["routes"][1]["timeout"] = "7s"
    moved = live(second, first)
    after = render(asked(raw, moved), moved).items[-1].after
    assert after is not None
    assert after["spec"]["http"] == [first, second | {"timeout": "7s"}]
    gone = parse(raw, live(first, second | {"timeout": "1s"}))
    assert isinstance(gone, list)
    assert [(error.field, error.code) for error in gone] == [("routes[1].origin", "origin-gone")]


def test_a_second_mirror_turns_the_older_field_into_the_list() -> None:
    around = live({"route": [to("v1")], "mirror": {"host": "reviews", "subset": "v2"}, "mirrorPercent": 20})
    raw = read(around)
    raw["routes"][0]["mirrors"].append({"host": "shadow", "percent": 5})
    after = render(asked(raw, around), around).items[-1].after
    assert after is not None
    assert after["spec"]["http"][0] == {
        "route": [to("v1")],
        "mirrors": [
            {"destination": {"host": "reviews", "subset": "v2"}, "percentage": {"value": 20}},
            {"destination": {"host": "shadow"}, "percentage": {"value": 5}},
        ],
    }


def test_says_what_it_cannot_show() -> None:
    assert kept(live(*TEAM_ROUTES)) == [
        "spec.exportTo",
        "spec.http[0].corsPolicy",
        "spec.http[0].match[0].port",
        "spec.http[0].match[1].withoutHeaders",
        "spec.http[0].route[0].headers",
        "spec.http[1].redirect.scheme",
        "spec.http[1].match[0].sourceLabels",
        "spec.http[2].retries.retryRemoteLocalities",
        "spec.http[2].retries.backoff",
        "spec.http[2].match[0].authority",
        "spec.http[3].directResponse",
        "spec.http[4].delegate",
        "spec.http[5].rewrite.uriRegexRewrite",
    ]
