"""The webhook on Gateway. istio/pkg/config/validation/validation.go, ValidateGateway."""

from __future__ import annotations

from meshportal.mesh.protocols import PROTOCOLS
from meshportal.sandbox.api.complaints import LABEL, Complaints, domain, is_address, port
from meshportal.sandbox.api.status import JsonObject

WITH_TLS = frozenset({"https", "tls"})
WITH_HTTP = frozenset({"http", "http2", "http_proxy", "grpc", "grpc-web"})
PASSTHROUGH = frozenset({"PASSTHROUGH", "AUTO_PASSTHROUGH"})
TERMINATING = {"SIMPLE": "SIMPLE TLS", "MUTUAL": "MUTUAL TLS", "OPTIONAL_MUTUAL": "MUTUAL TLS"}
FILES = {"serverCertificate": "server certificate", "privateKey": "private key"}
NEVER_WITH_ISTIO_MUTUAL = FILES | {
    "caCertificates": "CA bundle",
    "tlsCertificates": "tlsCertificates",
    "credentialName": "credentialName",
    "credentialNames": "credentialNames",
}
IGNORED_WHEN_PASSED_THROUGH = (*NEVER_WITH_ISTIO_MUTUAL, "caCrl")
OLD_VERSIONS = frozenset({"TLSV1_0", "TLSV1_1"})
OLD_VERSION = (
    "TLS version below TLSV1_2 require setting compatible ciphers as by default they no longer include compatible ciphers."
)
TWO_SOURCES = (
    "only one of credential_name, credential_names, server_certificate/private_key, tls_certificates should be specified"
)
CIPHERS = frozenset(
    {
        "", "ALL", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA", "AES128-GCM-SHA256", "AES256-GCM-SHA384",
        "AES128-SHA", "AES256-SHA", "DES-CBC3-SHA",
    }
)  # fmt: skip


def gateway(item: JsonObject, found: Complaints) -> None:
    name = item["metadata"].get("name", "")
    if not (LABEL.fullmatch(name) and len(name) <= 63):
        found.refuse(f'invalid gateway name: "{name}"')
    servers = (item.get("spec") or {}).get("servers") or []
    if not servers:
        found.refuse("gateway must have at least one server")
    for server in servers:
        _server(server, found)
    names: set[str] = set()
    for server in servers:
        port_name = server["port"].get("name", "")
        if port_name in names:
            found.refuse(f"port names in servers must be unique: duplicate name {port_name}")
        names.add(port_name)
        if (server.get("tls") or {}).get("httpsRedirect") and server["port"]["protocol"].lower() not in WITH_HTTP:
            found.warn("tls.httpsRedirect should only be used with http servers")


def _server(server: JsonObject, found: Complaints) -> None:
    hosts, tls = server.get("hosts") or [], server.get("tls")
    if not hosts:
        found.refuse("server config must contain at least one host")
    for host in hosts:
        _host(host, found)
    before = len(found.refusals)
    _port(server["port"], server.get("bind", ""), found)
    port_is_right = len(found.refusals) == before
    if tls is not None:
        _tls(tls, found)
    if port_is_right:
        _fits(server["port"]["protocol"].lower(), tls, found)


def _host(text: str, found: Complaints) -> None:
    """A host, or the namespace of the VirtualServices that may bind to it, a slash and a host."""
    namespace, slash, host = text.partition("/")
    if slash:
        if not (namespace and host):
            found.refuse("config namespace and dnsName in host entry cannot be empty")
        if namespace not in ("*", ".") and not (LABEL.fullmatch(namespace) and len(namespace) <= 63):
            found.refuse(f'invalid namespace value "{namespace}" in gateway')
    else:
        host = text
    if host != "*" and "." not in host:
        found.refuse("short names (non FQDN) are not allowed")
    if not is_address(host):
        found.refuse(domain(host))
    if "*" in host and host != "*" and not host.startswith("*."):
        found.refuse(f'partial wildcard "{host}" not allowed')


def _port(of_server: JsonObject, bind: str, found: Complaints) -> None:
    if of_server["protocol"].lower() not in PROTOCOLS:
        supported = "HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP"
        found.refuse(f'invalid protocol "{of_server["protocol"]}", supported protocols are {supported}')
    at_socket = bind.startswith("unix://")
    if of_server["number"] or not at_socket:
        port(of_server["number"], found)
    if of_server.get("targetPort"):
        found.refuse("targetPort has no impact on Gateways")
    if not of_server["name"]:
        found.refuse(f'port name must be set: number:{of_server["number"]} protocol:"{of_server["protocol"]}"')
    if bind and not at_socket and not is_address(bind):
        found.refuse(f"{bind} is not a valid IP")


def _tls(tls: JsonObject, found: Complaints) -> None:
    mode, ciphers = tls.get("mode", "PASSTHROUGH"), tls.get("cipherSuites") or []
    if tls.get("minProtocolVersion") in OLD_VERSIONS and not ciphers:
        found.warn(OLD_VERSION)
    _ciphers(ciphers, found)
    if mode == "ISTIO_MUTUAL":
        for name, text in NEVER_WITH_ISTIO_MUTUAL.items():
            if tls.get(name):
                found.refuse(f"ISTIO_MUTUAL TLS cannot have associated {text}")
        return
    if mode in PASSTHROUGH and any(tls.get(name) for name in IGNORED_WHEN_PASSED_THROUGH):
        found.warn(f"{mode} mode does not use certificates, they will be ignored")
    by_name = [tls.get("credentialName"), tls.get("credentialNames")]
    if sum(map(bool, [*by_name, all(tls.get(name) for name in FILES), tls.get("tlsCertificates")])) > 1:
        found.refuse(TWO_SOURCES)
    if mode in TERMINATING and any(by_name):
        return
    if mode in TERMINATING:
        _files(tls, mode, found)
    if tls.get("caCrl") and tls.get("credentialName"):
        found.refuse("CRL is not supported with credentialName. CRL has to be specified in the credential")
    if tls.get("caCrl") and mode == "SIMPLE":
        found.refuse("CRL is not supported with SIMPLE TLS")


def _files(tls: JsonObject, mode: str, found: Complaints) -> None:
    if mode != "SIMPLE" and not tls.get("caCertificates"):
        found.refuse("MUTUAL TLS requires a client CA bundle")
    for certificate in tls.get("tlsCertificates") or [tls]:
        for name, text in FILES.items():
            if not certificate.get(name):
                found.refuse(f"{TERMINATING[mode]} requires a {text}")


def _ciphers(names: list[str], found: Complaints) -> None:
    # an expression such as -AES128 is not taken apart
    valid = [name for name in names if name in CIPHERS or not name[0].isalnum()]
    if invalid := sorted(set(names) - set(valid)):
        found.warn(f"ignoring invalid cipher suites: [{' '.join(invalid)}]")
    if doubled := sorted({name for name in valid if valid.count(name) > 1}):
        found.warn(f"ignoring duplicate cipher suites: [{' '.join(doubled)}]")


def _fits(protocol: str, tls: JsonObject | None, found: Complaints) -> None:
    """Whether a server that speaks `protocol` may have these TLS settings, or none."""
    if protocol in WITH_TLS:
        if tls is None:
            found.refuse("server must have TLS settings for HTTPS/TLS protocols")
    elif tls is None:
        return
    elif protocol not in WITH_HTTP:
        found.refuse("server cannot have TLS settings for non HTTPS/TLS ports")
    elif tls.get("mode", "PASSTHROUGH") not in PASSTHROUGH or any(tls.get(name) for name in (*FILES, "caCertificates")):
        # a redirect to HTTPS is all that is allowed
        found.refuse("server cannot have TLS settings for plain text HTTP ports")
