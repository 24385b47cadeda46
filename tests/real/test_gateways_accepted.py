"""Whatever the form for exposures can write, a real API server with Istio's schemas, rules and webhook takes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.mesh.facts import Facts
from meshportal.mesh.gateways.intent import GatewayIntent
from meshportal.mesh.gateways.reading import read
from meshportal.mesh.gateways.rendering import render
from meshportal.mesh.gateways.typed import parse
from meshportal.mesh.refs import Manifest
from tests.mesh.gateways.objects import REVIEWS, gateway, ingress, mesh, route, server
from tests.real.rights import real_server

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

TLS = {"mode": "SIMPLE", "credentialName": "wildcard-cert"}


@pytest.fixture(scope="module")
def api() -> Iterator[KubernetesCluster]:
    with real_server() as started:
        admin = started.cluster("admin")
        yield admin
        admin.close()


def live() -> Facts:
    """A Gateway with plain HTTP and HTTPS, and routes on it: ours, ours among others, and ours that sidecars follow too."""
    shared = gateway(
        server("*.example.com"), server("*.example.com", port=443, protocol="HTTPS", tls=TLS), name="shared", namespace="bookinfo"
    )
    at = ["bookinfo/shared"]
    return mesh(
        shared,
        ingress(route(("prefix", "/api"), timeout="3s"), gateways=at),
        ingress(route(("exact", "/r")), route(to="ratings"), hosts=("b.example.com",), name="both", gateways=at),
        ingress(route(), hosts=("c.example.com",), name="inside", gateways=["mesh", *at]),
        ports=(9080, 9090),
    )


hosts = st.lists(
    st.from_regex(r"(\*\.)?[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z][a-z0-9]{1,5}){1,2}", fullmatch=True), min_size=1, max_size=3
).map(", ".join) | st.sampled_from(["*", "*.com", "a.example.com"])
texts = st.from_regex(r"/[!$&-;=@-_a-z~%é\"]{0,12}", fullmatch=True)
paths = st.lists(st.builds(lambda how, path: {"how": how, "path": path}, st.sampled_from(["prefix", "exact"]), texts), max_size=3)
ports = st.sampled_from([1, 80, 443, 8080, 8443, 65535]).map(str)
rewrites = st.just("") | texts
target_ports = st.sampled_from(["9080", "9090"])


@st.composite
def new_rows(draw: st.DrawFn) -> dict[str, Any]:
    secure = draw(st.booleans())
    row: dict[str, Any] = {
        "gateway": draw(st.sampled_from(["", "bookinfo/shared"])),
        "workload": draw(st.sampled_from(["istio=ingressgateway", "app=x, istio=ingressgateway"])),
        "hosts": draw(hosts),
        "port": draw(ports),
        "protocol": "HTTPS" if secure else "HTTP",
        "paths": draw(paths),
        "target_port": draw(target_ports),
        "rewrite": draw(rewrites),
    }
    if secure:
        row |= {"credential": draw(st.sampled_from(["cert", "a.b-c"])), "tls_mode": draw(st.sampled_from(["SIMPLE", "MUTUAL"]))}
        row["redirect"] = draw(st.booleans())
    return row


@st.composite
def edited_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The live rows, some taken away, some with other values."""
    rows = []
    for row in read(live(), REVIEWS)["exposures"]:
        if not draw(st.booleans()):
            continue
        fresh = draw(new_rows()) | {"redirect": draw(st.booleans())}
        fields = draw(st.sets(st.sampled_from(sorted(fresh.keys() - {"workload"})), max_size=3))
        rows.append(row | {field: fresh[field] for field in fields})
    return rows


@given(st.data())
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_what_the_form_writes_is_accepted(api: KubernetesCluster, data: st.DataObject) -> None:
    facts = live()
    rows = [*data.draw(edited_rows()), *data.draw(st.lists(new_rows(), max_size=2))]
    intent = parse({"exposures": rows}, facts, REVIEWS)
    assume(isinstance(intent, GatewayIntent))
    assert isinstance(intent, GatewayIntent)
    for item in render(intent, facts).changing:
        if item.after is not None:
            api.create(anew(item.after), dry_run=True)


def anew(manifest: Manifest) -> Manifest:
    """The object as if it were made for the first time: nothing of it is on the server."""
    fresh = copy.deepcopy(manifest)
    for field in ("uid", "resourceVersion"):
        fresh["metadata"].pop(field, None)
    return fresh
