"""The traffic part of the document that the portal began as, its first example, asked for by a pipeline: what the API server
then has is what the document means. The same on a sandbox and on a real control plane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.putting_back import put_back
from tests.e2e.stage import NAMESPACE, SERVICE, Stage, stage

Json = dict[str, Any]
HOST = f"{SERVICE}.{NAMESPACE}.svc.cluster.local"
SUBSETS = [{"name": "stable", "labels": {"version": "v1"}}, {"name": "canary", "labels": {"version": "v2"}}]
DESTINATION: Json = {
    "load_balancer": {"how": "header", "header": "x-tenant-id"},
    "connection_pool": {
        "tcp": {"max_connections": 100, "connect_timeout": "10s"},
        "http": {"http1_max_pending_requests": 1024, "http2_max_requests": 1024, "max_requests_per_connection": 100},
    },
    "outlier_detection": {
        "on": True,
        "consecutive_5xx_errors": 5,
        "interval": "10s",
        "base_ejection_time": "30s",
        "max_ejection_percent": 50,
    },
}
RULE: Json = {
    "match": [{"path_how": "prefix", "path": "/v1/traces"}],
    "destinations": [{"subset": "stable", "port": 9080, "weight": 90}, {"subset": "canary", "port": 9080, "weight": 10}],
    "timeout": "30s",
    "retries": {"attempts": 3, "per_try_timeout": "10s", "retry_on": "5xx,reset,connect-failure"},
}
POLICY: Json = {
    "loadBalancer": {"consistentHash": {"httpHeaderName": "x-tenant-id"}},
    "connectionPool": {
        "tcp": {"maxConnections": 100, "connectTimeout": "10s"},
        "http": {"http1MaxPendingRequests": 1024, "http2MaxRequests": 1024, "maxRequestsPerConnection": 100},
    },
    "outlierDetection": {"consecutive5xxErrors": 5, "interval": "10s", "baseEjectionTime": "30s", "maxEjectionPercent": 50},
}
"""What of the DestinationRule the document means; its consecutive_errors is deprecated in Istio and written as what took its
place."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("sandbox", marks=pytest.mark.xdist_group("e2e")),
        pytest.param("real", marks=[pytest.mark.real, pytest.mark.xdist_group("journeys")]),
    ],
)
def mesh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A demo, and reviews afterwards as it was before: the sandbox is the one that all tests of this folder share."""
    name: str = request.param
    if name == "sandbox":
        shared: Stage = request.getfixturevalue("sandbox")
        with put_back(shared, "virtualservices", SERVICE), put_back(shared, "destinationrules", SERVICE):
            yield shared
        return
    with stage(tmp_path_factory.mktemp(f"seed-{name}") / "var", name) as started:
        yield started


@pytest.mark.e2e
def test_the_first_example_is_asked_for_over_rest_and_is_what_the_mesh_has(mesh: Stage) -> None:
    mesh.withdraw_all()
    mesh.set_weights(100, 0)
    destination = policy(mesh, "destination")
    subsets = [*destination["spec"]["subsets"], *SUBSETS]
    mesh.carried_out(asked(mesh, "destination", destination, DESTINATION | {"subsets": subsets}))
    rule = live(mesh, "destinationrules")["spec"]
    assert rule["trafficPolicy"] == POLICY
    assert rule["subsets"][-2:] == SUBSETS
    mesh.until(lambda: "stable" in names(policy(mesh, "destination")["spec"]["subsets"]), "the observer saw the subsets")

    routes = policy(mesh, "routes")
    spec = {"routes": [RULE, *routes["spec"]["routes"]]}
    status, said = mesh.ask("alice", "POST", "/changes", wanted(mesh, "routes", routes, spec))
    assert status == 422, "four tries of 10 s outlast the timeout of 30 s, and nobody has confirmed it"
    [problem] = said["problems"]
    assert problem["field"] == "confirm"
    assert "MP0207" in problem["message"]
    mesh.carried_out(asked(mesh, "routes", routes, spec, "MP0207"))
    first, *others = live(mesh, "virtualservices")["spec"]["http"]
    assert first == {
        "match": [{"uri": {"prefix": "/v1/traces"}}],
        "route": [to("stable", 90), to("canary", 10)],
        "timeout": "30s",
        "retries": {"attempts": 3, "perTryTimeout": "10s", "retryOn": "5xx,reset,connect-failure"},
    }
    assert [route["timeout"] for route in others] == ["5s"], "the rule that was there is there"


def to(subset: str, weight: int) -> Json:
    return {"destination": {"host": HOST, "port": {"number": 9080}, "subset": subset}, "weight": weight}


def names(rows: list[Json]) -> list[str]:
    return [row["name"] for row in rows]


def policy(mesh: Stage, kind: str) -> Json:
    """What a pipeline reads first: the policy as it is live, to be edited."""
    status, body = mesh.ask("alice", "GET", f"/services/{mesh.mesh}/{NAMESPACE}/{SERVICE}/policies/{kind}")
    assert status == 200, body
    found: Json = body
    return found


def wanted(mesh: Stage, kind: str, read: Json, spec: Json, *confirm: str) -> Json:
    place = {"cluster": mesh.mesh, "namespace": NAMESPACE, "service": SERVICE}
    more = {"reason": "As the document says", "submit": True, "base": read["base"], "confirm": list(confirm)}
    return {"kind": kind, "spec": spec} | place | more


def asked(mesh: Stage, kind: str, read: Json, spec: Json, *confirm: str) -> int:
    status, said = mesh.ask("alice", "POST", "/changes", wanted(mesh, kind, read, spec, *confirm))
    assert status == 201, said
    return int(said["id"])


def live(mesh: Stage, plural: str) -> Json:
    """The object named like the service, as the API server has it."""
    answer = mesh.kube().get(mesh.kube().path(plural, SERVICE))
    assert answer.status == 200, answer.body
    return answer.body
