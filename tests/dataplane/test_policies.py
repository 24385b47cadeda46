"""Policies act on real requests: who may call, over which connection, and what a route does to a request on its way."""

from __future__ import annotations

import pytest

from tests.dataplane.plane import Plane, eventually

pytestmark = [pytest.mark.dataplane, pytest.mark.xdist_group("dataplane")]
SECURITY = "security.istio.io/v1"


def test_strict_refuses_the_caller_without_a_sidecar_and_nobody_else(plane: Plane) -> None:
    assert plane.ask_in_plain_text() == 200
    with plane.applied(SECURITY, "PeerAuthentication", {"mtls": {"mode": "STRICT"}}):
        eventually("plain text is refused", lambda: plane.ask_in_plain_text() == 0)
        assert {status for status, _ in plane.ask_often(300)} == {200}
        assert [plane.ask_in_plain_text() for _ in range(20)] == [0] * 20
    eventually("plain text is answered again", lambda: plane.ask_in_plain_text() == 200)


def test_the_portal_sees_which_requests_came_encrypted(plane: Plane) -> None:
    plane.ask_often(10)
    plane.ask_in_plain_text()
    encrypted, plain = (
        f'istio_requests_total{{reporter="destination",connection_security_policy="{policy}"}}'
        for policy in ("mutual_tls", "none")
    )
    eventually("Prometheus has both", lambda: plane.count(encrypted) > 0 and plane.count(plain) > 0)


def test_deny_answers_403_where_it_applies_and_only_there(plane: Plane) -> None:
    deny = {
        "selector": {"matchLabels": {"app": "reviews"}},
        "action": "DENY",
        "rules": [{"to": [{"operation": {"paths": ["/admin*"]}}]}],
    }
    with plane.applied(SECURITY, "AuthorizationPolicy", deny):
        eventually("it denies", lambda: [plane.ask("/admin/x")[0] for _ in range(20)] == [403] * 20)
        seen = plane.seen("reviews-v1") + plane.seen("reviews-v2")
        assert plane.ask("/admin/x") == (403, "")
        assert plane.seen("reviews-v1") + plane.seen("reviews-v2") == seen
        assert {status for status, _ in plane.ask_often(50)} == {200}


def test_an_aborting_fault_fails_its_share_before_it_reaches_an_app(plane: Plane) -> None:
    plane.shift(50, fault={"abort": {"percentage": {"value": 20}, "httpStatus": 503}})
    eventually("it aborts", lambda: (503, "") in plane.ask_often(50))
    answers = plane.ask_often(2_000)
    assert 0.16 < answers[503, ""] / 2_000 < 0.24, answers  # 4 sigma of 20 % in 2,000
    assert {version for status, version in answers if status == 200} == {"v1", "v2"}


def test_a_delaying_fault_delays(plane: Plane) -> None:
    """As the client's Envoy measures it; both apps answer at once."""
    plane.shift(50, fault={"delay": {"percentage": {"value": 100}, "fixedDelay": "0.5s"}})
    eventually("durations above 250 ms", lambda: (plane.ask(), slow(plane) > 0)[1])


def slow(plane: Plane) -> float:
    """How many requests took longer than 250 ms, as the client's Envoy says."""
    whole = plane.count('istio_request_duration_milliseconds_count{reporter="source"}')
    return whole - plane.count('istio_request_duration_milliseconds_bucket{reporter="source",le="250"}')


def test_a_timeout_ends_a_slow_version_and_leaves_the_other(plane: Plane) -> None:
    plane.make("reviews-v2", latency_ms=600)
    plane.shift(50, timeout="0.2s")
    eventually("a timeout", lambda: plane.ask() == (504, ""))
    answers = plane.ask_often(60)
    assert answers.keys() == {(200, "v1"), (504, "")}
