"""One contract, three stages: the same tests see a cluster in memory, the sandbox's API and a real API server alike."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clients.ports import ClusterPort, Reason
from meshportal.mesh.refs import ISTIO_KINDS, NAMESPACE, Kind, Manifest, ResourceRef, ref_of, version_of
from tests.fake_schema import Versions
from tests.fakes import FakeCluster

NEGATIVE_WEIGHT = "weight -4 < 0"
TWO_TRACINGS = "multiple tracing is not currently supported"
SMALLEST: dict[str, dict[str, Any]] = {
    "VirtualService": {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}}]}]},
    "DestinationRule": {"host": "reviews"},
    "Gateway": {
        "selector": {"a": "b"},
        "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
    },
    "ServiceEntry": {
        "hosts": ["example.com"],
        "ports": [{"number": 443, "name": "https", "protocol": "TLS"}],
        "resolution": "NONE",  # to any other istiod gives addresses, in a status of its own
    },
    "Sidecar": {"egress": [{"hosts": ["./*"]}]},
    "PeerAuthentication": {"mtls": {"mode": "STRICT"}},
    "AuthorizationPolicy": {"action": "DENY", "rules": [{}]},
    "Telemetry": {"accessLogging": [{"disabled": True}]},
}
"""For each of Istio's kinds a spec that nobody minds."""
_numbers = itertools.count(1)


@dataclass
class Stage:
    """A cluster as the portal sees it, as `nobody` sees it, and a namespace that is this test's own."""

    cluster: ClusterPort
    nobody: ClusterPort
    namespace: str = field(default_factory=lambda: f"contract-{os.getpid()}-{next(_numbers)}")

    def __post_init__(self) -> None:
        self.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})

    def manifest(self, kind: str, name: str, **content: Any) -> Manifest:
        api_version = {known.kind: known.api_version for known in ISTIO_KINDS}.get(kind, "v1")
        return {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": self.namespace, "name": name}, **content}

    def smallest(self, kind: Kind) -> Manifest:
        """An object of one of Istio's kinds that nobody minds."""
        return self.manifest(kind.kind, "reviews", spec=SMALLEST[kind.kind])

    def route(self, name: str = "reviews", weights: tuple[int, ...] = (90, 10)) -> Manifest:
        routes = [
            {"destination": {"host": "reviews", "subset": subset}, "weight": weight}
            for subset, weight in zip(("baseline", "canary"), weights, strict=False)
        ]
        return self.manifest("VirtualService", name, spec={"hosts": ["reviews"], "http": [{"route": routes}]})

    def live(self, ref: ResourceRef) -> Manifest:
        manifest = self.cluster.get(ref)
        assert manifest is not None
        return manifest

    def somebody_else_changes(self, ref: ResourceRef) -> Manifest:
        """Gives it a label, and returns it as it is then."""
        manifest = self.live(ref)
        manifest["metadata"].setdefault("labels", {})["touched"] = str(next(_numbers))
        return self.cluster.replace(manifest, expect=version_of(manifest)).manifest

    def deleted(self, ref: ResourceRef) -> None:
        self.cluster.delete(ref, expect=version_of(self.live(ref)))

    def expect_refusal_of_negative_weights(self, ref: ResourceRef) -> None:
        """Real servers have a webhook for this; the fake is told."""
        if isinstance(self.cluster, FakeCluster):
            self.cluster.refuses(ref, [Reason("", NEGATIVE_WEIGHT)])

    def expect_warning_of_two_tracings(self) -> None:
        if isinstance(self.cluster, FakeCluster):
            self.cluster.warns(TWO_TRACINGS)

    def __str__(self) -> str:
        return self.namespace


@contextmanager
def fake_stage(versions: Versions | None = None) -> Iterator[Stage]:
    nobody = FakeCluster()
    for kind in (NAMESPACE, *ISTIO_KINDS):
        for verb in ("get", "list", "watch", "create", "update", "patch", "delete"):
            nobody.forbids(verb, kind)
    yield Stage(FakeCluster(versions=versions), nobody)


@contextmanager
def wire_stage(info: dict[str, Any]) -> Iterator[Stage]:
    """`info` is what the processes of tests/processes.py say of themselves."""
    admin, nobody = (KubernetesCluster.from_kubeconfig(info["kubeconfig"][user]) for user in ("admin", "nobody"))
    stage = Stage(admin, nobody)
    try:
        yield stage
    finally:
        # istiod and the watches of other tests need not carry what this one leaves behind
        stage.deleted(ref_of({"kind": "Namespace", "metadata": {"name": stage.namespace}}))
        admin.close()
        nobody.close()
