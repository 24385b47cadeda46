"""What may be typed in a row, and what stands in the way of another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshportal.mesh.facts import Facts
from meshportal.mesh.field_errors import FieldError
from meshportal.mesh.findings import Level, Severity
from meshportal.mesh.gateways.binding import workloads
from meshportal.mesh.gateways.intent import GatewayIntent
from meshportal.mesh.gateways.reading import read
from meshportal.mesh.gateways.remarks import assess, remarks
from meshportal.mesh.gateways.rendering import render
from meshportal.mesh.gateways.typed import parse
from tests.mesh.gateways.objects import INGRESS, REVIEWS, gateway, ingress, mesh, new, route, server

SHARED = gateway(server("*"))


def errors(facts: Facts, *rows: Any) -> list[tuple[str, str]]:
    found = parse({"exposures": list(rows)}, facts, REVIEWS)
    assert isinstance(found, list), found
    return [(error.field, error.code) for error in found]


def intent(facts: Facts, *rows: Any) -> GatewayIntent:
    found = parse({"exposures": list(rows)}, facts, REVIEWS)
    assert isinstance(found, GatewayIntent), found
    return found


@pytest.mark.parametrize(
    ("field", "typed", "code"),
    [
        ("gateway", "istio-system/gone", "no-such-gateway"),
        ("hosts", "a.example.com, A.example.com", "host-twice"),
        ("gateway", "shared", "not-a-gateway"),
        ("gateway", ["x"], "not-text"),
        ("hosts", "", "host-missing"),
        ("hosts", "reviews", "host-too-short"),
        ("hosts", "10.0.0.1", "host-is-address"),
        ("hosts", "a_b.example.com", "not-a-host"),
        ("hosts", "a.*.example.com", "not-a-host"),
        ("hosts", "http://a.example.com", "not-a-host"),
        ("hosts", "a." * 130 + "com", "not-a-host"),
        ("hosts", "a.example.com *.example.com", "hosts-overlap"),
        ("hosts", ["a.example.com", 7.5], "host-is-address"),
        ("hosts", "x" * 3000, "too-long"),
        ("hosts", "a.example.com\x00", "control-character"),
        ("port", "", "port-missing"),
        ("port", "0", "not-a-port"),
        ("port", "65536", "not-a-port"),
        ("port", "٣", "not-a-port"),
        ("port", -1, "not-a-port"),
        ("port", True, "not-a-port"),
        ("protocol", "SMTP", "not-offered"),
        ("credential", "x", "credential-without-tls"),
        ("redirect", "true", "redirect-without-tls"),
        ("redirect", "maybe", "not-a-tick"),
        ("target_port", "8080", "no-such-port"),
        ("rewrite", "v2", "path-without-slash"),
        ("rewrite", "/a?b", "path-with-more"),
        ("colour", "red", "unknown-field"),
        ("origin", "0:12345678", "origin-gone"),
        ("origin", "٣", "origin-gone"),
        ("paths", "x", "not-rows"),
    ],
)
def test_bad_input_names_its_field(field: str, typed: Any, code: str) -> None:
    assert (f"exposures[0].{field}", code) in errors(mesh(SHARED), new(**{field: typed}))


@pytest.mark.parametrize(
    ("path", "field", "code"),
    [
        ({"how": "prefix", "path": ""}, "path", "path-missing"),
        ({"how": "prefix", "path": "api"}, "path", "path-without-slash"),
        ({"how": "exact", "path": "/a b"}, "path", "path-with-more"),
        ({"how": "regex", "path": "/.*"}, "how", "not-offered"),
        ({"how": "prefix", "path": "/a", "origin": "0:12345678"}, "origin", "origin-gone"),
        ({"how": "prefix", "path": "/a", "x": 1}, "x", "unknown-field"),
    ],
)
def test_bad_paths_name_their_field(path: dict[str, Any], field: str, code: str) -> None:
    assert (f"exposures[0].paths[0].{field}", code) in errors(mesh(SHARED), new(paths=[path]))


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"credential": ""}, "credential", "credential-missing"),
        ({"credential": "Über"}, "credential", "not-a-name"),
        ({"tls_mode": "PASSTHROUGH"}, "tls_mode", "passthrough"),
        ({"tls_mode": "ISTIO"}, "tls_mode", "not-offered"),
        ({"port": 80, "redirect": True}, "redirect", "port-protocol"),
    ],
)
def test_https_asks_for_more(fields: dict[str, Any], field: str, code: str) -> None:
    row = new(port=443, protocol="HTTPS", credential="c") | fields
    assert (f"exposures[0].{field}", code) in errors(mesh(gateway(server("a.example.com", port=81))), row)


def test_where_there_are_no_gateways_none_is_offered() -> None:
    assert ("exposures[0].gateway", "no-gateways") in errors(mesh(), new(gateway="istio-system/gone"))


def test_a_new_gateway_needs_proxies() -> None:
    assert errors(mesh(), new(gateway="", workload="")) == [("exposures[0].workload", "workload-missing")]
    assert errors(mesh(), new(gateway="", workload="ingress")) == [("exposures[0].workload", "not-labels")]


def test_a_service_with_several_ports_needs_one() -> None:
    row = new(target_port="")
    assert errors(mesh(SHARED, ports=(80, 9080)), row) == [("exposures[0].target_port", "target-port-missing")]
    assert intent(mesh(SHARED), row).exposures[0].target_port == 9080


def test_the_whole_can_be_wrong_too() -> None:
    facts = mesh(SHARED)
    assert parse({"exposures": "x"}, facts, REVIEWS) == [FieldError("exposures", "not-rows", {"limit": 50})]
    assert parse({"routes": []}, facts, REVIEWS) == [FieldError("routes", "unknown-field", {"known": "exposures"})]
    assert errors(facts, "x") == [("exposures[0]", "not-a-row")]


def test_one_port_of_a_gateway_speaks_one_protocol() -> None:
    row = new(port=80, protocol="HTTPS", credential="c")
    assert errors(mesh(SHARED), row) == [("exposures[0].port", "port-protocol")]


def test_a_path_that_somebody_has_already_is_refused() -> None:
    facts = mesh(SHARED, ingress(route(("prefix", "/api"), to="ratings"), route(to="ratings")))
    assert errors(facts, new()) == [("exposures[0].paths[0].path", "path-taken")]
    assert errors(facts, new(paths=[])) == [("exposures[0].paths", "path-taken")]
    other = ingress(route(("prefix", "/api"), to="ratings"), name="other", gateways=["istio-system/shared", "mesh"])
    assert errors(mesh(SHARED, other), new()) == [("exposures[0].paths[0].path", "path-taken")]


def test_two_rows_cannot_have_one_path() -> None:
    assert [code for _field, code in errors(mesh(SHARED), new(), new())] == ["path-taken", "path-taken"]
    twice = [{"how": "prefix", "path": "/a"}] * 2
    assert errors(mesh(SHARED), new(paths=twice)) == [("exposures[0].paths[1].path", "path-twice")]


def test_paths_that_belong_on_both_sides_of_a_route_need_rows_of_their_own() -> None:
    facts = mesh(SHARED, ingress(route(("prefix", "/a"), to="ratings"), route(("prefix", "/c"), to="ratings")))
    paths = [{"how": "prefix", "path": "/a/b"}, {"how": "prefix", "path": "/"}]
    assert errors(facts, new(paths=paths)) == [("exposures[0].paths[1].path", "path-takes")]
    rows = [new(paths=[path]) for path in paths]
    after = facts.after(render(intent(facts, *rows), facts))
    http = after.get(INGRESS)
    assert http is not None
    assert [route["match"][0]["uri"]["prefix"] for route in http["spec"]["http"]] == ["/a/b", "/a", "/c", "/"]


def test_a_row_whose_route_somebody_else_has_changed_is_refused() -> None:
    facts = mesh(SHARED, ingress(route(("prefix", "/api"))))
    row = read(facts, REVIEWS)["exposures"][0]
    changed = mesh(SHARED, ingress(route(("prefix", "/api"), timeout="3s")))
    assert errors(changed, row) == [("exposures[0].origin", "origin-gone")]
    assert errors(facts, row, row) == [("exposures[1].origin", "origin-twice")]


def test_a_redirect_that_others_share_cannot_be_taken_out_for_one_host() -> None:
    https = server("*", port=443, protocol="HTTPS", tls={"mode": "SIMPLE", "credentialName": "c"})
    facts = mesh(gateway(server("*.example.com", tls={"httpsRedirect": True}), https), ingress(route()))
    row = read(facts, REVIEWS)["exposures"][0] | {"redirect": False}
    assert errors(facts, row) == [("exposures[0].redirect", "redirect-shared")]


def test_a_field_that_is_left_out_stays_and_one_that_is_odd_is_not_judged_while_it_stays() -> None:
    through = server("*", port=443, protocol="TLS", tls={"mode": "PASSTHROUGH"})
    facts = mesh(gateway(through), ingress(route(("regex", "/.*")), hosts=("reviews",)))
    row = read(facts, REVIEWS)["exposures"][0]
    (exposure,) = intent(facts, {"origin": row["origin"], "rewrite": "/x"}).exposures
    assert exposure.edited == {"rewrite"}
    assert (exposure.tls_mode, exposure.hosts, exposure.paths[0].how) == ("PASSTHROUGH", ("reviews",), "regex")


def test_an_intent_is_read_again_as_it_was_saved() -> None:
    facts = mesh(SHARED, ingress(route(("prefix", "/api"))))
    rows = [read(facts, REVIEWS)["exposures"][0], new(hosts="b.example.com", paths=[{"how": "exact", "path": "/b"}])]
    first = intent(facts, *rows)
    assert parse(first.raw(), facts, REVIEWS) == first


def test_ingress_gateways_are_offered_with_their_pods() -> None:
    facts = mesh(gateway(server("*"), selector={"app": "istio-ingressgateway"}))
    assert [(one.labels, one.namespace, one.ready) for one in workloads(facts)] == [
        ("app=istio-ingressgateway", "istio-system", 2),
        ("istio=ingressgateway", "istio-system", 2),
    ]


def test_a_new_row_starts_from_what_the_mesh_has_already() -> None:
    (exposure,) = intent(mesh(gateway(server("a.example.com", port=81))), {"hosts": "b.example.com"}).exposures
    assert exposure.gateway is not None
    assert (exposure.gateway.name, exposure.port, exposure.protocol, exposure.target_port) == ("shared", 80, "HTTP", 9080)
    (exposure,) = intent(mesh(), {"hosts": "b.example.com", "protocol": "https", "credential": "c"}).exposures
    assert (exposure.gateway, exposure.workload) == (None, {"istio": "ingressgateway"})
    assert (exposure.port, exposure.tls_mode, exposure.paths) == (443, "SIMPLE", ())


# ---------------------------------------------------------------- remarks and risk


def said(facts: Facts, *rows: Any) -> dict[str, tuple[Severity, str]]:
    asked = intent(facts, *rows)
    return {one.code: (one.severity, one.field) for one in remarks(asked, facts, render(asked, facts))}


def test_opening_a_service_to_the_outside_is_a_warning_and_never_a_low_risk() -> None:
    facts = mesh(SHARED)
    assert said(facts, new()) == {
        "MP0801": (Severity.WARNING, "exposures[0].hosts"),
        "MP0805": (Severity.INFO, "exposures[0].protocol"),
    }
    asked = intent(facts, new())
    assert assess(asked, remarks(asked, facts, render(asked, facts))).level is Level.MEDIUM


def test_nothing_to_do_is_an_error() -> None:
    facts = mesh(SHARED, ingress(route()))
    assert said(facts, read(facts, REVIEWS)["exposures"][0]) == {"MP0101": (Severity.ERROR, "")}


def test_what_else_an_edit_brings_is_said() -> None:
    https = server("*", port=443, protocol="HTTPS", tls={"mode": "SIMPLE", "credentialName": "c"})
    facts = mesh(gateway(server("*"), https))
    assert said(facts, new())["MP0802"] == (Severity.WARNING, "exposures[0].port")
    facts = mesh(SHARED, ingress(route(), gateways=["mesh", "istio-system/shared"]))
    row = read(facts, REVIEWS)["exposures"][0]
    assert said(facts, row | {"rewrite": "/x"}) == {"MP0803": (Severity.WARNING, "exposures[0]")}
    tls = new(port=443, protocol="HTTPS", credential="name")
    assert said(mesh(gateway(server("x.y"))), tls)["MP0804"] == (Severity.INFO, "exposures[0].credential")


def test_a_rewrite_that_would_double_a_slash_is_said() -> None:
    facts = mesh(SHARED)
    assert said(facts, new(rewrite="/"))["MP0808"] == (Severity.INFO, "exposures[0].rewrite")
    for path, rewrite in (("/api/", "/"), ("/api", "/v1"), ("/", "/")):
        assert "MP0808" not in said(facts, new(paths=[{"how": "prefix", "path": path}], rewrite=rewrite))


def test_taking_a_way_in_away_is_a_warning_and_says_what_stays() -> None:
    facts = mesh(gateway(server("reviews.example.com")), ingress(route()))
    assert said(facts) == {"MP0806": (Severity.WARNING, "exposures"), "MP0807": (Severity.INFO, "exposures")}


# ---------------------------------------------------------------- whatever comes

junk: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["/", "80", "*", "HTTPS"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["origin", "gateway", "workload", "hosts", "port", "protocol", "tls_mode", "credential", "redirect", "paths", "rewrite"]


@given(st.dictionaries(st.sampled_from(FIELDS), junk), st.booleans())
@settings(max_examples=200)
def test_nothing_that_is_sent_makes_it_raise(fields: dict[str, Any], onto_live: bool) -> None:
    facts = mesh(SHARED, ingress(route(("prefix", "/api"))))
    row = (read(facts, REVIEWS)["exposures"][0] if onto_live else new()) | fields
    outcome = parse({"exposures": [row]}, facts, REVIEWS)
    if isinstance(outcome, GatewayIntent):
        facts.after(render(outcome, facts))
    else:
        assert all(error.field.startswith("exposures[0]") for error in outcome)
