"""What a form for exposures shows of what is live, and that showing it changes nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshportal.mesh.facts import Facts
from meshportal.mesh.gateways.exposed import exposed
from meshportal.mesh.gateways.intent import GatewayIntent
from meshportal.mesh.gateways.reading import exposures, kept, read
from meshportal.mesh.gateways.rendering import render
from meshportal.mesh.gateways.typed import parse
from meshportal.mesh.refs import Manifest, ref_of
from tests.mesh.gateways.objects import HOST, INGRESS, RATINGS, REVIEWS, SHARED, gateway, ingress, mesh, new, route, server

TLS = {"mode": "SIMPLE", "credentialName": "reviews-cert"}


def test_a_row_tells_host_port_certificate_path_and_target() -> None:
    https = server("*.example.com", port=443, protocol="HTTPS", tls=TLS)
    http = server("reviews.example.com", tls={"httpsRedirect": True})
    facts = mesh(gateway(http, https), ingress(route(("prefix", "/api"), ("exact", "/login"), rewrite={"uri": "/"})))
    (row,) = read(facts, REVIEWS)["exposures"]
    assert row | {"origin": "", "paths": []} == {
        "origin": "",
        "gateway": "istio-system/shared",
        "workload": "istio=ingressgateway",
        "hosts": "reviews.example.com",
        "port": "443",
        "protocol": "HTTPS",
        "tls_mode": "SIMPLE",
        "credential": "reviews-cert",
        "redirect": True,
        "paths": [],
        "target_port": "9080",
        "rewrite": "/",
    }
    assert [(path["how"], path["path"]) for path in row["paths"]] == [("prefix", "/api"), ("exact", "/login")]


def test_routes_of_sidecars_alone_and_of_other_services_are_no_rows() -> None:
    inside = ingress(route(), name="inside", gateways=["mesh"])
    nowhere = ingress(route(), name="nowhere")
    del nowhere["spec"]["gateways"]
    limited = ingress(route(("prefix", "/x")), name="limited", gateways=["mesh", "istio-system/shared"])
    limited["spec"]["http"][0]["match"][0]["gateways"] = ["mesh"]
    facts = mesh(gateway(server("*")), inside, nowhere, limited, ingress(route(to="ratings")))
    assert exposures(facts, REVIEWS) == []
    assert len(exposures(facts, RATINGS)) == 1


@pytest.mark.parametrize("name", ["shared", "shared.bookinfo.svc.cluster.local", "bookinfo/shared"])
def test_a_gateway_is_found_by_every_form_of_its_name(name: str) -> None:
    facts = mesh(gateway(server("*"), namespace="bookinfo"), ingress(route(), gateways=[name]))
    (row,) = read(facts, REVIEWS)["exposures"]
    assert (row["gateway"], row["port"]) == ("bookinfo/shared", "80")


def test_a_server_for_other_namespaces_does_not_answer() -> None:
    facts = mesh(gateway(server("payments/*.example.com"), server("bookinfo/*.example.com", port=81)), ingress(route()))
    assert read(facts, REVIEWS)["exposures"][0]["port"] == "81"


def test_what_the_form_cannot_show_is_listed() -> None:
    live = ingress(route(("prefix", "/api"), timeout="3s"), exportTo=["."])
    live["spec"]["http"][0]["match"][0]["headers"] = {"x": {"exact": "y"}}
    live["spec"]["http"][0]["route"][0]["weight"] = 100
    facts = mesh(gateway(server("*", port=443, protocol="HTTPS", tls=TLS | {"minProtocolVersion": "TLSV1_2"})), live)
    assert kept(facts, REVIEWS) == [
        f"{INGRESS} spec.http[0].timeout",
        f"{INGRESS} spec.http[0].match[0].headers",
        f"{INGRESS} spec.http[0].route[0].weight",
        f"{INGRESS} spec.exportTo",
        f"{SHARED} spec.servers[0].tls.minProtocolVersion",
    ]


def test_every_host_is_listed_with_what_is_behind_it() -> None:
    redirect = server("a.example.com", tls={"httpsRedirect": True})
    https = server("*.example.com", port=443, protocol="HTTPS", tls=TLS)
    live = ingress(route(("exact", "/r")), route(to="ratings"), route(to="www.example.org"))
    live["metadata"]["annotations"] = {"meshportal.io/change": "CR-7"}
    written = {"manager": "meshportal", "time": "2026-11-24T12:00:00Z", "fieldsV1": {"f:spec": {"f:http": {}}}}
    live["metadata"]["managedFields"] = [written]
    found = exposed(mesh(gateway(redirect, https, server("empty.example.com", port=81)), live))
    assert [
        (one.host, one.port, one.how, one.path, one.services, one.elsewhere, one.author and one.author.change) for one in found
    ] == [
        ("a.example.com", 80, "redirect", "", (), (), None),
        ("empty.example.com", 81, "nothing", "", (), (), None),
        ("reviews.example.com", 443, "exact", "/r", (REVIEWS,), (), 7),
        ("reviews.example.com", 443, "any", "", (RATINGS,), (), 7),
        ("reviews.example.com", 443, "any", "", (), ("www.example.org",), 7),
    ]
    assert found[2].credential == "reviews-cert"


def test_tls_passed_through_and_plain_connections_are_listed_too() -> None:
    through = server("*", port=443, protocol="TLS", tls={"mode": "PASSTHROUGH"})
    live = ingress(name="x", tls=[{"match": [{"sniHosts": ["reviews.example.com"]}], **route()}])
    assert [(one.how, one.services) for one in exposed(mesh(gateway(through), live))] == [("sni", (REVIEWS,))]
    live = ingress(name="x", tcp=[route()])
    assert [one.how for one in exposed(mesh(gateway(server("*", port=99, protocol="TCP")), live))] == ["tcp"]


# ---------------------------------------------------------------- nothing edited, nothing changed

texts = st.text(st.sampled_from("abz019-./*_~ é"), max_size=8)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99999) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
unknown: st.SearchStrategy[dict[str, Any]] = st.dictionaries(st.sampled_from(["timeout", "later", "x-y"]), values, max_size=2)
names = st.sampled_from(["reviews", HOST, "reviews.bookinfo", "ratings", "www.example.org"])
hosts = st.lists(
    st.sampled_from(["*", "a.example.com", "*.example.com", "reviews", "b.org"]), min_size=1, max_size=2, unique=True
)
uris: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"uri": {"prefix": "/"}}, {"uri": {"exact": "/a"}}, {"uri": {"regex": "/.*"}}, {"uri": {"later": 1}}]
)
at_gateways: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"gateways": ["mesh"]}, {"gateways": ["istio-system/shared"]}]
)

targets_more: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{}, {"port": {"number": 9080}}, {"subset": "v1"}])
rewrites: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{}, {"rewrite": {"uri": "/x"}}, {"rewrite": {"authority": "y"}}])
tls_settings: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"tls": TLS}, {"tls": {"httpsRedirect": True}}, {"tls": {"mode": "PASSTHROUGH", "later": 1}}]
)


@st.composite
def matches(draw: st.DrawFn) -> dict[str, Any]:
    return draw(unknown) | draw(uris) | draw(at_gateways)


@st.composite
def routes(draw: st.DrawFn) -> dict[str, Any]:
    targets = draw(st.lists(names, min_size=1, max_size=2))
    http: dict[str, Any] = draw(unknown)
    http["route"] = [
        {
            "destination": {"host": host} | draw(targets_more),
            **draw(unknown),
        }
        for host in targets
    ]
    if match := draw(st.lists(matches(), max_size=3)):
        http["match"] = match
    return http | draw(rewrites)


@st.composite
def virtual_services(draw: st.DrawFn) -> Manifest:
    gateways = draw(
        st.lists(st.sampled_from(["mesh", "istio-system/shared", "shared.istio-system", "gone/gone"]), min_size=1, max_size=3)
    )
    name = draw(st.sampled_from(["a", "b", "c"]))
    http = draw(st.lists(routes(), min_size=1, max_size=3))
    return ingress(*http, hosts=tuple(draw(hosts)), name=name, gateways=gateways, **draw(unknown))


@st.composite
def servers(draw: st.DrawFn) -> dict[str, Any]:
    number, protocol = draw(st.sampled_from([(80, "HTTP"), (443, "HTTPS"), (9000, "TCP"), (8080, "http2")]))
    return server(*draw(hosts), port=number, protocol=protocol, **draw(tls_settings), **draw(unknown))


@st.composite
def meshes(draw: st.DrawFn) -> Facts:
    found = {manifest["metadata"]["name"]: manifest for manifest in draw(st.lists(virtual_services(), max_size=3))}
    gateways = [gateway(*draw(st.lists(servers(), max_size=3)))] if draw(st.booleans()) else []
    return mesh(*gateways, *found.values())


@given(meshes())
@settings(max_examples=150)
def test_sending_back_what_was_read_changes_nothing(facts: Facts) -> None:
    before = copy.deepcopy(facts.objects)
    for raw in (read(facts, REVIEWS), {}):
        intent = parse(raw, facts, REVIEWS)
        assert isinstance(intent, GatewayIntent), intent
        plan = render(intent, facts)
        assert all(item.before == item.after for item in plan.items)
        assert not plan.changing
    assert facts.objects == before


@given(meshes())
@settings(max_examples=100)
def test_exposing_one_more_leaves_every_other_route_and_server_as_it_is(facts: Facts) -> None:
    if facts.get(SHARED) is None:
        return
    rows = [*read(facts, REVIEWS)["exposures"], new(hosts="unheard.example.net", port=8443, protocol="HTTPS", credential="c")]
    intent = parse({"exposures": rows}, facts, REVIEWS)
    assert isinstance(intent, GatewayIntent), intent
    after = facts.after(render(intent, facts))
    for live in facts.objects:
        now = after.get(ref_of(live))
        assert now is not None
        if live["kind"] == "VirtualService":
            assert now == live
        else:
            assert now["spec"]["servers"][: len(live["spec"]["servers"])] == live["spec"]["servers"]
    assert any(row["hosts"] == "unheard.example.net" for row in read(after, REVIEWS)["exposures"])


@given(meshes())
@settings(max_examples=100)
def test_taking_every_row_away_leaves_no_way_in_and_touches_nobody_else(facts: Facts) -> None:
    intent = parse({"exposures": []}, facts, REVIEWS)
    assert isinstance(intent, GatewayIntent), intent
    after = facts.after(render(intent, facts))
    assert read(after, REVIEWS) == {"exposures": []}
    others = [row["hosts"] for row in read(facts, RATINGS)["exposures"]]
    shared = {live.origin for live in exposures(facts, REVIEWS)}
    assert len(others) >= len(read(after, RATINGS)["exposures"])
    if not shared:
        assert after.objects == facts.objects
