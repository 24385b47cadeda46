"""Which protocol Istio takes a port for: istio/pkg/config/kube/conversion.go (ConvertProtocol) and
istio/pkg/config/protocol/instance.go (Parse)."""

from __future__ import annotations

GRPC_WEB = "grpc-web"
PROTOCOLS = frozenset({"tcp", "udp", "grpc", GRPC_WEB, "http", "http_proxy", "http2", "https", "tls", "mongo", "redis", "mysql"})
STANDARD_NAMES = {"kubernetes.io/h2c": "http2", "kubernetes.io/ws": "http", "kubernetes.io/wss": "https"}
"""Kubernetes' own words in appProtocol."""
NEVER_SNIFFED = frozenset({25, 53, 3306, 27017})
"""SMTP, DNS, MySQL and MongoDB: there the server speaks first, and sniffing would wait for the client."""


def protocol_of(name: str, number: int, *, transport: str = "TCP", app_protocol: str | None = None) -> str:
    """The protocol in lower case; "" where neither appProtocol nor the name tells one, so that Istio sniffs."""
    if transport == "UDP":
        return "udp"
    told = name if app_protocol is None else STANDARD_NAMES.get(app_protocol, app_protocol)
    told = told.lower()
    if told.startswith(GRPC_WEB):
        return GRPC_WEB
    told = told.partition("-")[0]
    if told in PROTOCOLS:
        return told
    return "tcp" if number in NEVER_SNIFFED else ""
