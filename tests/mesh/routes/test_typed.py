"""Bad input names its field and its rule, over page and REST alike; good input is taken in every shape it comes in."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshportal.mesh.routes.live import RoutesLive
from meshportal.mesh.routes.reading import proposed, read
from meshportal.mesh.routes.rendering import render
from meshportal.mesh.routes.typed import RoutesIntent, parse
from tests.mesh.routes.manifests import FQDN, REVIEWS, TEAM_ROUTES, live, routes, to, virtual_service
from tests.mesh.routes.samples import BAD, GOOD, V1


def errors(raw: Any, around: RoutesLive | None = None) -> list[tuple[str, str]]:
    found = parse(raw, around or live({"route": [to("v1")]}))
    return [(error.field, error.code) for error in found] if isinstance(found, list) else []


@pytest.mark.parametrize(("route", "field", "code"), BAD, ids=[f"{field}:{code}" for _, field, code in BAD])
def test_bad_input_names_its_field(route: dict[str, Any], field: str, code: str) -> None:
    raw = {"routes": [{"destinations": V1, **route}]}
    assert errors(raw) == [(f"routes[0].{field}", code)]


@pytest.mark.parametrize(("route", "expected"), GOOD)
def test_good_input_becomes_what_istio_reads(route: dict[str, Any], expected: dict[str, Any]) -> None:
    around = live({"route": [to("v1")]})
    intent = parse({"routes": [{"destinations": V1, **route}]}, around)
    assert isinstance(intent, RoutesIntent), intent
    after = render(intent, around).items[-1].after
    assert after is not None
    default = {} if {"redirect", "route"} & set(expected) else {"route": [{"destination": {"host": FQDN, "subset": "v1"}}]}
    assert after["spec"]["http"] == [default | expected]


@pytest.mark.parametrize("regex", [r"[\b]", "(a{500}){500}", "((a{100}){100}){100}", "(?x)a", "(?a)b", "a{1001}", "x{2}{3}"])
def test_what_python_takes_and_re2_does_not_is_refused(regex: str) -> None:
    raw = {"routes": [{"destinations": V1, "match": [{"path_how": "regex", "path": regex}]}]}
    assert errors(raw) == [("routes[0].match[0].path", "not-a-regex")]


def test_what_is_live_may_stay_however_odd() -> None:
    odd = {
        "match": [{"method": {"exact": "get"}, "uri": {"exact": "no-slash"}}],
        "route": [to("v9", 3), to("v9", 1)],
        "timeout": "0s",
        "headers": {"request": {"set": {"x": "%NOPE%"}}},
    }
    raw = read(live(odd))
    raw["routes"][0]["name"] = "odd"
    assert errors(raw, live(odd)) == []
    raw["routes"][0]["destinations"][0]["weight"] = "4"
    assert errors(raw, live(odd)) == [("routes[0].destinations[1].weight", "wrong-sum")]


def test_a_rule_that_answers_by_itself_cannot_be_given_destinations() -> None:
    around = live({"directResponse": {"status": 200}})
    raw = read(around)
    raw["routes"][0]["destinations"] = V1
    assert errors(raw, around) == [("routes[0].destinations", "answers-already")]


@pytest.mark.parametrize(
    ("route", "edit", "field", "code"),
    [
        (
            {"rewrite": {"uriRegexRewrite": {"match": "a", "rewrite": "b"}}},
            {"rewrite": {"uri": "/"}},
            "rewrite.uri",
            "rewrite-regex",
        ),
        ({"retries": {"attempts": 2, "backoff": "1s"}}, {"retries": None}, "retries.attempts", "attempts-kept"),
        (
            {"retries": {"attempts": 2, "retryRemoteLocalities": True}},
            {"retries": {"attempts": 0}},
            "retries.attempts",
            "retries-off-kept",
        ),
        (
            {"fault": {"abort": {"grpcStatus": "INTERNAL"}}},
            {"fault": {"abort": {"status": 503}}},
            "fault.abort.status",
            "abort-other",
        ),
    ],
)
def test_what_the_form_keeps_unseen_excludes_what_istio_would_refuse(
    route: dict[str, Any], edit: dict[str, Any], field: str, code: str
) -> None:
    around = live({"route": [to("v1")], **route})
    row = {"origin": read(around)["routes"][0]["origin"], **edit}
    assert errors({"routes": [row]}, around) == [(f"routes[0].{field}", code)]


def test_two_rows_from_one_live_rule_are_refused() -> None:
    around = live({"route": [to("v1")]})
    row = read(around)["routes"][0]
    assert errors({"routes": [row, copy.deepcopy(row)]}, around) == [("routes[1].origin", "origin-twice")]


@pytest.mark.parametrize("empty", [[], "", None])
def test_the_last_rule_cannot_be_removed(empty: Any) -> None:
    assert errors({"routes": empty}) == [("routes", "no-routes")]
    assert errors({"routes": empty}, live({"route": [to("v1")]}, tcp=[{"route": [{}]}])) == []


def test_several_virtual_services_cannot_be_edited() -> None:
    twice = RoutesLive(REVIEWS, (virtual_service(), virtual_service()))
    assert errors({}, twice) == [("", "not-editable")]
    assert errors({}, RoutesLive(REVIEWS, taken=True)) == [("", "not-editable")]
    many = live(*({"route": [to("v1")], "name": str(number)} for number in range(201)))
    assert errors({}, many) == [("", "not-editable")]


def test_a_service_without_a_virtual_service_gets_one_with_its_full_name() -> None:
    around = RoutesLive(REVIEWS, domain="mesh.example")
    intent = parse(proposed(around), around)
    assert isinstance(intent, RoutesIntent)
    (item,) = render(intent, around).items
    host = "reviews.bookinfo.svc.mesh.example"
    assert item.before is None
    assert item.after is not None
    assert item.after["metadata"] == {"name": "reviews", "namespace": "bookinfo"}
    assert item.after["spec"] == {"hosts": [host], "http": [{"route": [{"destination": {"host": host}}]}]}


def test_a_version_without_a_subset_gets_one_before_the_route_that_needs_it() -> None:
    around = live({"route": [to("v1")]})
    intent = parse({"routes": [{"destinations": [{"subset": "v1", "weight": 90}, {"subset": "v3", "weight": 10}]}]}, around)
    assert isinstance(intent, RoutesIntent)
    rule, _routes = render(intent, around).items
    assert rule.ref.kind.kind == "DestinationRule"
    assert rule.after is not None
    assert rule.after["spec"]["subsets"][-1] == {"name": "v3", "labels": {"version": "v3"}}
    first = live({"route": [{"destination": {"host": "reviews"}}]}, subsets=())
    intent = parse({"routes": [{"destinations": [{"subset": "v3"}]}]}, first)
    assert isinstance(intent, RoutesIntent)
    created = render(intent, first).items[0]
    assert created.before is None
    assert created.after is not None
    assert created.after["spec"] == {"host": FQDN, "subsets": [{"name": "v3", "labels": {"version": "v3"}}]}


def test_a_subset_that_is_missing_already_is_not_added_by_another_edit() -> None:
    around = live({"route": [to("v3")]})
    raw = read(around)
    raw["routes"][0]["timeout"] = "3s"
    intent = parse(raw, around)
    assert isinstance(intent, RoutesIntent)
    assert [item.ref.kind.kind for item in render(intent, around).items] == ["VirtualService"]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["origin", "match", "destinations", "redirect", "retries", "fault", "mirrors", "headers", "timeout"]),
            json_like,
            max_size=4,
        ),
        max_size=3,
    )
    | json_like
)
def test_whatever_is_sent_is_taken_or_named(sent: Any) -> None:
    around = live(*TEAM_ROUTES[:3])
    outcome = parse({"routes": sent}, around)
    if isinstance(outcome, RoutesIntent):
        again = parse(outcome.raw, around)
        assert isinstance(again, RoutesIntent)
        assert again.routes == outcome.routes
        render(outcome, around)
    else:
        assert outcome


@settings(max_examples=100, deadline=None)
@given(routes)
def test_what_was_taken_once_is_taken_again(route: dict[str, Any]) -> None:
    around = live(route)
    raw = read(around)
    raw["routes"].append({"destinations": V1})
    outcome = parse(raw, around)
    assert isinstance(outcome, RoutesIntent)
    assert parse(outcome.raw, around) == outcome
