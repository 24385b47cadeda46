"""What has no effect is said, and what has one is not."""

from __future__ import annotations

from meshportal.sandbox.world import demo
from meshportal.sandbox.world.routing import Objects
from meshportal.sandbox.world.unsimulated import found_in
from tests.sandbox.world.builders import authorization_policy, destination, destination_rule, gateway, virtual_service


def test_of_the_demos_own_objects_everything_counts() -> None:
    made = [manifest for _, manifest in demo.objects()]
    kinds = {kind: tuple(one for one in made if one["kind"] == kind) for kind in ("VirtualService", "DestinationRule")}
    objects = Objects(virtual_services=kinds["VirtualService"], destination_rules=kinds["DestinationRule"])
    assert list(found_in(objects)) == []


def test_every_field_without_effect_is_named_with_its_place() -> None:
    entry = destination("reviews", "v1") | {"headers": {"request": {"set": {"x": "y"}}}}
    route = virtual_service(
        "bookinfo",
        "reviews",
        {"route": [entry], "corsPolicy": {}, "timeout": "1s", "retries": {"attempts": 1, "retryRemoteLocalities": True}},
        tcp=[{}],
    )
    rule = destination_rule(
        "bookinfo",
        "reviews",
        "v1",
        trafficPolicy={"loadBalancer": {"simple": "RANDOM"}, "outlierDetection": {"splitExternalLocalOriginErrors": True}},
    )
    rule["spec"]["subsets"][0]["trafficPolicy"] = {
        "loadBalancer": {"simple": "ROUND_ROBIN"},
        "connectionPool": {"tcp": {"maxConnections": 1, "connectTimeout": "1s"}},
    }
    policies = (
        authorization_policy("bookinfo", "CUSTOM", {}),
        authorization_policy("bookinfo", "DENY", {"to": [{"operation": {"paths": ["/x"]}}]}, {"when": [{"key": "source.ip"}]}),
        authorization_policy("bookinfo", "ALLOW", {}, targetRefs=[{"kind": "Service", "name": "reviews"}]),
    )
    site = gateway("istio-ingress", "site", "*")
    site["spec"]["servers"][0]["tls"] = {"httpsRedirect": True}
    objects = Objects((), (), (route,), (rule,), (site,), (), policies)
    assert list(found_in(objects)) == [
        "VirtualService bookinfo/reviews: spec.tcp",
        "VirtualService bookinfo/reviews: spec.http[0].corsPolicy",
        "VirtualService bookinfo/reviews: spec.http[0].retries.retryRemoteLocalities",
        "VirtualService bookinfo/reviews: spec.http[0].route[0].headers",
        "DestinationRule bookinfo/reviews: spec.trafficPolicy.loadBalancer",
        "DestinationRule bookinfo/reviews: spec.trafficPolicy.outlierDetection.splitExternalLocalOriginErrors",
        "DestinationRule bookinfo/reviews: spec.subsets[0].trafficPolicy.loadBalancer",
        "DestinationRule bookinfo/reviews: spec.subsets[0].trafficPolicy.connectionPool.tcp.connectTimeout",
        "Gateway istio-ingress/site: spec.servers[0].tls",
        "AuthorizationPolicy bookinfo/custom: spec.action CUSTOM",
        "AuthorizationPolicy bookinfo/deny: spec.rules[1]",
        "AuthorizationPolicy bookinfo/allow: spec.targetRefs",
    ]
