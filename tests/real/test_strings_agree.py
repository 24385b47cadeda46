"""Random texts in every place where istiod judges a text: we refuse exactly those that it refuses.

Pieces that matter are put together at random, the same ones each time; a run of istioctl judges them all.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from meshportal.mesh.facts import Facts
from meshportal.mesh.refs import Manifest
from meshportal.mesh.rules import analyse
from meshportal.mesh.rules.table import REFUSED, istio_codes
from tests.mesh.rules.mesh import object_of, server, to
from tests.real.analyzing import theirs

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

HOSTS = [
    "a",
    "b1",
    "-",
    "_",
    ".",
    "*",
    "*.",
    "*-",
    "com",
    "svc",
    "1",
    "A",
    "example.com",
    "/",
    "~/",
    "./",
    "ns/",
    "10.0.0.1",
    "::1",
]
REGEXES = [
    *(
        "a",
        "[a-z]",
        "[^/]+",
        ".*",
        "\\d",
        "\\w+",
        "\\.",
        "(",
        ")",
        "(?:",
        "(?i)",
        "|",
        "*",
        "+",
        "?",
        "{2}",
        "{2,}",
        "{,3}",
        "{1001}",
    ),
    *("^", "$", "[", "]", "\\pL", "\\b", "\\1", "(?=", "(?P<n>", "(?<n>", "[[:alpha:]]", "[[:bad:]]", "\\Q", "\\E", "\\z", "\\Z"),
    *(
        "-",
        "/",
        "\\x41",
        "\\x{41}",
        "\\u",
        "\\-",
        "\\_",
        "日",
        "[\\d-z]",
        "[a-",
        "z-a]",
        "(?U)",
        "(?s:",
        "(?#",
        "++",
        "\\C",
        "[]a]",
    ),
    *("{", "}", "&&", "--", "~~", "||", "(?a)", "(?x:"),
]
VALUES = [
    "a",
    " ",
    "%",
    "%%",
    "%HOST%",
    "%REQ(x)%",
    "(",
    ")",
    "[",
    "]",
    '"',
    "\\",
    "\t",
    "\n",
    ",",
    '%DYN(["a","b"])%',
    "%A([",
    "é",
]
NAMES = [
    "x",
    "-",
    ":",
    "host",
    "Host",
    ":authority",
    " ",
    "_",
    "é",
    "*",
    "@request.auth.claims.a",
    "[",
    "]",
    ".",
    ":path",
    ":method",
]
LABELS = ["a", "-", "_", ".", "/", "B", "*", " ", "1"]


def route(place: int, hosts: list[str] | None = None, gateways: list[str] | None = None, **http: Any) -> Manifest:
    spec: dict[str, Any] = {"hosts": hosts or [f"h{place}.example.com"], "http": [{"route": [to(host="a.example.com")], **http}]}
    return object_of("VirtualService", spec | ({"gateways": gateways} if gateways else {}), f"v{place}")


def rule(place: int, **spec: Any) -> Manifest:
    return object_of("DestinationRule", {"host": f"h{place}.example.com", **spec}, f"v{place}")


def front(place: int, host: str) -> Manifest:
    return object_of("Gateway", {"selector": {"a": "b"}, "servers": [server(hosts=[host])]}, f"v{place}")


PLACES: dict[str, tuple[list[str], Callable[[int, str], Manifest]]] = {
    "regex": (REGEXES, lambda place, text: route(place, match=[{"uri": {"regex": text}}])),
    "hosts": (HOSTS, lambda place, text: route(place, hosts=[text])),
    "destination": (HOSTS, lambda place, text: route(place, route=[to(host=text)])),
    "gateways": (HOSTS, lambda place, text: route(place, gateways=[text])),
    "gateway's hosts": (HOSTS, front),
    "rule's host": (HOSTS, lambda place, text: rule(place, host=text)),
    "header value": (VALUES, lambda place, text: route(place, headers={"request": {"set": {"x": text}}})),
    "header set": (NAMES, lambda place, text: route(place, headers={"request": {"set": {text: "a"}}})),
    "header removed": (NAMES, lambda place, text: route(place, headers={"response": {"remove": [text]}})),
    "header matched": (NAMES, lambda place, text: route(place, gateways=["g"], match=[{"headers": {text: {"exact": "a"}}}])),
    "header of CORS": (NAMES, lambda place, text: route(place, corsPolicy={"allowHeaders": [text]})),
    "label": (LABELS, lambda place, text: rule(place, subsets=[{"name": "v1", "labels": {text: "a"}}])),
    "label's value": (LABELS, lambda place, text: rule(place, subsets=[{"name": "v1", "labels": {"a": text}}])),
    "subset": (LABELS, lambda place, text: rule(place, subsets=[{"name": text, "labels": {"a": "b"}}])),
}


@pytest.mark.parametrize("where", PLACES)
def test_we_refuse_what_istiod_refuses(where: str) -> None:
    dice = random.Random(where)
    pieces, build = PLACES[where]
    texts = sorted({"".join(dice.choices(pieces, k=dice.randint(1, 5))) for _ in range(300)})
    objects = [build(place, text) for place, text in enumerate(texts)]

    refused = {name for code, name in theirs(objects) if code == REFUSED}
    findings = analyse(Facts(objects=tuple(objects)))
    foretold = {str(finding.ref) for finding in findings if REFUSED in istio_codes([finding.code])}

    names = {f"{manifest['kind']} bookinfo/v{place}": texts[place] for place, manifest in enumerate(objects)}
    assert sorted(names[name] for name in refused - foretold) == [], "istiod refuses these, and we do not"
    assert sorted(names[name] for name in foretold - refused) == [], "we refuse these, and istiod does not"
    assert 0 < len(refused) < len(texts)
