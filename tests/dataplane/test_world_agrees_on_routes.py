"""What a route does to requests: real Envoys and the sandbox's world count the same at both ends, flags included."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dataplane.beside import Request, agree, expected, failing, scenario, slow
from tests.dataplane.plane import Plane

pytestmark = [pytest.mark.dataplane, pytest.mark.xdist_group("dataplane")]
LOOSE = 0.04
"""For what depends on time: a busy machine answers some milliseconds later than its app means to."""


def to(*versions: str, **more: Any) -> dict[str, Any]:
    """A route to one version or, in equal parts, to several; "" is the whole service."""
    destinations = [{"host": "reviews"} | ({"subset": version} if version else {}) for version in versions]
    return {"route": [{"destination": one, "weight": 100 // len(versions)} for one in destinations], **more}


JASON = Request(headers=(("end-user", "jason"),))
GERMAN = Request(query=(("lang", "de"),))


@pytest.mark.parametrize(
    ("match", "request_"),
    [
        ({"headers": {"end-user": {"exact": "jason"}}}, JASON),
        ({"headers": {"end-user": {"regex": "ja.+"}}}, JASON),
        ({"queryParams": {"lang": {"exact": "de"}}}, GERMAN),
        ({"uri": {"prefix": "/beta"}}, Request("/beta/1")),
        ({"withoutHeaders": {"end-user": {"exact": "jason"}}}, Request(headers=(("end-user", "eve"),))),
    ],
    ids=["header", "regex", "query", "path", "without"],
)
def test_a_match(plane: Plane, match: dict[str, Any], request_: Request) -> None:
    plane.route(to("v2", match=[match]), to("v1"))
    agree(plane, 100, scenario(), (request_, JASON if "withoutHeaders" in match else Request("/other")))


def test_a_request_without_a_route(plane: Plane) -> None:
    plane.route(to("v2", match=[{"uri": {"prefix": "/beta"}}]))
    assert ("source", "404", "NR", "") in expected(plane, (Request(),), scenario())
    agree(plane, 100, scenario())


def test_a_timeout(plane: Plane) -> None:
    plane.route(to("v1", timeout="0.25s"))
    agree(plane, 600, slow(plane, 10), clients=8, loose=LOOSE)


def test_a_timeout_for_each_try(plane: Plane) -> None:
    plane.route(to("v1", retries={"attempts": 2, "perTryTimeout": "0.25s", "retryOn": "gateway-error"}))
    agree(plane, 400, slow(plane, 10), clients=8, loose=LOOSE)


@pytest.mark.parametrize("code", [500, 503])
def test_istios_own_retries_do_not_repeat_what_an_app_answered(plane: Plane, code: int) -> None:
    plane.route(to("v1"))
    agree(plane, 1_500, failing(plane, 0.3, code, "v1"))


@pytest.mark.parametrize(
    ("retry_on", "code"),
    [("5xx", 500), ("gateway-error", 502), ("gateway-error", 500), ("503", 503), ("retriable-4xx", 409)],
)
def test_retries(plane: Plane, retry_on: str, code: int) -> None:
    plane.route(to("v1", retries={"attempts": 2, "retryOn": retry_on}))
    agree(plane, 1_500, failing(plane, 0.4, code, "v1"), clients=4)


def test_a_retry_looks_for_another_pod(plane: Plane) -> None:
    plane.route(to("", retries={"attempts": 1, "retryOn": "5xx"}))
    agree(plane, 1_000, failing(plane, 1.0, 500, "v2"))


def test_an_abort(plane: Plane) -> None:
    plane.route(to("v1", "v2", fault={"abort": {"percentage": {"value": 20}, "httpStatus": 418}}))
    agree(plane, 2_000, scenario())


def test_a_delay_and_an_abort(plane: Plane) -> None:
    """The timeout is shorter than the delay and ends nothing: it runs from when the request is sent on."""
    delay, abort = {"percentage": {"value": 20}, "fixedDelay": "0.3s"}, {"percentage": {"value": 50}, "httpStatus": 503}
    plane.route(to("v1", fault={"delay": delay, "abort": abort}, timeout="0.2s"))
    agree(plane, 800, scenario(), clients=8)


def test_a_fault_for_no_share_in_particular(plane: Plane) -> None:
    plane.route(to("v1", fault={"abort": {"httpStatus": 503}, "delay": {"fixedDelay": "0.3s"}}))
    agree(plane, 100, scenario())


def test_a_mirror(plane: Plane) -> None:
    mirror = {"mirror": {"host": "reviews", "subset": "v2"}, "mirrorPercentage": {"value": 50}}
    plane.route(to("v1", **mirror))
    agree(plane, 2_000, failing(plane, 0.5, 500, "v2"))


def test_several_mirrors(plane: Plane) -> None:
    mirrors = [{"destination": {"host": "reviews", "subset": version}, "percentage": {"value": 50}} for version in ("v1", "v2")]
    plane.route(to("v1", mirrors=mirrors))
    agree(plane, 1_000, scenario())


def test_what_is_aborted_is_not_mirrored(plane: Plane) -> None:
    mirror = {"mirror": {"host": "reviews", "subset": "v2"}, "fault": {"abort": {"percentage": {"value": 50}, "httpStatus": 503}}}
    plane.route(to("v1", **mirror))
    agree(plane, 1_000, scenario())


@pytest.mark.parametrize(
    "answer",
    [{"redirect": {"uri": "/elsewhere", "redirectCode": 302}}, {"directResponse": {"status": 418}}],
    ids=["redirect", "direct"],
)
def test_an_answer_of_the_proxys_own(plane: Plane, answer: dict[str, Any]) -> None:
    plane.route(answer)
    agree(plane, 100, scenario())
