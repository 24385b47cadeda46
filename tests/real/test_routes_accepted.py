"""What the form for routes lets through, a real API server with Istio's webhook takes; and what the webhook would refuse, the
form refuses first."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clients.ports import ClusterPort, Rejected
from meshportal.mesh.facts import Facts
from meshportal.mesh.findings import Severity
from meshportal.mesh.refs import NAMESPACE, Manifest, ResourceRef, version_of
from meshportal.mesh.routes.live import RoutesLive
from meshportal.mesh.routes.reading import read
from meshportal.mesh.routes.rendering import render
from meshportal.mesh.routes.typed import parse
from meshportal.mesh.rules import analyse_plan
from meshportal.mesh.traffic import Pods
from tests.mesh.routes.manifests import REVIEWS, TEAM_ROUTES, destination_rule, to, virtual_service
from tests.processes import real_mesh
from tests.real.route_rules import (
    AUTHORITIES,
    DURATIONS,
    HEADERS,
    HOSTS,
    METHODS,
    OPERANDS,
    OPERATED,
    PATHS,
    PERCENTS,
    PORTS,
    REGEXES,
    RETRY_ON,
    STATUSES,
    SUBSETS,
    VALUES,
    Values,
    rules,
)

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

EXAMPLES, TAKEN = 400, 60
ANNOUNCED = {"not used": "IST0130", "is not used": "IST0131", "deprecated": "MP0250"}
"""What the webhook warns of, by words of its warnings, and the code by which the portal has said it."""


def lives() -> list[RoutesLive]:
    """Where an edit may start: nothing, little, and much that the form does not show."""
    pods = {"v1": Pods(3, 3), "v2": Pods(2, 2), "v3": Pods(1, 1)}
    full = virtual_service(*copy.deepcopy(TEAM_ROUTES))
    # what no API server takes together with the rest of it
    del full["spec"]["http"][2]["fault"]["delay"]["percent"]
    full["spec"]["http"][2]["fault"]["delay"]["percentage"] = {"value": 10}
    found: list[tuple[Manifest, ...]] = [(), (virtual_service({"route": [to("v1")]}),), (full,)]
    return [RoutesLive(REVIEWS, services, (destination_rule("v1", "v2"),), pods) for services in found]


GOOD_HERE: dict[str, set[str]] = {
    "redirect path": {"/a?b", "/#x"},
    "mirror percent": {""},
    "header to set": {":authority", "host"},
}
"""Values that are bad for one field and good for another that shares its list."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterPort]:
    with real_mesh() as info, _client(info["kubeconfig"]["admin"]) as admin:
        namespace: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": REVIEWS.namespace}}
        made = admin.create(namespace).manifest
        yield admin
        admin.delete(ResourceRef(NAMESPACE, "", REVIEWS.namespace), expect=version_of(made))


@contextmanager
def _client(kubeconfig: str) -> Iterator[KubernetesCluster]:
    client = KubernetesCluster.from_kubeconfig(kubeconfig)
    try:
        yield client
    finally:
        client.close()


def taken(raw: dict[str, Any], live: RoutesLive, cluster: ClusterPort) -> bool:
    """Whether the form takes `raw`; what it takes, the server must take too, saying nothing that the portal has not said."""
    intent = parse(raw, live)
    if isinstance(intent, list):
        return False
    plan = render(intent, live)
    around = Facts(objects=(*live.virtual_services, *live.destination_rules), whole=False)
    findings = analyse_plan(around, plan)
    if any(finding.severity is Severity.ERROR for finding in findings):
        return False
    codes = {finding.code for finding in findings}
    for item in plan.items:
        assert item.after is not None
        written = cluster.create(item.after, dry_run=True)
        for warning in written.warnings:
            assert any(words in warning and code in codes for words, code in ANNOUNCED.items()), (warning, codes)
        assert written.manifest["spec"] == item.after["spec"], "the server dropped something"
    return True


def test_what_the_form_lets_through_the_server_takes(cluster: ClusterPort) -> None:
    good: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.large_base_example],
    )
    @given(rules(), st.sampled_from(lives()), st.booleans())
    def each(rule: dict[str, Any], live: RoutesLive, first: bool) -> None:
        kept = read(live)["routes"]
        raw = {"routes": [rule, *kept] if first else [*kept, rule]}
        good.extend([1] if taken(raw, live, cluster) else [])

    each()
    assert len(good) >= TAKEN, f"only {len(good)} rules were good enough to be asked for"


def _rule(**parts: Any) -> dict[str, Any]:
    return {"destinations": [{"subset": "v1"}], **parts}


LEAVES: dict[str, tuple[Values, Callable[[str], dict[str, Any]]]] = {
    "path": (PATHS, lambda text: _rule(match=[{"path_how": "prefix", "path": text}])),
    "path regex": (REGEXES, lambda text: _rule(match=[{"path_how": "regex", "path": text}])),
    "method": (METHODS, lambda text: _rule(match=[{"method": text, "path_how": "exact", "path": "/"}])),
    "header to match": (HEADERS, lambda text: _rule(match=[{"headers": [{"name": text, "value": "x"}]}])),
    "header regex": (REGEXES, lambda text: _rule(match=[{"headers": [{"name": "x", "how": "regex", "value": text}]}])),
    "header value": (VALUES, lambda text: _rule(match=[{"headers": [{"name": "x", "how": "prefix", "value": text}]}])),
    "query name": (VALUES, lambda text: _rule(match=[{"query": [{"name": text, "how": "present"}]}])),
    "host": (HOSTS, lambda text: _rule(destinations=[{"host": text}])),
    "subset": (SUBSETS, lambda text: _rule(destinations=[{"subset": text}])),
    "port": (PORTS, lambda text: _rule(destinations=[{"port": text}])),
    "rewrite path": (PATHS, lambda text: _rule(rewrite={"uri": text})),
    "rewrite host": (AUTHORITIES, lambda text: _rule(rewrite={"authority": text})),
    "redirect path": (PATHS, lambda text: {"redirect": {"uri": text, "authority": "a"}}),
    "redirect host": (AUTHORITIES, lambda text: {"redirect": {"uri": "/", "authority": text}}),
    "timeout": (DURATIONS, lambda text: _rule(timeout=text)),
    "each try": (DURATIONS, lambda text: _rule(retries={"attempts": "2", "per_try_timeout": text})),
    "tries again on": (RETRY_ON, lambda text: _rule(retries={"attempts": "2", "retry_on": text})),
    "abort status": (STATUSES, lambda text: _rule(fault={"abort": {"status": text, "percent": "1"}})),
    "abort percent": (PERCENTS, lambda text: _rule(fault={"abort": {"status": "503", "percent": text}})),
    "delay": (DURATIONS, lambda text: _rule(fault={"delay": {"duration": text, "percent": "1"}})),
    "mirror percent": (PERCENTS, lambda text: _rule(mirrors=[{"subset": "v2", "percent": text}])),
    "header to set": (OPERATED, lambda text: _rule(headers=[{"name": text, "value": "x"}])),
    "header to remove": (OPERATED, lambda text: _rule(headers=[{"do": "remove", "name": text}])),
    "header of answers": (OPERATED, lambda text: _rule(headers=[{"on": "response", "name": text, "value": "x"}])),
    "value to set": (OPERANDS, lambda text: _rule(headers=[{"name": "x", "value": text}])),
}


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_value_that_the_form_takes_the_server_takes(cluster: ClusterPort, leaf: str) -> None:
    values, rule = LEAVES[leaf]
    refused = [text for text in values.good if not taken({"routes": [rule(text)]}, lives()[0], cluster)]
    let_through = [text for text in values.bad if taken({"routes": [rule(text)]}, lives()[0], cluster)]
    assert not refused, "the form refuses what is good"
    assert set(let_through) <= GOOD_HERE.get(leaf, set()), "listed as bad, yet form and server take it"


@pytest.mark.parametrize("path", sorted({"attempts", "code", "percent"}))
def test_numbers_may_be_sent_as_numbers(cluster: ClusterPort, path: str) -> None:
    rule = {
        "attempts": {"destinations": [{"subset": "v1", "weight": 100}], "retries": {"attempts": 0}},
        "code": {"redirect": {"uri": "/x", "code": 308}},
        "percent": {"destinations": [{"port": 9080}], "fault": {"abort": {"status": 503, "percent": 0.5}}},
    }[path]
    assert taken({"routes": [rule]}, lives()[0], cluster)


REFUSED: list[dict[str, Any]] = [
    {"route": [to("v1", 0), to("v2", 0)]},
    {"route": [to("V_1")]},
    {"route": [{"destination": {"host": "*"}}]},
    {"route": [to("v1")], "timeout": "0.5ms"},
    {"route": [to("v1")], "retries": {"attempts": 0, "perTryTimeout": "1s"}},
    {"route": [to("v1")], "fault": {"abort": {"httpStatus": 700, "percentage": {"value": 1}}}},
    {"route": [to("v1")], "fault": {"abort": {"httpStatus": 500, "percentage": {"value": 0.00001}}}},
    {"route": [to("v1")], "rewrite": {"authority": "a"}, "headers": {"request": {"set": {"host": "b"}}}},
    {"route": [to("v1")], "redirect": {"uri": "/x"}},
    {"redirect": {"uri": "/x", "redirectCode": 200}},
    {"redirect": {"uri": "/x"}, "rewrite": {"uri": "/y"}},
    {"route": [to("v1")], "match": [{"uri": {"regex": "("}}]},
    {"route": [to("v1")], "match": [{"headers": {"a b": {"exact": "x"}}}]},
    {"route": [to("v1")], "headers": {"response": {"set": {"x": "50%"}}}},
    {"route": [to("v1")], "headers": {"request": {"remove": ["host"]}}},
    {"match": [{"uri": {"prefix": "/"}}]},
]


@pytest.mark.parametrize("route", REFUSED, ids=[f"{number}" for number, _ in enumerate(REFUSED)])
def test_what_the_webhook_refuses_the_form_refuses_first(cluster: ClusterPort, route: dict[str, Any]) -> None:
    manifest = virtual_service(route)
    with pytest.raises(Rejected):
        cluster.create(manifest, dry_run=True)
    around = RoutesLive(REVIEWS, (manifest,), (destination_rule("v1", "v2"),))
    wanted = read(around)["routes"][0]
    without_origins = _as_new(wanted)
    assert isinstance(parse({"routes": [without_origins]}, lives()[0]), list), "the form took what Istio does not"


def _as_new(value: Any) -> Any:
    """A rule as if somebody had typed it."""
    if isinstance(value, dict):
        return {name: _as_new(inner) for name, inner in value.items() if name != "origin"}
    return [_as_new(inner) for inner in value] if isinstance(value, list) else value
