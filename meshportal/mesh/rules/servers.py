"""What istiod refuses of a Gateway, and what it takes with a warning.

Source: ValidateGateway and what it calls, in pkg/config/validation/validation.go of Istio.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshportal.mesh.findings import Finding
from meshportal.mesh.rules import strings, values
from meshportal.mesh.rules.node import Node
from meshportal.mesh.rules.view import Mesh, is_address

HTTP = frozenset({"http", "http2", "http_proxy", "grpc", "grpc-web"})
TLS = frozenset({"https", "tls"})
PROTOCOLS = ("HTTP", "HTTPS", "HTTP2", "GRPC", "GRPC-WEB", "TLS", "TCP", "MONGO", "REDIS", "MYSQL", "UDP", "HTTP_PROXY")
PASSES_THROUGH = frozenset({"PASSTHROUGH", "AUTO_PASSTHROUGH"})
_UNIX = "unix://"
_FILES = ("serverCertificate", "privateKey", "caCertificates")
_CERTIFICATES = (*_FILES, "tlsCertificates", "credentialName", "credentialNames")


def whole(mesh: Mesh) -> Iterator[Finding]:
    for spec in mesh.gateways:
        if not strings.is_label(spec.ref.name):
            yield Node(spec.ref, "metadata.name", spec.ref.name).finding("MP0223", name=spec.ref.name)
        yield from values.required(spec, "servers")
        names: set[str] = set()
        for server in spec.each("servers"):
            yield from _server(server)
            name = server["port"]["name"]
            if name.text and name.text in names:
                yield name.finding("MP0238", name=name.text)
            names.add(name.text)


def _server(server: Node) -> Iterator[Finding]:
    yield from values.required(server, "hosts")
    for host in server.texts("hosts"):
        if not strings.is_gateway_host(host.text):
            yield host.finding("MP0220", host=host.text)
    yield from _port(server)
    yield from _bind(server)
    tls, protocol = server["tls"], server["port"]["protocol"].text.lower()
    if tls.there:
        yield from _certificates(tls)
        yield from _ciphers(tls)
        if tls["httpsRedirect"].value is True and server["port"].there and protocol not in HTTP:
            yield tls["httpsRedirect"].finding("MP0255", protocol=server["port"]["protocol"].text)
    if protocol in TLS and not tls.there:
        yield server.finding("MP0239", why="missing", protocol=protocol.upper())
    elif tls.there and protocol in HTTP:
        if _mode(tls) not in PASSES_THROUGH or any(tls[name].text for name in _FILES):
            yield tls.finding("MP0239", why="plain", protocol=protocol.upper())
    elif tls.there and protocol not in TLS and protocol.upper() in PROTOCOLS:
        yield tls.finding("MP0239", why="other", protocol=protocol.upper())


def _mode(tls: Node) -> str:
    """PASSTHROUGH is the enum's zero, so it is also what a server without a mode has."""
    return tls["mode"].text or "PASSTHROUGH"


def _port(server: Node) -> Iterator[Finding]:
    port, bind = server["port"], server["bind"].text
    yield from values.required(server, "port")
    if not port.there:
        return
    if port["protocol"].text.upper() not in PROTOCOLS:
        yield port["protocol"].finding("MP0226", value=port["protocol"].text, known=", ".join(PROTOCOLS))
    if not bind.startswith(_UNIX):
        yield from values.required(port, "number")
    if port["number"].number or not bind.startswith(_UNIX):
        yield from values.port(port["number"])
    if port["targetPort"].number:
        yield port["targetPort"].finding("MP0227", field="targetPort")
    yield from values.required(port, "name")


def _bind(server: Node) -> Iterator[Finding]:
    bind = server["bind"]
    if bind.text.startswith(_UNIX):
        path = bind.text.removeprefix(_UNIX)
        if not path.startswith("@") and (not path.startswith("/") or path.endswith("/")):
            yield bind.finding("MP0220", host=bind.text)
        if server["port"]["number"].number:
            yield server["port"]["number"].finding("MP0212", one="bind", other="port.number")
    elif bind.text and not is_address(bind.text):
        yield bind.finding("MP0220", host=bind.text)


def _certificates(tls: Node) -> Iterator[Finding]:
    mode, given = _mode(tls), [name for name in _CERTIFICATES if tls[name].value not in (None, "", [])]
    if mode == "ISTIO_MUTUAL":
        for name in given:
            yield tls[name].finding("MP0237", mode=mode, because="mode", field=name)
        return
    if mode in PASSES_THROUGH and (given or tls["caCrl"].text):
        yield tls.finding("MP0257", fields=", ".join([*given, *(["caCrl"] if tls["caCrl"].text else [])]))
    if mode in PASSES_THROUGH and tls["caCrl"].text and tls["credentialName"].text:
        yield tls["caCrl"].finding("MP0237", mode=mode, because="credentialName", field="caCrl")
    sources: list[str] = [name for name in ("credentialName", "credentialNames", "tlsCertificates") if name in given]
    if "serverCertificate" in given and "privateKey" in given:
        sources.append("serverCertificate")
    for name in sources[1:]:
        yield tls[name].finding("MP0212", one=sources[0], other=name)
    if mode in PASSES_THROUGH or "credentialName" in given or "credentialNames" in given:
        return
    yield from _files(tls, mode)


def _files(tls: Node, mode: str) -> Iterator[Finding]:
    """Certificates in files, which modes that end TLS here need where no credential is named."""
    if mode in {"MUTUAL", "OPTIONAL_MUTUAL"}:
        yield from values.required(tls, "caCertificates")
    for certificate in tls.each("tlsCertificates") or [tls]:
        yield from values.required(certificate, "serverCertificate")
        yield from values.required(certificate, "privateKey")
    if tls["caCrl"].text and mode == "SIMPLE":
        yield tls["caCrl"].finding("MP0237", mode=mode, because="mode", field="caCrl")


def _ciphers(tls: Node) -> Iterator[Finding]:
    ciphers = [cipher.text for cipher in tls.texts("cipherSuites")]
    twice = sorted({cipher for cipher in ciphers if ciphers.count(cipher) > 1})
    if twice:
        yield tls["cipherSuites"].finding("MP0254", why="twice", which=", ".join(twice))
    oldest = tls["minProtocolVersion"]
    if oldest.text in {"TLSV1_0", "TLSV1_1"} and not ciphers:
        yield oldest.finding("MP0254", why="version", which=oldest.text)
