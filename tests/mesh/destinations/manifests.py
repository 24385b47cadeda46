"""DestinationRules as people write them: with fields that no form knows, in places where an edit could lose them."""

from __future__ import annotations

from typing import Any

from meshportal.mesh.destinations.live import DestinationLive, destination_live
from meshportal.mesh.destinations.rendering import DestinationIntent, render
from meshportal.mesh.destinations.typed import typed
from meshportal.mesh.facts import Facts, PodGroup, Port, ServiceFacts
from meshportal.mesh.field_errors import FieldError
from meshportal.mesh.plans import FieldChange, field_changes
from meshportal.mesh.refs import Manifest, ServiceRef

REVIEWS = ServiceRef("bookinfo", "reviews")
PODS = (
    PodGroup("bookinfo", {"app": "reviews", "version": "v1"}, ready=3, total=3),
    PodGroup("bookinfo", {"app": "reviews", "version": "v2"}, ready=1, total=2),
    PodGroup("bookinfo", {"app": "ratings", "version": "v7"}, ready=1, total=1),
)


def rule(*, name: str = "reviews", namespace: str = "bookinfo", host: str = "reviews", **spec: Any) -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name, "namespace": namespace, "labels": {"team": "books"}, "annotations": {"note": "by hand"}},
        "spec": {"host": host, **spec},
    }


def rich() -> Manifest:
    """Every section, and in each of them something that the form does not have."""
    return rule(
        exportTo=["."],
        workloadSelector={"matchLabels": {"app": "productpage"}},
        subsets=[
            {
                "name": "v1",
                "labels": {"version": "v1", "app.kubernetes.io/part-of": "books"},
                "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}, "tls": {"mode": "ISTIO_MUTUAL"}},
            },
            {"name": "all"},
        ],
        trafficPolicy={
            "tls": {"mode": "ISTIO_MUTUAL"},
            "portLevelSettings": [{"port": {"number": 9080}, "connectionPool": {"tcp": {"maxConnections": 7}}}],
            "loadBalancer": {
                "consistentHash": {
                    "httpCookie": {
                        "name": "user",
                        "path": "/",
                        "ttl": "1h30m",
                        "attributes": [{"name": "SameSite", "value": "Lax"}],
                    },
                    "ringHash": {"minimumRingSize": 2048},
                },
                "warmup": {"duration": "30s", "minimumPercent": 12.5, "aggression": 1.0},
                "localityLbSetting": {
                    "enabled": True,
                    "distribute": [{"from": "eu/*", "to": {"us/a": 20, "eu/b": 80}, "because": "cheaper"}],
                    "failoverPriority": ["topology.kubernetes.io/region"],
                },
            },
            "connectionPool": {
                "tcp": {"maxConnections": 100, "connectTimeout": "250ms", "idleTimeout": "0s", "tcpKeepalive": {"time": "7200s"}},
                "http": {
                    "http1MaxPendingRequests": 0,
                    "http2MaxRequests": 1000,
                    "maxRetries": 3,
                    "idleTimeout": "5m",
                    "h2UpgradePolicy": "UPGRADE",
                },
            },
            "outlierDetection": {
                "consecutiveErrors": 7,
                "consecutiveGatewayErrors": 3,
                "interval": "10s",
                "baseEjectionTime": "30s",
                "maxEjectionPercent": 50,
                "splitExternalLocalOriginErrors": True,
            },
        },
    )


def plain() -> Manifest:
    return rule(subsets=[{"name": "v1", "labels": {"version": "v1"}}, {"name": "v2", "labels": {"version": "v2"}}])


def odd() -> Manifest:
    """Valid, and none of it what a form would write."""
    return rule(
        subsets=[],
        trafficPolicy={
            "loadBalancer": {
                "simple": "LEAST_CONN",
                "localityLbSetting": {"enabled": None, "failover": []},
                "warmupDurationSecs": "60s",
            },
            "connectionPool": {"tcp": {}},
            "outlierDetection": {},
        },
    )


LIVE: dict[str, Manifest] = {
    "rich": rich(),
    "plain": plain(),
    "odd": odd(),
    "bare": rule(),
    "passthrough": rule(trafficPolicy={"loadBalancer": {"simple": "PASSTHROUGH"}}),
    "unspecified": rule(trafficPolicy={"loadBalancer": {"simple": "UNSPECIFIED"}, "tls": {"mode": "DISABLE"}}),
    "by load": rule(trafficPolicy={"loadBalancer": {"backendUtilization": {"weightUpdatePeriod": "1s"}}}),
    "hashes nothing": rule(
        trafficPolicy={"loadBalancer": {"consistentHash": {"useSourceIp": False, "maglev": {"tableSize": 65537}}}}
    ),
    "by header": rule(trafficPolicy={"loadBalancer": {"consistentHash": {"httpHeaderName": "x-user", "minimumRingSize": 1024}}}),
    "failover": rule(
        trafficPolicy={
            "loadBalancer": {"localityLbSetting": {"failover": [{"from": "eu", "to": "us"}, {"from": "us", "to": "eu", "x": 1}]}},
            "outlierDetection": {"consecutive5xxErrors": 5},
        }
    ),
}


def around(*rules: Manifest, whole: bool = True, pods: tuple[PodGroup, ...] = PODS) -> DestinationLive:
    """reviews with these DestinationRules in its mesh."""
    service = ServiceFacts(REVIEWS, (Port("http", 9080, "http"),), {"app": "reviews"})
    return destination_live(REVIEWS, Facts(objects=rules, services=(service,), pods=pods, whole=whole))


def refused(asked: dict[str, Any], live: Manifest | None = None, version: str = "") -> list[FieldError]:
    """What is wrong with `asked`, which must be wrong."""
    outcome = typed(asked, live, version)
    assert isinstance(outcome, list), outcome
    return outcome


def changed(asked: dict[str, Any], live: Manifest | None) -> list[FieldChange]:
    """The fields that change when `asked` is carried out; a new object is compared with one that says nothing."""
    raw = typed(asked, live)
    assert isinstance(raw, dict), raw
    item = render(DestinationIntent(REVIEWS, raw), around(*([live] if live else []))).items[0]
    return field_changes(item)


def after(asked: dict[str, Any], live: Manifest | None = None) -> dict[str, Any]:
    """The spec once `asked` has been carried out."""
    raw = typed(asked, live)
    assert isinstance(raw, dict), raw
    made = render(DestinationIntent(REVIEWS, raw), around(*([live] if live else []))).items[0].after
    assert made is not None
    spec: dict[str, Any] = made["spec"]
    return spec
