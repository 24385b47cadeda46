"""Meshes with something remarkable about a DestinationRule or a Gateway beside the nearest ones without."""

from __future__ import annotations

from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.refs import Manifest
from tests.mesh.rules.mesh import destination_rule, facts, gateway, pods, policy, server, tls_server

Case = tuple[str, str, Facts, Facts]
RATINGS = "ratings.bookinfo.svc.cluster.local"
SIMPLE: dict[str, Any] = {"mode": "SIMPLE", "credentialName": "books"}


def _reviews(broken: Manifest, mended: Manifest) -> tuple[Facts, Facts]:
    return facts(broken), facts(mended)


def _front(name: str, *servers: dict[str, Any]) -> Manifest:
    return gateway(name, servers=list(servers))


def _at(*hosts: str) -> dict[str, Any]:
    return server(hosts=list(hosts))


CANARY = destination_rule(subsets=[{"name": "v1", "labels": {"version": "v1"}}, {"name": "v9", "labels": {"version": "v9"}}])


HOSTS: list[Case] = [
    (
        "KIA0201",
        "spec.subsets[0].name",
        facts(destination_rule(), destination_rule("more")),
        facts(destination_rule(), destination_rule("more", host=RATINGS)),
    ),
    (
        "KIA0201",
        "spec.host",
        facts(policy(tls={"mode": "DISABLE"}), destination_rule("more", subsets=None)),
        facts(destination_rule(), destination_rule("more", subsets=None)),
    ),
    ("KIA0202", "spec.host", *_reviews(destination_rule(host="nobody"), destination_rule(host="reviews"))),
    ("KIA0202", "spec.host", *_reviews(destination_rule(host="*.shop.svc.cluster.local"), destination_rule(host="*.local"))),
    ("KIA0203", "spec.subsets[1]", *_reviews(CANARY, destination_rule())),
    ("KIA0209", "spec.subsets[0]", *_reviews(destination_rule(subsets=[{"name": "all"}]), destination_rule())),
    (
        "IST0128",
        "spec.trafficPolicy.tls",
        *_reviews(policy(tls={"mode": "SIMPLE"}), policy(tls={"mode": "SIMPLE", "caCertificates": "/a"})),
    ),
    (
        "IST0129",
        "spec.trafficPolicy.portLevelSettings[0].tls",
        *_reviews(
            policy(portLevelSettings=[{"port": {"number": 9080}, "tls": {"mode": "SIMPLE"}}]),
            policy(portLevelSettings=[{"port": {"number": 9080}, "tls": {"mode": "DISABLE"}}]),
        ),
    ),
    ("MP0205", "spec.host", facts(destination_rule(namespace="clients")), facts(destination_rule(namespace="istio-system"))),
    (
        "MP0206",
        "spec.host",
        facts(destination_rule(), destination_rule(namespace="clients"), more_pods=(pods("shop", namespace="clients"),)),
        facts(destination_rule(namespace="clients"), more_pods=(pods("shop", namespace="clients"),)),
    ),
    (
        "MP0209",
        "spec.trafficPolicy.portLevelSettings[0]",
        *_reviews(
            policy(
                outlierDetection={"interval": "5s"}, portLevelSettings=[{"port": {"number": 9080}, "tls": {"mode": "DISABLE"}}]
            ),
            policy(portLevelSettings=[{"port": {"number": 9080}, "tls": {"mode": "DISABLE"}}]),
        ),
    ),
    (
        "MP0260",
        "spec.trafficPolicy.outlierDetection.maxEjectionPercent",
        *_reviews(policy(outlierDetection={"maxEjectionPercent": 100}), policy(outlierDetection={"maxEjectionPercent": 99})),
    ),
    (
        "MP0268",
        "spec.trafficPolicy.outlierDetection",
        *_reviews(
            policy(outlierDetection={"consecutive5xxErrors": 3}),
            policy(outlierDetection={"consecutive5xxErrors": 3, "maxEjectionPercent": 50}),
        ),
    ),
    (
        "MP0261",
        "spec.trafficPolicy.connectionPool",
        *_reviews(
            policy(connectionPool={"tcp": {"maxConnections": 100}}),
            policy(connectionPool={"tcp": {"connectTimeout": "1s"}}),
        ),
    ),
]
GATEWAYS: list[Case] = [
    (
        "IST0138",
        "spec.servers[0].tls",
        facts(_front("a", tls_server(**SIMPLE)), _front("b", tls_server(**SIMPLE))),
        facts(_front("a", tls_server(**SIMPLE))),
    ),
    (
        "IST0145",
        "spec.servers[0].hosts",
        facts(_front("a", _at("x.y")), _front("b", _at("x.y"))),
        facts(_front("a", _at("x.y")), _front("b", _at("z.y"))),
    ),
    (
        "IST0145",
        "spec.servers[0].hosts",
        facts(
            _front("a", _at("x.y")),
            gateway("b", selector={"app": "istio-ingressgateway", "istio": "ingressgateway"}, servers=[_at("x.y")]),
        ),
        facts(_front("a", _at("x.y")), gateway("b", selector={"app": "other", "istio": "ingressgateway"}, servers=[_at("x.y")])),
    ),
    (
        "KIA0301",
        "spec.servers[0].hosts",
        facts(_front("a", _at("*.y.z")), _front("b", _at("x.y.z"))),
        facts(_front("a", _at("*.y.z")), _front("b", _at("x.z"))),
    ),
    ("KIA0302", "spec.selector", facts(gateway(selector={"istio": "none"})), facts(gateway())),
]
