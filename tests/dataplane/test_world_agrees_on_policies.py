"""Who is let in and who is taken out: real Envoys and the sandbox's world count the same at both ends, flags included."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.dataplane.beside import Request, agree, expected, failing, from_outside, scenario, settled, slow
from tests.dataplane.plane import Plane, eventually

pytestmark = [pytest.mark.dataplane, pytest.mark.xdist_group("dataplane")]
SECURITY = "security.istio.io/v1"
ONE = {"route": [{"destination": {"host": "reviews", "subset": "v1"}}]}
ALL = {"route": [{"destination": {"host": "reviews"}}], "retries": {"attempts": 0}}
PER_SECOND = 20.0
STRICT = {"mtls": {"mode": "STRICT"}}


def test_plain_text_under_strict_is_refused_and_counted_by_nobody(plane: Plane) -> None:
    assert {flow.code for flow in from_outside(plane).flows} == {"200"}
    with plane.applied(SECURITY, "PeerAuthentication", STRICT):
        eventually("plain text is refused", lambda: plane.ask_in_plain_text() == 0)
        before = plane.counters()
        assert {plane.ask_in_plain_text() for _ in range(20)} == {0}
        assert plane.counters() == before
        assert not any(flow.at_destination for flow in from_outside(plane).flows)
        agree(plane, 200, scenario())
    eventually("plain text is answered again", lambda: plane.ask_in_plain_text() == 200)


def test_a_rule_without_tls_meets_strict(plane: Plane) -> None:
    plane.route(ONE)
    with plane.ruled(tls={"mode": "DISABLE"}):
        agree(plane, 100, scenario())
        with plane.applied(SECURITY, "PeerAuthentication", STRICT):
            assert expected(plane, (Request(),), scenario()) == {("source", "503", "UC", "v1"): 1.0}
            agree(plane, 100, scenario())


@pytest.mark.parametrize(
    ("action", "rule"),
    [
        ("DENY", {"to": [{"operation": {"paths": ["/admin*"]}}]}),
        ("DENY", {"to": [{"operation": {"methods": ["GET"], "notPaths": ["/"]}}]}),
        ("DENY", {"from": [{"source": {"principals": ["cluster.local/ns/bookinfo/sa/productpage"]}}]}),
        ("ALLOW", {"to": [{"operation": {"paths": ["/"]}}]}),
        ("ALLOW", {"from": [{"source": {"namespaces": ["bookinfo"]}}]}),
        ("ALLOW", {"from": [{"source": {"notPrincipals": ["*"]}}]}),
        ("ALLOW", {"from": [{"source": {"serviceAccounts": ["productpage"]}}]}),
        ("DENY", {"from": [{"source": {"serviceAccounts": ["elsewhere/productpage"]}}]}),
        ("DENY", {"from": [{"source": {"notNamespaces": ["bookinfo"]}}]}),
    ],
    ids=[
        "deny path",
        "deny method and path",
        "deny principal",
        "allow path",
        "allow namespace",
        "allow nobody with a name",
        "allow account",
        "deny account elsewhere",
        "deny other namespaces",
    ],
)
def test_an_authorization_policy(plane: Plane, action: str, rule: dict[str, Any]) -> None:
    plane.route(ONE)
    with plane.applied(SECURITY, "AuthorizationPolicy", {"action": action, "rules": [rule]}):
        agree(plane, 100, scenario(), (Request(), Request("/admin/x")))
        [outside] = {flow.code for flow in from_outside(plane).flows if flow.at_destination}
        assert plane.ask_in_plain_text() == int(outside)


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ({"rewrite": {"uri": "/admin/x"}}, "/"),
        ({"match": [{"uri": {"prefix": "/front"}}], "rewrite": {"uri": "/admin"}}, "/front/x"),
        ({"match": [{"uri": {"exact": "/front"}}], "rewrite": {"uri": "/admin/x"}}, "/front"),
        ({"rewrite": {"uriRegexRewrite": {"match": "^/front/(.)$", "rewrite": r"/admin/\1"}}}, "/front/x"),
    ],
    ids=["all", "prefix", "exact", "regex"],
)
def test_the_path_that_is_judged_is_the_rewritten_one(plane: Plane, route: dict[str, Any], path: str) -> None:
    plane.route(ONE | route)
    deny = {"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/admin/x"]}}]}]}
    with plane.applied(SECURITY, "AuthorizationPolicy", deny):
        assert ("source", "403", "-", "v1") in expected(plane, (Request(path),), scenario())
        agree(plane, 100, scenario(), (Request(path),))


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        (STRICT | {"selector": {"matchLabels": {"app": "reviews"}}}, 0),
        (STRICT | {"selector": {"matchLabels": {"app": "productpage"}}}, 200),
        (STRICT | {"selector": {"matchLabels": {"app": "reviews"}}, "portLevelMtls": {"9080": {"mode": "PERMISSIVE"}}}, 200),
        ({"selector": {"matchLabels": {"app": "reviews"}}, "portLevelMtls": {"9080": {"mode": "STRICT"}}}, 0),
    ],
    ids=["workload", "another workload", "but for a port", "just a port"],
)
def test_how_far_strict_goes(plane: Plane, spec: dict[str, Any], status: int) -> None:
    with plane.applied(SECURITY, "PeerAuthentication", spec):
        eventually(f"plain text gets {status}", lambda: plane.ask_in_plain_text() == status)
        assert [plane.ask_in_plain_text() for _ in range(5)] == [status] * 5
        assert any(flow.at_destination for flow in from_outside(plane).flows) == bool(status)


# ---------------------------------------------------------------- limits of a DestinationRule


def outliers(**more: Any) -> dict[str, Any]:
    return {"consecutive5xxErrors": 3, "interval": "1s", "baseEjectionTime": "60s", "maxEjectionPercent": 50} | more


def of_version(plane: Plane, count: int, version: str) -> float:
    """The share of requests that reach a version, of so many sent now."""
    before = plane.counters()
    plane.ask_at_once(count, 1)
    found = plane.counters() - before
    arrived = {key: number for key, number in found.items() if key[0] == "destination"}
    return sum(number for key, number in arrived.items() if key[3] == version) / count


def test_one_of_two_pods_is_sick_and_nobody_takes_it_out(plane: Plane) -> None:
    plane.route(ALL)
    agree(plane, 2_000, failing(plane, 1.0, 500, "v2"))


def test_a_sick_pod_is_taken_out(plane: Plane) -> None:
    """The service has two pods here, one of each version. Three failures, then none while the ejection lasts."""
    plane.route(ALL)
    sick = failing(plane, 1.0, 500, "v2")
    with plane.ruled(outlierDetection=outliers()):
        before = plane.counters()
        plane.ask_at_once(1_000, 1)
        failed = (plane.counters() - before)["source", "500", "-", "v2"]
        assert failed == 3
        assert of_version(plane, 500, "v2") == 0
        # in the world, at one request per second: 6 s until three have failed, and then none for 60.5 s
        shares = expected(plane, (Request(),), sick)
        assert shares["source", "500", "-", "v2"] == pytest.approx(0.5 * 6 / 66.5, abs=1e-3)


RANDOM = {"loadBalancer": {"simple": "RANDOM"}}


@pytest.mark.parametrize(
    "policy",
    [
        {"outlierDetection": outliers(maxEjectionPercent=49)},
        {"outlierDetection": outliers(maxEjectionPercent=10)},
        {"outlierDetection": outliers(minHealthPercent=60)},
        {"outlierDetection": outliers(consecutive5xxErrors=0)},
        {"outlierDetection": outliers(consecutive5xxErrors=0, consecutiveGatewayErrors=3)},
        {"outlierDetection": outliers(), "portLevelSettings": [{"port": {"number": 9080}} | RANDOM]},
    ],
    ids=["49 % of two", "10 % of two", "too few well", "no errors", "not of a gateway", "not at this port"],
)
def test_a_sick_pod_that_may_not_be_taken_out_stays(plane: Plane, policy: dict[str, Any]) -> None:
    plane.route(ALL)
    sick = failing(plane, 1.0, 500, "v2")
    with plane.ruled(**policy):
        agree(plane, 1_000, sick)


def test_a_version_whose_only_pod_is_out_has_nobody(plane: Plane) -> None:
    plane.route(ONE | {"retries": {"attempts": 0}})
    sick = failing(plane, 1.0, 500, "v1")
    with plane.ruled(outlierDetection=outliers(maxEjectionPercent=100)):
        before = plane.counters()
        plane.ask_at_once(300, 1)
        found = plane.counters() - before
        assert found["source", "500", "-", "v1"] == 3
        assert {key for key in found if key[0] == "source"} == {
            key for key in expected(plane, (Request(),), sick) if key[0] == "source"
        }


@pytest.mark.parametrize(
    ("pool", "lost", "loose"),
    [
        ({"http": {"http2MaxRequests": 2}}, ("source", "503", "UO", "v1"), 0.04),
        # the world's formula is for times that vary more than these, so it refuses somewhat too many
        ({"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}}, ("source", "503", "UO", ""), 0.1),
    ],
    ids=["requests", "connections"],
)
def test_a_full_pool_refuses(plane: Plane, pool: dict[str, Any], lost: tuple[str, str, str, str], loose: float) -> None:
    plane.route(ONE)
    busy = slow(plane, 6)
    with plane.ruled(connectionPool=pool):
        shares = expected(plane, (Request(),), busy, PER_SECOND)
        settled(plane, (Request(),), shares)
        before = plane.counters()
        plane.ask_at_random(PER_SECOND, 15)
        found = plane.counters() - before
        assert found.keys() == shares.keys() == {lost, ("source", "200", "-", "v1"), ("destination", "200", "-", "v1")}
        total = sum(number for (reporter, *_), number in found.items() if reporter == "source")
        four_sigma = 4 * math.sqrt(shares[lost] * (1 - shares[lost]) / total)
        assert abs(found[lost] / total - shares[lost]) <= four_sigma + loose, (found, shares)
