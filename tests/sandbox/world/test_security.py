"""Who is let in: plain text under STRICT, and what AuthorizationPolicies deny."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.sandbox.world.metrics import Counters
from meshportal.sandbox.world.routing import Mesh, Objects
from meshportal.sandbox.world.sending import Flow
from meshportal.sandbox.world.traffic import flows
from tests.sandbox.world.builders import (
    authorization_policy,
    destination_rule,
    peer_authentication,
    pod,
    service,
    virtual_service,
)
from tests.sandbox.world.small_mesh import HEALTHY, PODS, asked, at_destination, at_source, mesh, routed

STRICT = peer_authentication("bookinfo", "STRICT")
JUST_REVIEWS = {"selector": {"matchLabels": {"app": "reviews"}}}
START = 1.8e9


def report(*peers: Manifest, sidecar: bool = True) -> list[Flow]:
    """The requests of legacy's report, which has no sidecar, to inventory."""
    pods = (pod("legacy", "report", sidecar=False), pod("shop", "inventory", sidecar=sidecar))
    return flows(Mesh(Objects((service("shop", "inventory"),), pods, peer_authentications=peers)), HEALTHY)


def counted(found: list[Flow]) -> int:
    counters = Counters(seed=1)
    counters.add(found, START, START + 60)
    return len(list(counters.samples()))


INVENTORY = {"selector": {"matchLabels": {"app": "inventory"}}}
OPEN_PORT = INVENTORY | {"portLevelMtls": {"9080": {"mode": "PERMISSIVE"}}}


@pytest.mark.parametrize(
    ("peers", "let_in"),
    [
        ([], True),
        ([peer_authentication("shop", "STRICT")], False),
        ([peer_authentication("bookinfo", "STRICT")], True),
        ([peer_authentication("istio-system", "STRICT")], False),
        ([peer_authentication("istio-system", "STRICT"), peer_authentication("shop", "PERMISSIVE")], True),
        ([peer_authentication("istio-system", "STRICT"), peer_authentication("shop", "UNSET")], False),
        ([peer_authentication("shop", "STRICT", selector={"matchLabels": {"app": "web"}})], True),
        ([peer_authentication("shop", "PERMISSIVE"), peer_authentication("shop", "STRICT", **INVENTORY)], False),
        ([peer_authentication("shop", "STRICT", **OPEN_PORT)], True),
    ],
)
def test_the_nearest_policy_says_whether_plain_text_comes_in(peers: list[Manifest], let_in: bool) -> None:
    assert any(flow.at_destination for flow in report(*peers)) == let_in


def test_who_has_no_sidecar_follows_no_route() -> None:
    """Nor the subsets, timeouts and limits that go with it: such requests go straight to the pods."""
    pods = (pod("legacy", "report", sidecar=False), pod("shop", "inventory"))
    closed = virtual_service("shop", "inventory", {"directResponse": {"status": 418}})
    rule = destination_rule("shop", "inventory", trafficPolicy={"connectionPool": {"http": {"http2MaxRequests": 1}}})
    found = flows(Mesh(Objects((service("shop", "inventory"),), pods, (closed,), (rule,))), HEALTHY)
    assert {flow.code for flow in found} == {"200"}


def test_what_strict_refuses_is_no_request_and_counted_nowhere() -> None:
    assert counted(report()) > 0
    assert counted(report(peer_authentication("shop", "STRICT"))) == 0


def test_strict_asks_nothing_of_a_pod_without_a_sidecar() -> None:
    assert {flow.code for flow in report(peer_authentication("shop", "STRICT"), sidecar=False)} == {"200"}


def test_a_caller_with_a_sidecar_does_not_notice_strict() -> None:
    assert at_destination(asked(mesh(routed(), peers=[STRICT])).flows) == {("200", "-", "v1"): 1.0}


def rule(mode: str) -> Manifest:
    return destination_rule("bookinfo", "reviews", "v1", trafficPolicy={"tls": {"mode": mode}})


def test_a_rule_that_takes_the_tls_away_is_refused_under_strict_and_seen_as_plain_text_otherwise() -> None:
    found = asked(mesh(routed(), rules=[rule("DISABLE")])).flows
    assert {flow.mutual_tls for flow in found} == {False}
    strict = asked(mesh(routed(), rules=[rule("DISABLE")], peers=[STRICT])).flows
    assert at_source(strict) == {("503", "UC", "v1"): 1.0}
    assert at_destination(strict) == {}


def test_a_connection_that_is_refused_is_tried_again_where_resets_are() -> None:
    again = routed(retries={"attempts": 1, "retryOn": "reset"})
    assert at_source(asked(mesh(again, rules=[rule("DISABLE")], peers=[STRICT])).flows) == {("503", "URX,UC", "v1"): 1.0}


def test_tls_that_nobody_answers_fails_to_connect_and_is_tried_again_by_default() -> None:
    off = peer_authentication("bookinfo", "DISABLE")
    assert at_source(asked(mesh(routed(), rules=[rule("ISTIO_MUTUAL")], peers=[off])).flows) == {("503", "URX,UF", "v1"): 1.0}
    plain = asked(mesh(routed(), peers=[off])).flows
    assert {flow.mutual_tls for flow in plain} == {False}


# ---------------------------------------------------------------- AuthorizationPolicy


def from_(**source: list[str]) -> Manifest:
    return {"from": [{"source": source}]}


def to(**operation: list[str]) -> Manifest:
    return {"to": [{"operation": operation}]}


def verdict(*policies: Manifest, **how: Any) -> str:
    """The status of productpage's requests to reviews, of which no destination works on a denied one."""
    sent = asked(mesh(routed(), policies=policies, peers=how.pop("peers", ())), **how)
    [(code, _, _)] = at_source(sent.flows)
    assert at_destination(sent.flows) == at_source(sent.flows)
    assert bool(sent.worked) == (code == "200")
    return code


@pytest.mark.parametrize(
    ("rules", "fits"),
    [
        ([{}], True),
        ([to(paths=["/reviews*"])], True),
        ([to(paths=["*/0"])], True),
        ([to(paths=["/admin*"])], False),
        ([to(methods=["POST"])], False),
        ([to(notMethods=["POST"])], True),
        ([to(methods=["GET"], paths=["/admin"])], False),
        ([to(hosts=["reviews.bookinfo.svc.cluster.local"])], True),
        ([from_(principals=["cluster.local/ns/bookinfo/sa/productpage"])], True),
        ([from_(principals=["*/sa/other"])], False),
        ([from_(namespaces=["bookinfo"])], True),
        ([from_(notNamespaces=["bookinfo"])], False),
        ([from_(serviceAccounts=["bookinfo/productpage"])], True),
        ([from_(serviceAccounts=["productpage"])], True),
        ([from_(serviceAccounts=["shop/productpage"])], False),
        ([from_(notServiceAccounts=["productpage"])], False),
        ([from_(namespaces=["shop"]) | to(paths=["*"])], False),
        ([from_(namespaces=["shop"]), to(methods=["GET"])], True),
        ([to(paths=["/reviews*"]) | {"when": [{"key": "source.ip", "values": ["10.0.0.0/8"]}]}], False),
        ([to(ports=["9080"])], False),
    ],
)
def test_deny_denies_and_allow_allows_what_a_rule_fits(rules: list[Manifest], fits: bool) -> None:
    assert verdict(authorization_policy("bookinfo", "DENY", *rules)) == ("403" if fits else "200")
    assert verdict(authorization_policy("bookinfo", "ALLOW", *rules)) == ("200" if fits else "403")


def test_deny_comes_before_allow_and_an_allow_without_rules_allows_nobody() -> None:
    everybody = authorization_policy("bookinfo", "ALLOW", {})
    assert verdict(everybody, authorization_policy("bookinfo", "DENY", to(paths=["/reviews*"]))) == "403"
    assert verdict(authorization_policy("bookinfo", "ALLOW")) == "403"
    assert verdict({"kind": "AuthorizationPolicy", "metadata": {"namespace": "bookinfo", "name": "nothing"}}) == "403"


def test_a_policy_is_for_its_namespace_for_selected_pods_or_from_the_root_for_all() -> None:
    assert verdict(authorization_policy("shop", "DENY", {})) == "200"
    assert verdict(authorization_policy("istio-system", "DENY", {})) == "403"
    assert verdict(authorization_policy("bookinfo", "DENY", {}, selector={"matchLabels": {"app": "ratings"}})) == "200"
    assert verdict(authorization_policy("bookinfo", "DENY", {}, **JUST_REVIEWS)) == "403"


def test_who_comes_in_plain_text_has_no_name() -> None:
    off = peer_authentication("bookinfo", "DISABLE")
    allow = authorization_policy("bookinfo", "ALLOW", from_(namespaces=["bookinfo"]))
    assert verdict(allow) == "200"
    assert verdict(allow, peers=[off]) == "403"


def test_a_pod_without_a_sidecar_denies_nobody() -> None:
    bare = [pod("bookinfo", "reviews", "v1", sidecar=False), *PODS[:2]]
    found = asked(mesh(routed(), pods=bare, policies=[authorization_policy("bookinfo", "DENY", {})])).flows
    assert at_source(found) == {("200", "-", "v1"): 1.0}


def test_actions_of_plugins_change_nothing() -> None:
    assert (
        verdict(authorization_policy("bookinfo", "CUSTOM", {})) == verdict(authorization_policy("bookinfo", "AUDIT", {})) == "200"
    )


def test_the_caller_without_a_sidecar_is_denied_by_name_only_where_names_are_asked_for() -> None:
    pods = (pod("legacy", "report", sidecar=False), pod("shop", "inventory"))
    for rules, code in (([from_(namespaces=["legacy"])], "200"), ([to(paths=["/report"])], "403")):
        deny = authorization_policy("shop", "DENY", *rules)
        found = flows(Mesh(Objects((service("shop", "inventory"),), pods, authorization_policies=(deny,))), HEALTHY)
        assert {(flow.service, flow.code) for flow in found} == {(ServiceRef("shop", "inventory"), code)}
