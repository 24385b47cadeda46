"""What a form for exposures writes, and what it leaves alone."""

from __future__ import annotations

import copy
from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.gateways.intent import GatewayIntent
from meshportal.mesh.gateways.reading import read
from meshportal.mesh.gateways.rendering import render
from meshportal.mesh.gateways.typed import parse
from meshportal.mesh.plans import Plan
from meshportal.mesh.refs import VIRTUAL_SERVICE, Manifest, ResourceRef
from tests.mesh.gateways.objects import HOST, INGRESS, OWN, REVIEWS, SHARED, gateway, ingress, mesh, new, route, server


def planned(facts: Facts, *rows: dict[str, Any]) -> Plan:
    intent = parse({"exposures": list(rows)}, facts, REVIEWS)
    assert isinstance(intent, GatewayIntent), intent
    return render(intent, facts)


def live_rows(facts: Facts) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read(facts, REVIEWS)["exposures"]
    return rows


def becomes(plan: Plan, ref: ResourceRef) -> Manifest | None:
    return next(item.after for item in plan.items if item.ref == ref)


def spec(plan: Plan, ref: ResourceRef) -> dict[str, Any]:
    after = becomes(plan, ref)
    assert after is not None
    found: dict[str, Any] = after["spec"]
    return found


def touched(plan: Plan) -> list[str]:
    return [f"{item.operation} {item.ref}" for item in plan.changing]


# ---------------------------------------------------------------- new ones


def test_a_service_is_exposed_on_a_new_gateway() -> None:
    plan = planned(mesh(), new(gateway="", workload="istio=ingressgateway", rewrite="/"))
    assert touched(plan) == [f"create {OWN}", f"create {INGRESS}"]
    assert spec(plan, OWN) == {
        "selector": {"istio": "ingressgateway"},
        "servers": [{"port": {"number": 80, "name": "http-80", "protocol": "HTTP"}, "hosts": ["reviews.example.com"]}],
    }
    assert spec(plan, INGRESS) == {
        "hosts": ["reviews.example.com"],
        "gateways": ["bookinfo/reviews-gateway"],
        "http": [
            {
                "match": [{"uri": {"prefix": "/api"}}],
                "route": [{"destination": {"host": HOST, "port": {"number": 9080}}}],
                "rewrite": {"uri": "/"},
            }
        ],
    }


def test_a_gateway_that_answers_the_host_already_is_not_touched() -> None:
    plan = planned(mesh(gateway(server("*.example.com"))), new())
    assert touched(plan) == [f"create {INGRESS}"]


def test_a_host_joins_the_server_of_its_port() -> None:
    plan = planned(mesh(gateway(server("a.example.com"), server("b.example.com", port=81))), new())
    assert [one["hosts"] for one in spec(plan, SHARED)["servers"]] == [
        ["a.example.com", "reviews.example.com"],
        ["b.example.com"],
    ]


def test_https_with_another_certificate_gets_a_server_of_its_own() -> None:
    other = server("a.example.com", port=443, protocol="HTTPS", tls={"mode": "SIMPLE", "credentialName": "theirs"})
    plan = planned(mesh(gateway(other)), new(port=443, protocol="HTTPS", credential="ours", redirect=True))
    kept, https, http = spec(plan, SHARED)["servers"]
    assert kept == other
    assert https["tls"] == {"mode": "SIMPLE", "credentialName": "ours"}
    assert https["hosts"] == ["reviews.example.com"]
    assert http == {
        "port": {"number": 80, "name": "http-80", "protocol": "HTTP"},
        "hosts": ["reviews.example.com"],
        "tls": {"httpsRedirect": True},
    }


def test_port_names_of_a_gateway_stay_different() -> None:
    taken = server("a.example.com", port=443, protocol="HTTPS", tls={"mode": "SIMPLE", "credentialName": "theirs"})
    taken["port"]["name"] = "https-443"
    plan = planned(mesh(gateway(taken)), new(port=443, protocol="HTTPS", credential="ours"))
    assert [one["port"]["name"] for one in spec(plan, SHARED)["servers"]] == ["https-443", "https-443-2"]


def test_a_route_joins_the_virtual_service_of_its_host_before_what_would_take_its_requests() -> None:
    facts = mesh(
        gateway(server("*")),
        ingress(route(("exact", "/health"), to="ratings"), route(("prefix", "/api/v1"), to="ratings"), route(to="ratings")),
    )
    plan = planned(facts, new())
    assert touched(plan) == [f"replace {INGRESS}"]
    paths = [[m["uri"] for m in http.get("match", [])] for http in spec(plan, INGRESS)["http"]]
    assert paths == [[{"exact": "/health"}], [{"prefix": "/api/v1"}], [{"prefix": "/api"}], []]


def test_a_name_that_is_taken_by_something_else_is_left_to_it() -> None:
    theirs = ingress(route(to="ratings"), hosts=("other.example.com",))
    plan = planned(mesh(gateway(server("*")), theirs), new())
    assert touched(plan) == [f"create {ResourceRef(VIRTUAL_SERVICE, 'bookinfo', 'reviews-ingress-2')}"]


def test_two_rows_for_one_new_gateway_share_it() -> None:
    rows = [new(gateway="", workload="istio=ingressgateway"), new(gateway="new", workload="istio=ingressgateway", port=8080)]
    rows[1]["paths"] = [{"how": "prefix", "path": "/other"}]
    plan = planned(mesh(), *rows)
    assert touched(plan) == [f"create {OWN}", f"create {INGRESS}"]
    assert [one["port"]["number"] for one in spec(plan, OWN)["servers"]] == [80, 8080]
    assert len(spec(plan, INGRESS)["http"]) == 2


# ---------------------------------------------------------------- editing


ODD: dict[str, Any] = {"timeout": "3s", "retries": {"attempts": 2}, "unknown": {"kept": [1, None]}}


def test_only_the_edited_field_of_a_route_changes() -> None:
    live = ingress(route(("prefix", "/api"), **ODD))
    live["spec"]["http"][0]["match"][0]["headers"] = {"x-user": {"exact": "beta"}}
    facts = mesh(gateway(server("*")), live)
    row = live_rows(facts)[0]
    row["paths"][0]["path"] = "/v2"
    expected = copy.deepcopy(live)
    expected["spec"]["http"][0]["match"][0]["uri"] = {"prefix": "/v2"}
    assert becomes(planned(facts, row), INGRESS) == expected


def test_a_rewrite_and_a_port_are_set_and_taken_away() -> None:
    facts = mesh(gateway(server("*")), ingress(route(**ODD, rewrite={"authority": "x"})), ports=(9080, 9090))
    row = live_rows(facts)[0] | {"rewrite": "/v2", "target_port": 9090}
    changed = spec(planned(facts, row), INGRESS)["http"][0]
    assert changed["rewrite"] == {"authority": "x", "uri": "/v2"}
    assert changed["route"][0]["destination"]["port"] == {"number": 9090}
    facts = mesh(gateway(server("*")), ingress(route(**ODD, rewrite={"uri": "/v2"})))
    row = live_rows(facts)[0] | {"rewrite": None}
    assert spec(planned(facts, row), INGRESS)["http"][0] == route(**ODD)


def test_a_host_of_its_own_virtual_service_is_renamed_there_and_in_its_gateway() -> None:
    own = gateway(server("reviews.example.com", bind="127.0.0.1"), name="reviews-gateway", namespace="bookinfo")
    facts = mesh(own, ingress(route(**ODD), gateways=["reviews-gateway"]))
    plan = planned(facts, live_rows(facts)[0] | {"hosts": "new.example.com"})
    assert spec(plan, INGRESS) == {"hosts": ["new.example.com"], "gateways": ["reviews-gateway"], "http": [route(**ODD)]}
    assert [one["hosts"] for one in spec(plan, OWN)["servers"]] == [["new.example.com"]]


def test_a_route_among_others_moves_whole_when_its_host_changes() -> None:
    facts = mesh(gateway(server("*")), ingress(route(("prefix", "/r"), to="reviews", **ODD), route(to="ratings")))
    plan = planned(facts, live_rows(facts)[0] | {"hosts": ["new.example.com"]})
    assert spec(plan, INGRESS)["http"] == [route(to="ratings")]
    moved = spec(plan, ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews-ingress-2"))
    assert moved["http"] == [route(("prefix", "/r"), to="reviews", **ODD)]
    assert moved["hosts"] == ["new.example.com"]


def test_short_hosts_are_written_in_full_before_a_route_leaves_its_namespace() -> None:
    mixed = route(("prefix", "/r"), mirror={"host": "shadow"})
    mixed["route"].append({"destination": {"host": "ratings"}, "weight": 0})
    live = ingress(mixed, route(to="ratings"))
    live["metadata"]["namespace"] = "platform"
    facts = mesh(gateway(server("*")), live)
    plan = planned(facts, live_rows(facts)[0] | {"hosts": "new.example.com"})
    (moved,) = spec(plan, INGRESS)["http"]
    assert [one["destination"]["host"] for one in moved["route"]] == [HOST, "ratings.platform.svc.cluster.local"]
    assert moved["mirror"]["host"] == "shadow.platform.svc.cluster.local"


def test_a_route_that_takes_more_than_before_moves_behind_those_that_it_would_rob() -> None:
    facts = mesh(gateway(server("*")), ingress(route(("exact", "/r")), route(("prefix", "/s"), to="ratings")))
    row = live_rows(facts)[0]
    row["paths"][0] |= {"how": "prefix", "path": "/"}
    after = spec(planned(facts, row), INGRESS)["http"]
    assert [http["match"][0]["uri"] for http in after] == [{"prefix": "/s"}, {"prefix": "/"}]


def test_a_route_at_several_gateways_stays_at_the_others() -> None:
    two = [gateway(server("*")), gateway(server("*"), name="internal")]
    both = ["istio-system/shared", "istio-system/internal"]
    facts = mesh(*two, ingress(route(), gateways=both))
    row = live_rows(facts)[0]
    renamed = spec(planned(facts, row | {"hosts": "new.example.com"}), INGRESS)
    assert (renamed["hosts"], renamed["gateways"]) == (["new.example.com"], both)
    facts = mesh(*two, ingress(route(("prefix", "/r")), route(to="ratings"), gateways=both))
    plan = planned(facts, live_rows(facts)[0] | {"hosts": "new.example.com"})
    assert spec(plan, ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews-ingress-2"))["gateways"] == both


def test_the_certificate_of_a_server_of_its_own_changes_in_place() -> None:
    tls = {"mode": "SIMPLE", "credentialName": "old", "minProtocolVersion": "TLSV1_3"}
    facts = mesh(
        gateway(server("reviews.example.com", port=443, protocol="HTTPS", tls=tls), server("x.example.com")), ingress(route())
    )
    plan = planned(facts, live_rows(facts)[0] | {"credential": "new", "tls_mode": "MUTUAL"})
    assert touched(plan) == [f"replace {SHARED}"]
    assert spec(plan, SHARED)["servers"][0]["tls"] == {
        "mode": "MUTUAL",
        "credentialName": "new",
        "minProtocolVersion": "TLSV1_3",
    }


def test_the_certificate_of_a_shared_server_does_not_change_for_the_others() -> None:
    tls = {"mode": "SIMPLE", "credentialName": "theirs"}
    facts = mesh(gateway(server("a.example.com", "reviews.example.com", port=443, protocol="HTTPS", tls=tls)), ingress(route()))
    servers = spec(planned(facts, live_rows(facts)[0] | {"credential": "ours"}), SHARED)["servers"]
    assert [(one["hosts"], one["tls"]["credentialName"]) for one in servers] == [
        (["a.example.com"], "theirs"),
        (["reviews.example.com"], "ours"),
    ]


def test_a_redirect_is_put_in_and_taken_out() -> None:
    tls = {"mode": "SIMPLE", "credentialName": "ours"}
    https = server("reviews.example.com", port=443, protocol="HTTPS", tls=tls)
    facts = mesh(gateway(https), ingress(route()))
    plan = planned(facts, live_rows(facts)[0] | {"redirect": "true"})
    assert spec(plan, SHARED)["servers"][1]["tls"] == {"httpsRedirect": True}
    later = facts.after(plan)
    assert live_rows(later)[0]["redirect"] is True
    plan = planned(later, live_rows(later)[0] | {"redirect": ""})
    assert spec(plan, SHARED)["servers"] == [https]


# ---------------------------------------------------------------- taking away


def test_the_last_row_takes_its_objects_with_it_routes_first() -> None:
    own = gateway(server("reviews.example.com"), name="reviews-gateway", namespace="bookinfo")
    plan = planned(mesh(own, ingress(route(), gateways=["bookinfo/reviews-gateway"])))
    assert [(item.ref, item.after) for item in plan.items] == [(INGRESS, None), (OWN, None)]


def test_a_removed_row_leaves_the_routes_of_others_and_their_hosts() -> None:
    own = gateway(server("reviews.example.com", "a.example.com"), name="reviews-gateway", namespace="bookinfo")
    gateways = ["bookinfo/reviews-gateway"]
    facts = mesh(own, ingress(route(("prefix", "/r")), route(to="ratings"), gateways=gateways))
    plan = planned(facts)
    assert touched(plan) == [f"replace {INGRESS}"]
    assert spec(plan, INGRESS)["http"] == [route(to="ratings")]
    facts = mesh(own, ingress(route(), gateways=gateways), ingress(route(to="ratings"), hosts=("a.example.com",), name="a"))
    assert [one["hosts"] for one in spec(planned(facts), OWN)["servers"]] == [["a.example.com"]]


def test_a_gateway_of_another_namespace_is_its_owners_to_tidy() -> None:
    plan = planned(mesh(gateway(server("reviews.example.com")), ingress(route())))
    assert touched(plan) == [f"delete {INGRESS}"]


def test_what_sidecars_follow_too_stays_for_them() -> None:
    both: dict[str, Any] = {"gateways": ["mesh", "istio-system/shared"]}
    plan = planned(mesh(gateway(server("*")), ingress(route(), **both)))
    assert spec(plan, INGRESS)["gateways"] == ["mesh"]
    assert spec(plan, INGRESS)["http"] == [route()]
    plan = planned(mesh(gateway(server("*")), ingress(route(("prefix", "/r")), route(to="ratings"), **both)))
    assert spec(plan, INGRESS)["http"][0]["match"] == [{"uri": {"prefix": "/r"}, "gateways": ["mesh"]}]
    assert read(mesh(gateway(server("*")), *[i.after for i in plan.items if i.after]), REVIEWS) == {"exposures": []}
