"""Who says no to a bad Gateway, in which words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.kube import Json, Kube, make
from tests.contracts.test_api_server_judges import DENIED

pytestmark = pytest.mark.contract

ONE_OF = "only one of credentialName or credentialNames can be set"
REDIRECT = "tls.httpsRedirect should only be used with http servers"
IGNORED = "PASSTHROUGH mode does not use certificates, they will be ignored"
OLD = "TLS version below TLSV1_2 require setting compatible ciphers as by default they no longer include compatible ciphers."
PROTOCOLS = "supported protocols are HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP"
CIPHER = "ECDHE-RSA-AES128-GCM-SHA256"
FILES = {"serverCertificate": "/c", "privateKey": "/k"}


def port(number: int = 80, name: str = "http", protocol: str = "HTTP", **more: Any) -> Json:
    return {"number": number, "name": name, "protocol": protocol, **more}


def server(*hosts: str, **more: Any) -> Json:
    return {"port": port(), "hosts": list(hosts or ["shop.example.com"])} | more


def https(**tls: Any) -> Json:
    return server(port=port(443, "https", "HTTPS"), tls={"mode": "SIMPLE", "credentialName": "shop-cert"} | tls)


def files(mode: str, **tls: Any) -> Json:
    return server(port=port(443, "https", "HTTPS"), tls={"mode": mode, **tls})


def tls(protocol: str = "TLS", **tls: Any) -> Json:
    return server(port=port(443, "tls", protocol), tls=tls)


def spec(*servers: Json, **more: Any) -> Json:
    return {"selector": {"istio": "ingressgateway"}, "servers": list(servers), **more}


def errors(*texts: str) -> str:
    return f"{len(texts)} errors occurred:\n" + "".join(f"\t* {text}\n" for text in texts) + "\n"


REFUSED = [
    ([], "gateway must have at least one server"),
    ([server() | {"hosts": []}], "server config must contain at least one host"),
    ([server("shop")], "short names (non FQDN) are not allowed"),
    ([server("")], errors("short names (non FQDN) are not allowed", "empty domain name not allowed")),
    ([server("a_b.com")], 'domain name "a_b.com" invalid (label "a_b" invalid)'),
    ([server("a*.com")], errors('domain name "a*.com" invalid (label "a*" invalid)', 'partial wildcard "a*.com" not allowed')),
    ([server("a.*.com")], errors('domain name "*.com" invalid (label "*" invalid)', 'partial wildcard "a.*.com" not allowed')),
    ([server("a.12")], 'domain name "12" invalid (top level domain "12" cannot be all-numeric)'),
    ([server("~/a.com")], 'invalid namespace value "~" in gateway'),
    ([server("a_b/a.com")], 'invalid namespace value "a_b" in gateway'),
    ([server("/a.com")],
     errors("config namespace and dnsName in host entry cannot be empty", 'invalid namespace value "" in gateway')),
    ([server("a/b/c")], errors("short names (non FQDN) are not allowed", 'domain name "b/c" invalid (label "b/c" invalid)')),
    ([server(port=port(0))], "port number 0 must be in the range 1..65535"),
    ([server(port=port(70000))], "port number 70000 must be in the range 1..65535"),
    ([server(port=port(protocol="FOO"))], f'invalid protocol "FOO", {PROTOCOLS}'),
    ([server(port=port(targetPort=8080))], "targetPort has no impact on Gateways"),
    ([server(), server(port=port(81))], "port names in servers must be unique: duplicate name http"),
    ([server(bind="nope")], "nope is not a valid IP"),
    ([server(port=port(443, "https", "HTTPS"))], "server must have TLS settings for HTTPS/TLS protocols"),
    ([server(tls={"mode": "SIMPLE", "credentialName": "x"})], "server cannot have TLS settings for plain text HTTP ports"),
    ([server(tls={"httpsRedirect": True, "mode": "SIMPLE", "credentialName": "x"})],
     "server cannot have TLS settings for plain text HTTP ports"),
    ([server(port=port(5000, "tcp", "TCP"), tls={"mode": "SIMPLE", "credentialName": "x"})],
     "server cannot have TLS settings for non HTTPS/TLS ports"),
    ([files("SIMPLE")], errors("SIMPLE TLS requires a server certificate", "SIMPLE TLS requires a private key")),
    ([files("SIMPLE", serverCertificate="/c")], "SIMPLE TLS requires a private key"),
    ([files("MUTUAL", **FILES)], "MUTUAL TLS requires a client CA bundle"),
    ([https(**FILES)],
     "only one of credential_name, credential_names, server_certificate/private_key, tls_certificates should be specified"),
    ([tls(mode="ISTIO_MUTUAL", credentialName="x")], "ISTIO_MUTUAL TLS cannot have associated credentialName"),
    ([tls(mode="ISTIO_MUTUAL", **FILES)],
     errors("ISTIO_MUTUAL TLS cannot have associated server certificate", "ISTIO_MUTUAL TLS cannot have associated private key")),
    ([files("SIMPLE", caCrl="/l", **FILES)], "CRL is not supported with SIMPLE TLS"),
]  # fmt: skip


@pytest.mark.parametrize(("servers", "message"), REFUSED)
def test_the_webhook_refuses(kube: Kube, servers: list[Json], message: str) -> None:
    answer = kube.create(make("Gateway", "door", spec(*servers)))
    assert (answer.status, answer.reason, answer.causes) == (400, "", [])
    assert answer.message == DENIED + message


def test_a_gateways_name_has_no_dots(kube: Kube) -> None:
    assert kube.create(make("Gateway", "front.door", spec(server()))).message == DENIED + 'invalid gateway name: "front.door"'


def test_a_server_without_a_port_name_is_refused(kube: Kube) -> None:
    answer = kube.create(make("Gateway", "door", spec(server(port=port(name="")))))
    # what follows is Go's print of the port, which differs from build to build
    assert answer.message.startswith(DENIED + "port name must be set: number:80")


@pytest.mark.parametrize(
    ("missing", "path"), [("port", "port"), ("hosts", "hosts"), ("number", "port.number"), ("protocol", "port.protocol")]
)
def test_what_the_schema_requires_is_named(kube: Kube, missing: str, path: str) -> None:
    broken = server()
    broken.pop(missing, None)
    broken.get("port", {}).pop(missing, None)
    answer = kube.create(make("Gateway", "door", spec(broken)))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert (answer.causes[0]["field"], answer.causes[0]["message"]) == (f"spec.servers[0].{path}", "Required value")


def test_two_sources_of_a_certificate_are_refused_by_a_rule_of_the_schema(kube: Kube) -> None:
    answer = kube.create(make("Gateway", "door", spec(https(credentialNames=["a"]))))
    assert [(c["field"], c["message"]) for c in answer.causes] == [("spec.servers[0].tls", f"Invalid value: {ONE_OF}")]


WARNED = [
    (https(httpsRedirect=True), REDIRECT),
    (tls(mode="PASSTHROUGH", credentialName="x"), IGNORED),
    (https(minProtocolVersion="TLSV1_0"), OLD),
    (https(cipherSuites=["NOPE"]), "ignoring invalid cipher suites: [NOPE]"),
    (https(cipherSuites=[CIPHER, CIPHER]), f"ignoring duplicate cipher suites: [{CIPHER}]"),
]


@pytest.mark.parametrize(("of_server", "warning"), WARNED)
def test_the_webhook_warns(kube: Kube, of_server: Json, warning: str) -> None:
    answer = kube.create(make("Gateway", "door", spec(of_server)), dryRun="All")
    assert (answer.status, answer.warnings) == (201, [f'299 - "{warning}"'])


ACCEPTED = [
    [server("*", "*.example.com", "shop/a.com", "./b.com", "*/c.com", "1.2.3.4", "a.com", "a.com", "Shop.com.")],
    [server(), server(port=port(name="again"))],
    [server(tls={"httpsRedirect": True}), https()],
    [server(port=port(80, "any name at all", "grpc"))],
    [files("SIMPLE", **FILES), tls(mode="PASSTHROUGH")],
    [https(mode="MUTUAL"), tls(mode="ISTIO_MUTUAL")],
    [https(mode="OPTIONAL_MUTUAL", minProtocolVersion="TLSV1_3", maxProtocolVersion="TLSV1_2")],
    [tls("HTTPS")],
    [https(caCrl="/l")],  # where a credential names the certificate, what else is there is not looked at
]


@pytest.mark.parametrize("servers", ACCEPTED)
@pytest.mark.parametrize("selector", [{"istio": "ingressgateway"}, {}])
def test_nobody_minds(kube: Kube, servers: list[Json], selector: Json) -> None:
    answer = kube.create(make("Gateway", "door", spec(*servers, selector=selector)))
    assert (answer.status, answer.warnings) == (201, [])
    assert answer.body["spec"]["servers"] == servers
