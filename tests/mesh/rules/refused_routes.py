"""VirtualServices that istiod refuses or takes with a warning, beside the nearest ones that it takes."""

from __future__ import annotations

from typing import Any

from meshportal.mesh.refs import Manifest
from tests.mesh.rules.mesh import http, to, virtual_service

Case = tuple[str, str, Manifest, Manifest]
LONG = "a" * 1025
KIB = 1024
CLAIM = "@request.auth.claims.group"
TWO_ZERO = [to("v1", 0), to("v2", 0)]
BODY = {"status": 200, "body": {"string": "x" * (KIB * KIB + 1)}}
BIG = {"status": 200, "body": {"string": "x" * (101 * KIB)}}
SMALL = {"status": 200, "body": {"string": "x"}}


def _match(broken: Any, mended: Any) -> tuple[Manifest, Manifest]:
    return http(match=[broken]), http(match=[mended])


def _headers(broken: Any, mended: Any) -> tuple[Manifest, Manifest]:
    return http(headers=broken), http(headers=mended)


def _sni(*hosts: str) -> Manifest:
    route = {"match": [{"sniHosts": list(hosts)}], "route": [to("v1")]}
    return virtual_service(http=None, tls=[route])


def _bound(**spec: Any) -> Manifest:
    return virtual_service(gateways=["bookinfo/front"], hosts=["books.example.com"], **spec)


ROUTES: list[Case] = [
    ("MP0210", "spec.http[0].timeout", http(timeout="0.5ms"), http(timeout="1ms")),
    ("MP0210", "spec.http[0].timeout", http(timeout="5"), http(timeout="5s")),
    ("MP0210", "spec.http[0].corsPolicy.maxAge", http(corsPolicy={"maxAge": "1.5s"}), http(corsPolicy={"maxAge": "2s"})),
    (
        "MP0211",
        "spec.http[0].fault.abort.percentage.value",
        http(fault={"abort": {"httpStatus": 500, "percentage": {"value": 101}}}),
        http(fault={"abort": {"httpStatus": 500, "percentage": {"value": 100}}}),
    ),
    (
        "MP0211",
        "spec.http[0].fault.delay.percentage.value",
        http(fault={"delay": {"fixedDelay": "1s", "percentage": {"value": 0.00001}}}),
        http(fault={"delay": {"fixedDelay": "1s", "percentage": {"value": 0.0001}}}),
    ),
    ("MP0211", "spec.http[0].match[0].port", *_match({"port": 65536}, {"port": 65535})),
    ("MP0211", "spec.http[0].route[0].weight", http(route=[to("v1", -1)]), http(route=[to("v1", 100)])),
    (
        "MP0211",
        "spec.http[0].redirect.redirectCode",
        http(route=None, redirect={"uri": "/x", "redirectCode": 200}),
        http(route=None, redirect={"uri": "/x", "redirectCode": 301}),
    ),
    (
        "MP0211",
        "spec.http[0].mirrorPercentage.value",
        http(mirror=to("v2")["destination"], mirrorPercentage={"value": 100.5}),
        http(mirror=to("v2")["destination"], mirrorPercentage={"value": 100}),
    ),
    ("MP0212", "spec.http[0].route", http(redirect={"uri": "/x"}), http(route=None, redirect={"uri": "/x"})),
    (
        "MP0212",
        "spec.http[0].fault",
        http(route=None, redirect={"uri": "/x"}, fault={"delay": {"fixedDelay": "1s"}}),
        http(fault={"delay": {"fixedDelay": "1s"}}),
    ),
    (
        "MP0212",
        "spec.http[0].mirrors",
        http(mirror=to("v2")["destination"], mirrors=[to("v2")]),
        http(mirrors=[to("v2")]),
    ),
    ("MP0212", "spec.http[0].route", http(delegate={"name": "more"}), http(route=None, delegate={"name": "more"})),
    ("MP0213", "spec.http[0]", http(route=None), http()),
    ("MP0213", "spec.http[0].route[0]", http(route=[{"weight": 100}]), http(route=[to("v1", 100)])),
    (
        "MP0213",
        "spec.http[0].directResponse",
        http(route=None, directResponse={"body": {"string": "x"}}),
        http(route=None, directResponse=SMALL),
    ),
    ("MP0214", "spec.http[0].match[0].method.prefix", *_match({"method": {"prefix": ""}}, {"method": {"exact": "GET"}})),
    ("MP0214", "spec.http[0].match[0].uri.regex", *_match({"uri": {"regex": ""}}, {"uri": {"prefix": ""}})),
    (
        "MP0214",
        "spec.http[0].corsPolicy.allowOrigins[0]",
        http(corsPolicy={"allowOrigins": [{"exact": ""}]}),
        http(corsPolicy={"allowOrigins": [{"exact": "https://a.b"}]}),
    ),
    ("MP0215", "spec.http[0].match[0].uri.regex", *_match({"uri": {"regex": LONG}}, {"uri": {"regex": LONG[1:]}})),
    ("MP0216", "spec.http[0].match[0].uri.regex", *_match({"uri": {"regex": "(?=a)"}}, {"uri": {"regex": "(?i:a)"}})),
    (
        "MP0216",
        "spec.http[0].match[0].headers.x-user.regex",
        *_match({"headers": {"x-user": {"regex": "(a"}}}, {"headers": {"x-user": {"regex": "[[:alpha:]]+"}}}),
    ),
    (
        "MP0217",
        "spec.http[0].match[0].headers.x user",
        *_match({"headers": {"x user": {"exact": "a"}}}, {"headers": {":method": {"exact": "a"}}}),
    ),
    (
        "MP0217",
        "spec.http[0].headers.request.set.:path",
        *_headers({"request": {"set": {":path": "/"}}}, {"request": {"set": {":authority": "a"}}}),
    ),
    (
        "MP0217",
        "spec.http[0].headers.response.remove[0]",
        *_headers({"response": {"remove": ["Host"]}}, {"response": {"remove": ["x-a"]}}),
    ),
    ("MP0217", "spec.http[0].headers.request.add.", *_headers({"request": {"add": {"": "a"}}}, {"request": {"add": {"x": "a"}}})),
    (
        "MP0218",
        "spec.http[0].headers.request.set.x",
        *_headers({"request": {"set": {"x": "100%"}}}, {"request": {"set": {"x": "100%%, %HOSTNAME%"}}}),
    ),
    (
        "MP0218",
        "spec.http[0].headers.request.set.x",
        *_headers({"request": {"set": {"x": "a\nb"}}}, {"request": {"set": {"x": "a\tb"}}}),
    ),
    ("MP0219", "spec.http[0].route", http(route=TWO_ZERO), http(route=[to("v1", 0), to("v2", 100)])),
    ("MP0220", "spec.http[0].route[0].destination.host", http(route=[to("v1", host="*")]), http()),
    ("MP0220", "spec.hosts[0]", virtual_service(hosts=["reviews_"]), virtual_service()),
    (
        "MP0221",
        "spec.hosts[1]",
        virtual_service(hosts=["a.example.com", "a.example.com"]),
        virtual_service(hosts=["a.example.com", "b.example.com"]),
    ),
    (
        "MP0221",
        "spec.hosts[1]",
        virtual_service(hosts=["*.example.com", "a.example.com"]),
        virtual_service(hosts=["*.example.com", "a.example.org"]),
    ),
    ("MP0222", "spec.hosts[0]", virtual_service(hosts=["*"]), virtual_service()),
    ("MP0223", "spec.http[0].route[0].destination.subset", http(route=[to("v_1")]), http()),
    (
        "MP0224",
        "spec.http[0].retries.perTryTimeout",
        http(retries={"attempts": 0, "perTryTimeout": "1s"}),
        http(retries={"attempts": 1, "perTryTimeout": "1s"}),
    ),
    (
        "MP0225",
        "spec.http[0].retries.retryOn",
        http(retries={"attempts": 1, "retryOn": "5xx, reset"}),
        http(retries={"attempts": 1, "retryOn": "5xx,reset,503"}),
    ),
    (
        "MP0226",
        "spec.http[0].fault.abort.grpcStatus",
        http(fault={"abort": {"grpcStatus": "BAD"}}),
        http(fault={"abort": {"grpcStatus": "NOT_FOUND"}}),
    ),
    (
        "MP0226",
        "spec.http[0].corsPolicy.allowMethods[0]",
        http(corsPolicy={"allowMethods": ["get"]}),
        http(corsPolicy={"allowMethods": ["GET"]}),
    ),
    (
        "MP0227",
        "spec.http[0].fault.abort.http2Error",
        http(fault={"abort": {"http2Error": "x"}}),
        http(fault={"abort": {"httpStatus": 503}}),
    ),
    ("MP0228", "spec.gateways", virtual_service(hosts=None, gateways=["mesh"]), virtual_service(hosts=None)),
    (
        "MP0228",
        "spec.http[0].delegate",
        virtual_service(hosts=None, http=[{"delegate": {"name": "x"}, "route": [to("v1")]}]),
        virtual_service(hosts=None),
    ),
    (
        "MP0229",
        f"spec.http[0].match[0].headers.{CLAIM}",
        http(match=[{"headers": {CLAIM: {"exact": "a"}}}]),
        _bound(http=[{"match": [{"headers": {CLAIM: {"exact": "a"}}}], "route": [to("v1")]}]),
    ),
    ("MP0230", "spec.exportTo[1]", virtual_service(exportTo=[".", "bookinfo"]), virtual_service(exportTo=["."])),
    ("MP0230", "spec.exportTo", virtual_service(exportTo=["*", "clients"]), virtual_service(exportTo=["*"])),
    ("MP0230", "spec.exportTo[0]", virtual_service(exportTo=["~"]), virtual_service(exportTo=["*"])),
    ("MP0230", "spec.exportTo[0]", virtual_service(exportTo=["a_b"]), virtual_service(exportTo=["*"])),
    ("MP0233", "spec", virtual_service(http=None), virtual_service()),
    ("MP0233", "spec.http[0].fault", http(fault={}), http(fault={"delay": {"fixedDelay": "1s"}})),
    ("MP0233", "spec.http[0].rewrite", http(rewrite={}), http(rewrite={"uri": "/"})),
    ("MP0241", "spec.tls[0].match[0].sniHosts[0]", _sni("a.example.com"), _sni("reviews.bookinfo.svc.cluster.local")),
    (
        "MP0242",
        "spec.http[0].match[0].sourceLabels.app",
        *_match({"sourceLabels": {"app": "a b"}}, {"sourceLabels": {"app": "a-b"}}),
    ),
    ("MP0243", "spec.http[0].directResponse.body", http(route=None, directResponse=BODY), http(route=None, directResponse=SMALL)),
    (
        "MP0244",
        "spec.http[0].headers.request.set.Host",
        http(rewrite={"authority": "a"}, headers={"request": {"set": {"Host": "b"}}}),
        http(rewrite={"authority": "a"}),
    ),
    (
        "KIA1108",
        "spec.gateways[0]",
        virtual_service(gateways=["front.bookinfo.svc.cluster.local"]),
        virtual_service(gateways=["bookinfo/front"]),
    ),
    (
        "MP0250",
        "spec.http[0].mirrorPercent",
        http(mirror=to("v2")["destination"], mirrorPercent=5),
        http(mirror=to("v2")["destination"]),
    ),
    (
        "MP0252",
        "spec.http[0].fault.abort",
        http(fault={"abort": {"percentage": {"value": 1}}}),
        http(fault={"abort": {"httpStatus": 500}}),
    ),
    (
        "MP0267",
        "spec.http[0].fault.delay",
        http(fault={"delay": {"fixedDelay": "1s"}}),
        http(fault={"delay": {"fixedDelay": "1s", "percentage": {"value": 1}}}),
    ),
    ("MP0253", "spec.http[0].directResponse.body", http(route=None, directResponse=BIG), http(route=None, directResponse=SMALL)),
]
