"""What istiod refuses of a DestinationRule, and what it takes with a warning.

Source: ValidateDestinationRule and what it calls, in pkg/config/validation/validation.go and agent/validation.go of Istio.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshportal.mesh.findings import Finding
from meshportal.mesh.rules import strings, values
from meshportal.mesh.rules.balancing import load_balancer
from meshportal.mesh.rules.node import Node
from meshportal.mesh.rules.view import Mesh, is_address

SECTIONS = ("loadBalancer", "connectionPool", "outlierDetection", "tls")
_ANY = (*SECTIONS, "portLevelSettings", "tunnel", "proxyProtocol", "retryBudget")


def whole(mesh: Mesh) -> Iterator[Finding]:
    for spec in mesh.destination_rules:
        host = spec["host"]
        if not strings.is_host(host.text):
            yield host.finding("MP0220", host=host.text)
        yield from policy(spec["trafficPolicy"])
        yield from _subsets(spec)
        selector = spec["workloadSelector"]
        yield from strings.export_to(spec, own_only=selector.there)
        for key, value in selector["matchLabels"].pairs():
            if key == "" or "*" in key + value.text:
                yield value.finding("MP0242", label=f"{key}={value.text}")


def _subsets(spec: Node) -> Iterator[Finding]:
    seen: set[str] = set()
    for subset in spec.each("subsets"):
        name = subset["name"]
        if not strings.is_label(name.text):
            yield name.finding("MP0223", name=name.text)
        elif name.text in seen:
            yield name.finding("MP0231", subset=name.text)
        seen.add(name.text)
        yield from strings.labels(subset["labels"])
        yield from policy(subset["trafficPolicy"])


def policies(spec: Node) -> Iterator[Node]:
    """Every block of a DestinationRule that may hold sections: the top, the subsets', and those of ports below both."""
    tops = [spec["trafficPolicy"], *(subset["trafficPolicy"] for subset in spec.each("subsets"))]
    for top in tops:
        if top.there:
            yield top
            yield from top.each("portLevelSettings")


def policy(place: Node) -> Iterator[Finding]:
    if not place.there:
        return
    yield from values.any_of(place, *_ANY)
    yield from values.exclusive(place, "tunnel", "proxyProtocol")
    yield from _sections(place)
    for port in place.each("portLevelSettings"):
        yield from values.required(port, "port")
        yield from values.any_of(port, *SECTIONS)
        yield from _sections(port)
    tunnel = place["tunnel"]
    if tunnel.there:
        yield from _tunnel(tunnel)


def _sections(place: Node) -> Iterator[Finding]:
    yield from _outliers(place["outlierDetection"])
    yield from _pool(place["connectionPool"])
    yield from load_balancer(place["loadBalancer"], outliers=place["outlierDetection"].there)
    yield from _tls(place["tls"])


def _outliers(outliers: Node) -> Iterator[Finding]:
    for name in ("baseEjectionTime", "interval"):
        yield from values.duration(outliers[name])
    for name in ("maxEjectionPercent", "minHealthPercent"):
        yield from values.within(outliers[name], 0, 100)
    local = outliers["consecutiveLocalOriginFailures"]
    if (local.number or 0) > 0 and outliers["splitExternalLocalOriginErrors"].value is not True:
        yield local.finding("MP0232")
    if outliers["consecutiveErrors"].number:
        yield outliers["consecutiveErrors"].finding(
            "MP0250", old="consecutiveErrors", new="consecutive5xxErrors, consecutiveGatewayErrors"
        )


def _pool(pool: Node) -> Iterator[Finding]:
    yield from values.any_of(pool, "http", "tcp")
    http, tcp = pool["http"], pool["tcp"]
    yield from values.at_least_zero(
        *(http[name] for name in ("http1MaxPendingRequests", "http2MaxRequests", "maxRequestsPerConnection", "maxRetries")),
        http["maxConcurrentStreams"],
        tcp["maxConnections"],
    )
    yield from values.duration(http["idleTimeout"])
    if http["h2UpgradePolicy"].text == "UPGRADE" and http["useClientProtocol"].value is True:
        yield http["useClientProtocol"].finding("MP0212", one="h2UpgradePolicy", other="useClientProtocol")
    alive = http["http2KeepAlive"]
    for name in ("interval", "timeout"):
        if alive.there:
            yield from values.required(alive, name)
            yield from values.duration(alive[name])
    for place in (
        tcp["connectTimeout"],
        tcp["maxConnectionDuration"],
        tcp["tcpKeepalive"]["time"],
        tcp["tcpKeepalive"]["interval"],
    ):
        yield from values.duration(place)
    yield from values.duration(tcp["idleTimeout"], zero=True)


def _tls(tls: Node) -> Iterator[Finding]:
    mode = tls["mode"].text
    if mode not in {"SIMPLE", "MUTUAL"}:
        return
    if tls["insecureSkipVerify"].value is True:
        forbidden = ["caCertificates", "subjectAltNames", *(["credentialName"] if mode == "SIMPLE" else [])]
        yield from _unwanted(tls, "insecureSkipVerify", forbidden)
    if tls["credentialName"].text:
        yield from _unwanted(tls, "credentialName", ["clientCertificate", "caCertificates", "privateKey", "caCrl"])
    elif mode == "MUTUAL":
        yield from values.required(tls, "clientCertificate")
        yield from values.required(tls, "privateKey")


def _unwanted(tls: Node, because: str, names: list[str]) -> Iterator[Finding]:
    for name in names:
        if tls[name].value not in (None, "", []):
            yield tls[name].finding("MP0237", mode=tls["mode"].text, because=because, field=name)


def _tunnel(tunnel: Node) -> Iterator[Finding]:
    if tunnel["protocol"].text:
        yield from values.one_of(tunnel["protocol"], ("CONNECT", "POST"))
    host = tunnel["targetHost"]
    if not strings.is_name(host.text) and not is_address(host.text):
        yield host.finding("MP0220", host=host.text)
    yield from values.required(tunnel, "targetPort")
    yield from values.port(tunnel["targetPort"])
