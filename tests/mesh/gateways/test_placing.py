"""A rule's remark about an object stands beside the field of the row that it is about."""

from __future__ import annotations

import pytest

from meshportal.mesh.findings import Finding, Severity
from meshportal.mesh.gateways.intent import GatewayIntent
from meshportal.mesh.gateways.placing import placed
from meshportal.mesh.gateways.typed import parse
from meshportal.mesh.refs import ResourceRef
from tests.mesh.gateways.objects import INGRESS, REVIEWS, SHARED, gateway, ingress, mesh, new, route, server

FACTS = mesh(gateway(server("*")), ingress(route(("prefix", "/a"), to="ratings"), hosts=("b.example.com",)))
ELSEWHERE = ResourceRef(INGRESS.kind, "bookinfo", "another")


@pytest.fixture
def intent() -> GatewayIntent:
    """Two rows: the second joins the VirtualService of ratings, behind its route."""
    rows = [new(hosts="a.example.com"), new(hosts="b.example.com", paths=[{"how": "exact", "path": p} for p in ("/b", "/c")])]
    found = parse({"exposures": rows}, FACTS, REVIEWS)
    assert isinstance(found, GatewayIntent), found
    return found


@pytest.mark.parametrize(
    ("ref", "path", "field"),
    [
        (INGRESS, "spec.http[1].match[1].uri.exact", "exposures[1].paths[1].path"),
        (INGRESS, "spec.http[1].match[0]", "exposures[1].paths[0].path"),
        (INGRESS, "spec.http[1].rewrite.uri", "exposures[1].rewrite"),
        (INGRESS, "spec.http[1].route[0].destination.port", "exposures[1].target_port"),
        (INGRESS, "spec.http[1]", "exposures[1].paths"),
        (INGRESS, "spec.http[0].route[0]", ""),
        (INGRESS, "spec.hosts[0]", "exposures[1].hosts"),
        (INGRESS, "spec.gateways[0]", "exposures[1].gateway"),
        (SHARED, "spec.selector", "exposures[0].workload"),
        (SHARED, "spec.servers[0].hosts[0]", "exposures[0].hosts"),
        (SHARED, "spec.servers[0].port.name", "exposures[0].port"),
        (SHARED, "spec.servers[0].tls.credentialName", "exposures[0].credential"),
        (SHARED, "spec.servers[0].tls.httpsRedirect", "exposures[0].redirect"),
        (SHARED, "spec.servers[0].tls", "exposures[0].tls_mode"),
        (ELSEWHERE, "spec.http[0]", ""),
        (None, "", ""),
    ],
)
def test_every_place_has_its_field(intent: GatewayIntent, ref: ResourceRef | None, path: str, field: str) -> None:
    (found,) = placed([Finding("KIA1106", Severity.WARNING, "", {}, ref, path)], intent, FACTS)
    assert found.field == field
