"""Routes of a VirtualService in words."""

from __future__ import annotations

from typing import Any

from meshportal.board.routes import route_rows
from meshportal.mesh.refs import Manifest


def routes(*http: dict[str, Any], **annotations: str) -> Manifest:
    return {"metadata": {"name": "reviews", "namespace": "bookinfo", "annotations": annotations}, "spec": {"http": list(http)}}


def to(subset: str, weight: int | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {"destination": {"host": "reviews", "subset": subset}}
    return entry if weight is None else entry | {"weight": weight}


def test_weights_timeout_and_retries_are_said_as_they_are() -> None:
    http = {"route": [to("v1", 90), to("v2", 10)], "timeout": "3s", "retries": {"attempts": 2, "retryOn": "5xx"}}
    (row,) = route_rows([routes(http)])
    assert (row.requests, row.to, row.timeout, row.retries) == ("all requests", "90 % v1, 10 % v2", "3s", "2 retries on 5xx")
    assert row.source == "VirtualService bookinfo/reviews"


def test_weights_are_relative() -> None:
    (row,) = route_rows([routes({"route": [to("v1", 3), to("v2", 1)]})])
    assert row.to == "75 % v1, 25 % v2"


def test_one_destination_gets_everything_whatever_its_weight() -> None:
    rows = route_rows([routes({"route": [to("v1", 0)]}, {"route": [to("v2")]})])
    assert [row.to for row in rows] == ["v1", "v2"]


def test_matches_are_alternatives_of_conditions_that_all_hold() -> None:
    match = [{"headers": {"end-user": {"exact": "jason"}}, "uri": {"prefix": "/a"}}, {"method": {"exact": "GET"}}]
    (row,) = route_rows([routes({"match": match, "route": [to("v2")]})])
    assert row.requests == "end-user exact jason and uri prefix /a or method exact GET"


def test_what_the_route_does_not_say_is_not_said() -> None:
    (row,) = route_rows([routes({"route": [to("v1")]})])
    assert (row.timeout, row.retries) == ("", "")


def test_what_else_happens_to_the_requests_is_said() -> None:
    fault = {"abort": {"httpStatus": 503, "percentage": {"value": 30}}, "delay": {"fixedDelay": "2s", "percentage": {"value": 5}}}
    http = {
        "route": [to("v1")],
        "fault": fault,
        "mirror": {"host": "reviews", "subset": "v3"},
        "rewrite": {"uri": "/x"},
        "headers": {"request": {"set": {"x-env": "test"}}},
    }
    (row,) = route_rows([routes(http)])
    assert row.others == [
        "their path becomes /x",
        "5 % of them wait 2s first",
        "30 % of them fail with 503 on purpose",
        "100 % of them are copied to reviews v3, whose answers nobody sees",
        "their header x-env is set to test",
    ]


def test_odd_routes_have_rows_too() -> None:
    odd = {"route": [to("v1")], "fault": [], "mirrors": "x", "headers": {"request": {"set": [1]}}, "rewrite": None}
    (row,) = route_rows([routes(odd)])
    assert row.to == "v1"


def test_a_redirect_is_named() -> None:
    (row,) = route_rows([routes({"redirect": {"uri": "/b"}})])
    assert row.to == "redirect uri /b"


def test_an_object_without_http_routes_has_no_rows() -> None:
    assert route_rows([{"metadata": {"name": "tcp", "namespace": "bookinfo"}, "spec": {}}]) == []
