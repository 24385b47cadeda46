"""What is said of routes that get no requests, and of requests that get no route, beside the world's own routing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rules import analyse
from meshportal.sandbox.world.calls import Call, Door, fitting
from meshportal.sandbox.world.pods import Workload
from tests.mesh.rules.mesh import facts, to, virtual_service

CALLER = Workload("clients", "web", "web", "v1", "web-1", "default", sidecar=True, labels=(("app", "web"),))
DOOR = Door("reviews.bookinfo.svc.cluster.local", 9080)
PATHS = ("/", "/reviews", "/REVIEWS", "/reviews/1", "/ratings")

paths = st.one_of(
    st.sampled_from([{"prefix": path} for path in PATHS] + [{"exact": path} for path in PATHS]),
    st.sampled_from([{"regex": ".*"}, {"regex": "/.*"}, {"regex": "/r.*"}]),
)
names = st.sampled_from(["x-user", "x-env"])
values = st.sampled_from([{"exact": "beta"}, {"prefix": "b"}, {}])
matches = st.fixed_dictionaries(
    {},
    optional={
        "uri": paths,
        "ignoreUriCase": st.booleans(),
        "method": st.sampled_from([{"exact": "GET"}, {"prefix": "P"}]),
        "headers": st.dictionaries(names, values, max_size=2),
        "withoutHeaders": st.dictionaries(names, values, max_size=1),
        "queryParams": st.dictionaries(st.just("debug"), values, max_size=1),
        "port": st.sampled_from([9080, 1]),
        "sourceLabels": st.sampled_from([{}, {"app": "web"}, {"app": "other"}]),
        "gateways": st.sampled_from([["mesh"], ["bookinfo/front"]]),
    },
)
lists = st.lists(st.lists(matches.filter(bool), max_size=2), min_size=1, max_size=4)
texts = st.sampled_from(["beta", "b", "x"])
calls = st.builds(
    lambda path, method, headers, query: Call(
        CALLER, ServiceRef("bookinfo", "reviews"), path, method, tuple(headers.items()), tuple(query.items())
    ),
    st.sampled_from([*PATHS, "/reviews/1/x"]),
    st.sampled_from(["GET", "POST"]),
    st.dictionaries(names, texts, max_size=2),
    st.dictionaries(st.just("debug"), texts, max_size=1),
)


def _said(listed: list[list[dict[str, Any]]]) -> dict[str, set[str]]:
    routes = [{"match": entries, "route": [to("v1")]} if entries else {"route": [to("v1")]} for entries in listed]
    found: dict[str, set[str]] = {}
    for finding in analyse(facts(virtual_service(http=routes))):
        found.setdefault(finding.code, set()).add(finding.path)
    return found


def _taken(listed: list[list[dict[str, Any]]], call: Call) -> int | None:
    return next((place for place, entries in enumerate(listed) if fitting(entries, call, DOOR, "bookinfo") is not None), None)


@given(lists, st.lists(calls, min_size=5, max_size=20))
def test_a_route_that_is_said_to_be_never_reached_gets_no_request(listed: list[list[dict[str, Any]]], asked: list[Call]) -> None:
    never = _said(listed).get("MP0270", set())
    reached = {f"spec.http[{_taken(listed, call)}]" for call in asked}
    assert not never & reached


@given(lists, st.lists(calls, min_size=5, max_size=20))
def test_every_request_gets_a_route_where_nothing_is_said(listed: list[list[dict[str, Any]]], asked: list[Call]) -> None:
    of_the_request = [
        [{k: v for k, v in one.items() if k not in ("port", "sourceLabels", "gateways")} for one in e] for e in listed
    ]
    kept = [[one for one in entries if one] for entries in of_the_request]
    if "MP0269" not in _said(kept):
        assert None not in {_taken(kept, call) for call in asked}
