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

V1 = [{"subset": "v1"}]


def errors(raw: Any, around: RoutesLive | None = None) -> list[tuple[str, str]]:
    found = parse(raw, around or live({"route": [to("v1")]}))
    return [(error.field, error.code) for error in found] if isinstance(found, list) else []


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"name": "x" * 121}, "name", "too-long"),
    ({"name": "a\x00b"}, "name", "control-character"),
    ({"name": {"a": 1}}, "name", "not-text"),
    ({"match": [{"path_how": "prefix", "path": "v1"}]}, "match[0].path", "path-start"),
    ({"match": [{"path_how": "exact", "path": "/a?b=1"}]}, "match[0].path", "path-characters"),
    ({"match": [{"path_how": "exact", "path": ""}]}, "match[0].path", "path-missing"),
    ({"match": [{"path": "/v1"}]}, "match[0].path_how", "path-how-missing"),
    ({"match": [{"path_how": "like", "path": "/v1"}]}, "match[0].path_how", "not-a-choice"),
    ({"match": [{"path_how": "regex", "path": "/(a"}]}, "match[0].path", "not-a-regex"),
    ({"match": [{"path_how": "regex", "path": "/(?=a)"}]}, "match[0].path", "not-a-regex"),
    ({"match": [{"path_how": "regex", "path": "/" + "a" * 1024}]}, "match[0].path", "regex-too-long"),
    ({"match": [{"path_how": "regex", "path": "/a", "ignore_case": True}]}, "match[0].ignore_case", "ignore-case-regex"),
    ({"match": [{"method": "GET", "ignore_case": "true"}]}, "match[0].ignore_case", "ignore-case-path"),
    ({"match": [{"path_how": "prefix", "path": "/", "ignore_case": "yes"}]}, "match[0].ignore_case", "not-a-choice"),
    ({"match": [{"method": "get"}]}, "match[0].method", "not-a-method"),
    ({"match": [{}]}, "match[0]", "empty-match"),
    ({"match": [{"headers": [{"name": "", "value": "x"}]}]}, "match[0].headers[0].name", "name-missing"),
    ({"match": [{"headers": [{"name": "a b", "value": "x"}]}]}, "match[0].headers[0].name", "not-a-header"),
    ({"match": [{"headers": [{"name": "a", "value": ""}]}]}, "match[0].headers[0].value", "value-missing"),
    ({"match": [{"headers": [{"name": "a", "how": "present", "value": "x"}]}]}, "match[0].headers[0].value", "value-needless"),
    ({"match": [{"headers": [{"name": "a", "how": "regex", "value": "*"}]}]}, "match[0].headers[0].value", "not-a-regex"),
    (
        {"match": [{"headers": [{"name": "a", "value": "x"}, {"name": "A", "value": "y"}]}]},
        "match[0].headers[1].name",
        "repeated-name",
    ),
    ({"match": [{"query": [{"name": "q", "how": "is", "value": "x"}]}]}, "match[0].query[0].how", "not-a-choice"),
    (
        {"match": [{"query": [{"name": "q", "value": "x"}, {"name": "q", "value": "y"}]}]},
        "match[0].query[1].name",
        "repeated-name",
    ),
    ({"destinations": [{"subset": "v9"}]}, "destinations[0].subset", "unknown-subset"),
    ({"destinations": [{"subset": "V 1"}]}, "destinations[0].subset", "not-a-subset"),
    ({"destinations": [{"host": "*"}]}, "destinations[0].host", "not-a-host"),
    ({"destinations": [{"host": "10.0.0.1"}]}, "destinations[0].host", "not-a-host"),
    ({"destinations": [{"host": "a..b"}]}, "destinations[0].host", "not-a-host"),
    ({"destinations": [{"port": "0"}]}, "destinations[0].port", "not-whole"),
    ({"destinations": [{"port": 70000}]}, "destinations[0].port", "not-whole"),
    ({"destinations": [{"subset": "v1", "weight": "ten"}]}, "destinations[0].weight", "not-whole"),
    ({"destinations": [{"subset": "v1", "weight": 101}]}, "destinations[0].weight", "not-whole"),
    ({"destinations": [{"subset": "v1", "weight": 5}]}, "destinations[0].weight", "wrong-sum"),
    ({"destinations": [{"subset": "v1", "weight": 90}, {"subset": "v2", "weight": 9}]}, "destinations[1].weight", "wrong-sum"),
    ({"destinations": [{"subset": "v1"}, {"subset": "v2"}]}, "destinations[1].weight", "wrong-sum"),
    ({"destinations": [*V1, {"subset": "v1", "weight": 100}]}, "destinations[1]", "repeated-destination"),
    ({"destinations": []}, "destinations", "no-answer"),
    ({"rewrite": {"uri": "v2"}}, "rewrite.uri", "path-start"),
    ({"rewrite": {"authority": "a b"}}, "rewrite.authority", "not-an-authority"),
    ({"rewrite": {"authority": "a:0"}}, "rewrite.authority", "not-an-authority"),
    ({"rewrite": "x"}, "rewrite", "not-a-group"),
    ({"redirect": {"uri": "/x"}}, "redirect.uri", "sends-and-redirects"),
    ({"destinations": [], "redirect": {"uri": "x"}}, "redirect.uri", "path-start"),
    ({"destinations": [], "redirect": {"uri": "/a b"}}, "redirect.uri", "path-blank"),
    ({"destinations": [], "redirect": {"code": 302}}, "redirect.uri", "redirect-target"),
    ({"destinations": [], "redirect": {"uri": "/x", "code": 300}}, "redirect.code", "not-a-choice"),
    ({"destinations": [], "redirect": {"uri": "/x"}, "rewrite": {"uri": "/y"}}, "rewrite.uri", "redirect-excludes"),
    (
        {"destinations": [], "redirect": {"uri": "/x"}, "fault": {"delay": {"duration": "1s", "percent": 1}}},
        "fault.delay.duration",
        "redirect-excludes",
    ),
    ({"timeout": "3 sec"}, "timeout", "not-a-duration"),
    ({"timeout": 3}, "timeout", "not-a-duration"),
    ({"timeout": "0s"}, "timeout", "not-a-duration"),
    ({"retries": {"attempts": -1}}, "retries.attempts", "not-whole"),
    ({"retries": {"attempts": 1.5}}, "retries.attempts", "not-whole"),
    ({"retries": {"attempts": 2, "per_try_timeout": "2"}}, "retries.per_try_timeout", "not-a-duration"),
    ({"retries": {"attempts": 2, "retry_on": "5xx,often"}}, "retries.retry_on", "not-a-retry-condition"),
    ({"retries": {"attempts": 2, "retry_on": "599"}}, "retries.retry_on", "not-a-retry-condition"),
    ({"retries": {"per_try_timeout": "2s"}}, "retries.attempts", "attempts-missing"),
    ({"retries": {"attempts": 0, "retry_on": "5xx"}}, "retries.retry_on", "retries-off"),
    ({"fault": {"abort": {"status": 199, "percent": 1}}}, "fault.abort.status", "not-whole"),
    ({"fault": {"abort": {"status": 503}}}, "fault.abort.percent", "percent-missing"),
    ({"fault": {"abort": {"percent": 5}}}, "fault.abort.status", "status-missing"),
    ({"fault": {"abort": {"status": 503, "percent": 101}}}, "fault.abort.percent", "percentage-range"),
    ({"fault": {"abort": {"status": 503, "percent": "5 %"}}}, "fault.abort.percent", "not-a-percentage"),
    ({"fault": {"abort": {"status": 503, "percent": 0.00001}}}, "fault.abort.percent", "not-a-percentage"),
    ({"fault": {"delay": {"duration": "1d", "percent": 5}}}, "fault.delay.duration", "not-a-duration"),
    ({"fault": {"delay": {"duration": "1s"}}}, "fault.delay.percent", "percent-missing"),
    ({"fault": {"delay": {"percent": 5}}}, "fault.delay.duration", "delay-missing"),
    ({"mirrors": [{}]}, "mirrors[0].subset", "mirror-missing"),
    ({"mirrors": [{"subset": "v9"}]}, "mirrors[0].subset", "unknown-subset"),
    ({"mirrors": [{"subset": "v2", "percent": "-1"}]}, "mirrors[0].percent", "not-a-percentage"),
    ({"headers": [{"name": "x", "value": ""}]}, "headers[0].value", "value-missing"),
    ({"headers": [{"name": "", "value": "x"}]}, "headers[0].name", "name-missing"),
    ({"headers": [{"name": "x y", "value": "x"}]}, "headers[0].name", "not-a-header"),
    ({"headers": [{"name": ":path", "value": "/"}]}, "headers[0].name", "header-pseudo"),
    ({"headers": [{"do": "remove", "name": "Host"}]}, "headers[0].name", "header-host"),
    ({"headers": [{"do": "remove", "name": "x", "value": "y"}]}, "headers[0].value", "value-of-removed"),
    ({"headers": [{"on": "answer", "name": "x", "value": "y"}]}, "headers[0].on", "not-a-choice"),
    ({"headers": [{"do": "append", "name": "x", "value": "y"}]}, "headers[0].do", "not-a-choice"),
    ({"headers": [{"name": "x", "value": "50%"}]}, "headers[0].value", "header-percent"),
    ({"headers": [{"name": "x", "value": "%NOPE%"}]}, "headers[0].value", "header-command"),
    ({"headers": [{"name": "x", "value": "1"}, {"name": "X", "value": "2"}]}, "headers[1].name", "repeated-name"),
    ({"headers": [{"name": "host", "value": "a"}], "rewrite": {"authority": "b"}}, "rewrite.authority", "authority-twice"),
    ({"headers": "none"}, "headers", "not-a-list"),
    ({"mirrors": ["v2"]}, "mirrors[0]", "not-a-group"),
    ({"timeouts": "3s"}, "timeouts", "unknown-field"),
    ({"origin": "7:12345678"}, "origin", "origin-gone"),
]


@pytest.mark.parametrize(("route", "field", "code"), BAD, ids=[f"{field}:{code}" for _, field, code in BAD])
def test_bad_input_names_its_field(route: dict[str, Any], field: str, code: str) -> None:
    raw = {"routes": [{"destinations": V1, **route}]}
    assert errors(raw) == [(f"routes[0].{field}", code)]


GOOD: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"match": [{"path_how": "regex", "path": r"/v\d+/(books|authors)"}]},
        {"match": [{"uri": {"regex": r"/v\d+/(books|authors)"}}]},
    ),
    (
        {"match": [{"path_how": "prefix", "path": "/v1", "ignore_case": "on", "method": "GET"}]},
        {"match": [{"uri": {"prefix": "/v1"}, "ignoreUriCase": True, "method": {"exact": "GET"}}]},
    ),
    (
        {"match": [{"headers": [{"name": "x-user", "value": "beta"}, {"name": "x-any", "how": "present"}], "query": ""}]},
        {"match": [{"headers": {"x-user": {"exact": "beta"}, "x-any": {}}}]},
    ),
    (
        {"match": [{"query": [{"name": "q", "how": "prefix", "value": "a"}]}]},
        {"match": [{"queryParams": {"q": {"prefix": "a"}}}]},
    ),
    (
        {"destinations": [{"subset": "v1", "weight": "90"}, {"host": "ratings", "port": 9080, "weight": 10}]},
        {
            "route": [
                {"destination": {"host": FQDN, "subset": "v1"}, "weight": 90},
                {"destination": {"host": "ratings", "port": {"number": 9080}}, "weight": 10},
            ]
        },
    ),
    ({"destinations": [{"host": "reviews.bookinfo"}]}, {"route": [{"destination": {"host": FQDN}}]}),
    (
        {"destinations": "", "redirect": {"authority": "shop.example:8443", "uri": "/a?b=c", "code": "307"}},
        {"redirect": {"authority": "shop.example:8443", "uri": "/a?b=c", "redirectCode": 307}},
    ),
    ({"timeout": " 1.5s "}, {"timeout": "1.5s"}),
    ({"retries": {"attempts": 0}}, {"retries": {"attempts": 0}}),
    (
        {"retries": {"attempts": "3", "per_try_timeout": "500ms", "retry_on": "5xx, reset, 503"}},
        {"retries": {"attempts": 3, "perTryTimeout": "500ms", "retryOn": "5xx,reset,503"}},
    ),
    (
        {"fault": {"abort": {"status": "503", "percent": "0.1"}, "delay": {"duration": "2s", "percent": 100}}},
        {
            "fault": {
                "abort": {"httpStatus": 503, "percentage": {"value": 0.1}},
                "delay": {"fixedDelay": "2s", "percentage": {"value": 100}},
            }
        },
    ),
    (
        {"mirrors": [{"subset": "v2", "percent": "50"}]},
        {"mirrors": [{"destination": {"host": FQDN, "subset": "v2"}, "percentage": {"value": 50}}]},
    ),
    (
        {
            "headers": [
                {"name": ":authority", "value": "a.b"},
                {"on": "response", "do": "add", "name": "x-at", "value": "%START_TIME% 100%%"},
                {"on": "response", "do": "remove", "name": "server"},
            ]
        },
        {
            "headers": {
                "request": {"set": {":authority": "a.b"}},
                "response": {"add": {"x-at": "%START_TIME% 100%%"}, "remove": ["server"]},
            }
        },
    ),
]


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
