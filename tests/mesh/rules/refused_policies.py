"""DestinationRules and Gateways that istiod refuses or takes with a warning, beside the nearest ones that it takes."""

from __future__ import annotations

from typing import Any

from meshportal.mesh.refs import Manifest
from tests.mesh.rules.mesh import destination_rule, gateway, object_of, policy, server, tls_server

Case = tuple[str, str, Manifest, Manifest]
MUTUAL = {"mode": "MUTUAL", "clientCertificate": "/c", "privateKey": "/k", "caCertificates": "/a"}
SIMPLE = {"mode": "SIMPLE", "credentialName": "books"}


def _hash(broken: Any, mended: Any) -> tuple[Manifest, Manifest]:
    return policy(loadBalancer={"consistentHash": broken}), policy(loadBalancer={"consistentHash": mended})


def _outliers(broken: Any, mended: Any) -> tuple[Manifest, Manifest]:
    return policy(outlierDetection=broken), policy(outlierDetection=mended)


def _locality(broken: Any, mended: Any) -> tuple[Manifest, Manifest]:
    def rule(setting: Any) -> Manifest:
        return policy(loadBalancer={"localityLbSetting": setting}, outlierDetection={"interval": "10s"})

    return rule(broken), rule(mended)


def _spread(**to: int) -> dict[str, Any]:
    return {"distribute": [{"from": "a/*", "to": {place.replace("_", "/"): weight for place, weight in to.items()}}]}


def _tls(broken: Any, mended: Any) -> tuple[Manifest, Manifest]:
    return policy(tls=broken), policy(tls=mended)


def _servers(broken: Any, mended: Any) -> tuple[Manifest, Manifest]:
    return gateway(servers=[broken]), gateway(servers=[mended])


DESTINATIONS: list[Case] = [
    (
        "MP0210",
        "spec.trafficPolicy.connectionPool.tcp.connectTimeout",
        policy(connectionPool={"tcp": {"connectTimeout": "0s"}}),
        policy(connectionPool={"tcp": {"idleTimeout": "0s"}}),
    ),
    (
        "MP0211",
        "spec.trafficPolicy.outlierDetection.maxEjectionPercent",
        *_outliers({"maxEjectionPercent": 101}, {"maxEjectionPercent": 50}),
    ),
    (
        "MP0211",
        "spec.trafficPolicy.connectionPool.http.maxRetries",
        policy(connectionPool={"http": {"maxRetries": -1}}),
        policy(connectionPool={"http": {"maxRetries": 0}}),
    ),
    (
        "MP0211",
        "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to.b",
        *_locality(_spread(a=100, b=0), _spread(a=99, b=1)),
    ),
    (
        "MP0212",
        "spec.trafficPolicy.proxyProtocol",
        policy(tunnel={"targetHost": "a.b", "targetPort": 1}, proxyProtocol={}),
        policy(proxyProtocol={}),
    ),
    (
        "MP0212",
        "spec.trafficPolicy.loadBalancer.localityLbSetting.failover",
        *_locality({**_spread(a=100), "failover": [{"from": "a", "to": "b"}]}, _spread(a=100)),
    ),
    (
        "MP0213",
        "spec.trafficPolicy.portLevelSettings[0]",
        policy(portLevelSettings=[{"tls": {"mode": "DISABLE"}}]),
        policy(portLevelSettings=[{"port": {"number": 1}, "tls": {"mode": "DISABLE"}}]),
    ),
    ("MP0213", "spec.trafficPolicy.tls", *_tls({"mode": "MUTUAL", "clientCertificate": "/c", "caCertificates": "/a"}, MUTUAL)),
    (
        "MP0213",
        "spec.trafficPolicy.loadBalancer.warmup",
        policy(loadBalancer={"warmup": {}}),
        policy(loadBalancer={"warmup": {"duration": "10s"}}),
    ),
    ("MP0220", "spec.host", destination_rule(host="a_b"), destination_rule()),
    ("MP0223", "spec.subsets[0].name", destination_rule(subsets=[{"name": "", "labels": {"version": "v1"}}]), destination_rule()),
    (
        "MP0230",
        "spec.exportTo",
        destination_rule(workloadSelector={"matchLabels": {"app": "a"}}, exportTo=["*"]),
        destination_rule(workloadSelector={"matchLabels": {"app": "a"}}, exportTo=["."]),
    ),
    (
        "MP0231",
        "spec.subsets[1].name",
        destination_rule(subsets=[{"name": "v1", "labels": {"version": "v1"}}] * 2),
        destination_rule(),
    ),
    (
        "MP0232",
        "spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures",
        *_outliers(
            {"consecutiveLocalOriginFailures": 3}, {"consecutiveLocalOriginFailures": 3, "splitExternalLocalOriginErrors": True}
        ),
    ),
    ("MP0233", "spec.trafficPolicy", policy(), policy(tls={"mode": "DISABLE"})),
    ("MP0233", "spec.trafficPolicy.connectionPool", policy(connectionPool={}), policy(connectionPool={"tcp": {}})),
    (
        "MP0234",
        "spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize",
        *_hash({"useSourceIp": True, "maglev": {"tableSize": 65536}}, {"useSourceIp": True, "maglev": {"tableSize": 65537}}),
    ),
    (
        "MP0235",
        "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to",
        *_locality(_spread(a=60, b=30), _spread(a=60, b=40)),
    ),
    (
        "MP0236",
        "spec.trafficPolicy.loadBalancer.localityLbSetting.failover[0]",
        *_locality({"failover": [{"from": "a", "to": "a"}]}, {"failover": [{"from": "a", "to": "b"}]}),
    ),
    (
        "MP0236",
        "spec.trafficPolicy.loadBalancer.localityLbSetting.failover[0]",
        *_locality({"failover": [{"from": "a/b", "to": "c"}]}, {"failover": [{"from": "a", "to": "c"}]}),
    ),
    (
        "MP0236",
        "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to.a/b",
        *_locality(_spread(a=60, a_b=40), _spread(a=60, c_b=40)),
    ),
    (
        "MP0236",
        "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to.a//b",
        *_locality(_spread(a__b=100), _spread(a_b=100)),
    ),
    (
        "MP0236",
        "spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[1].name",
        *_hash(
            {"httpCookie": {"name": "u", "ttl": "1s", "attributes": [{"name": "x"}, {"name": "x"}]}},
            {"httpCookie": {"name": "u", "ttl": "1s", "attributes": [{"name": "x"}]}},
        ),
    ),
    (
        "MP0237",
        "spec.trafficPolicy.tls.caCertificates",
        *_tls({**SIMPLE, "caCertificates": "/a"}, {"mode": "SIMPLE", "caCertificates": "/a"}),
    ),
    (
        "MP0237",
        "spec.trafficPolicy.tls.subjectAltNames",
        *_tls({**MUTUAL, "caCertificates": "", "insecureSkipVerify": True, "subjectAltNames": ["a"]}, MUTUAL),
    ),
    (
        "MP0250",
        "spec.trafficPolicy.outlierDetection.consecutiveErrors",
        *_outliers({"consecutiveErrors": 5}, {"consecutive5xxErrors": 5}),
    ),
    (
        "MP0256",
        "spec.trafficPolicy.loadBalancer.localityLbSetting",
        policy(loadBalancer={"localityLbSetting": {"failover": [{"from": "a", "to": "b"}]}}),
        policy(
            loadBalancer={"localityLbSetting": {"failover": [{"from": "a", "to": "b"}]}}, outlierDetection={"interval": "10s"}
        ),
    ),
]
GATEWAYS: list[Case] = [
    (
        "MP0211",
        "spec.servers[0].port.number",
        *_servers(server(port={"number": 70000, "name": "x", "protocol": "HTTP"}), server()),
    ),
    (
        "MP0212",
        "spec.servers[0].tls.serverCertificate",
        *_servers(tls_server(**SIMPLE, serverCertificate="/c", privateKey="/k"), tls_server(**SIMPLE)),
    ),
    ("MP0213", "spec", gateway(servers=[]), gateway()),
    ("MP0213", "spec.servers[0]", *_servers(server(hosts=[]), server())),
    ("MP0213", "spec.servers[0].port", *_servers(server(port={"number": 80, "protocol": "HTTP"}), server())),
    (
        "MP0213",
        "spec.servers[0].tls",
        *_servers(tls_server(mode="SIMPLE", privateKey="/k"), tls_server(mode="SIMPLE", privateKey="/k", serverCertificate="/c")),
    ),
    ("MP0220", "spec.servers[0].hosts[0]", *_servers(server(hosts=["books"]), server(hosts=["*/books.example.com"]))),
    ("MP0220", "spec.servers[0].hosts[0]", *_servers(server(hosts=["*-books.example.com"]), server(hosts=["*.example.com"]))),
    (
        "MP0223",
        "metadata.name",
        object_of("Gateway", {"selector": {"istio": "ingressgateway"}, "servers": [server()]}, "a.b"),
        gateway(),
    ),
    (
        "MP0226",
        "spec.servers[0].port.protocol",
        *_servers(server(port={"number": 80, "name": "x", "protocol": "HTTP3"}), server()),
    ),
    (
        "MP0227",
        "spec.servers[0].port.targetPort",
        *_servers(server(port={"number": 80, "name": "x", "protocol": "HTTP", "targetPort": 1}), server()),
    ),
    (
        "MP0237",
        "spec.servers[0].tls.credentialName",
        *_servers(tls_server(mode="ISTIO_MUTUAL", credentialName="x"), tls_server(mode="ISTIO_MUTUAL")),
    ),
    ("MP0238", "spec.servers[1].port.name", gateway(servers=[server(), server(hosts=["b.example.com"])]), gateway()),
    (
        "MP0239",
        "spec.servers[0]",
        *_servers(server(port={"number": 443, "name": "x", "protocol": "HTTPS"}), tls_server(**SIMPLE)),
    ),
    ("MP0239", "spec.servers[0].tls", *_servers(server(tls=SIMPLE), server(tls={"httpsRedirect": True}))),
    (
        "MP0239",
        "spec.servers[0].tls",
        *_servers(server(port={"number": 1, "name": "x", "protocol": "TCP"}, tls=SIMPLE), tls_server(**SIMPLE)),
    ),
    (
        "MP0254",
        "spec.servers[0].tls.cipherSuites",
        *_servers(
            tls_server(**SIMPLE, cipherSuites=["ECDHE-RSA-AES256-GCM-SHA384"] * 2),
            tls_server(**SIMPLE, cipherSuites=["ECDHE-RSA-AES256-GCM-SHA384"]),
        ),
    ),
    (
        "MP0254",
        "spec.servers[0].tls.minProtocolVersion",
        *_servers(tls_server(**SIMPLE, minProtocolVersion="TLSV1_0"), tls_server(**SIMPLE, minProtocolVersion="TLSV1_2")),
    ),
    ("MP0255", "spec.servers[0].tls.httpsRedirect", *_servers(tls_server(**SIMPLE, httpsRedirect=True), tls_server(**SIMPLE))),
    (
        "MP0257",
        "spec.servers[0].tls",
        *_servers(tls_server(mode="PASSTHROUGH", credentialName="x"), tls_server(mode="PASSTHROUGH")),
    ),
]
