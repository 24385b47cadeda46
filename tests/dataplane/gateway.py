"""A real ingress gateway beside the data plane: one more Envoy, run by Istio's agent as a router on an address of its own."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.dataplane.plane import CLIENT, Plane, eventually
from tools.realmesh import build, sidecars
from tools.realmesh.processes import Processes, free_ports
from tools.realmesh.workloads import Workload, pod_range

GATEWAY = Workload("ingress", "v1", calls=True)
PORT = 8080
NETWORKING = "networking.istio.io/v1"
_NUMBER = 21  # the data plane's own workloads have the lower ones of its /24


@dataclass
class Door:
    plane: Plane
    address: str

    def ask(self, host: str, path: str = "/", **headers: str) -> int:
        """The status of one request on a new connection, 0 where nobody listens."""
        connection = http.client.HTTPConnection(self.address, PORT, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": host, **headers})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    @contextmanager
    def opened(self, hosts: list[str], route: dict[str, Any]) -> Iterator[None]:
        """A Gateway named site for `hosts`, and a VirtualService of this spec."""
        port = {"number": PORT, "name": "http", "protocol": "HTTP"}
        server = {"bind": self.address, "port": port, "hosts": hosts}
        made = {"Gateway": {"selector": {"app": GATEWAY.app}, "servers": [server]}, "VirtualService": route}
        for kind, spec in made.items():
            self.plane.kubectl.apply(self.plane.manifest(NETWORKING, kind, "site", spec))
        try:
            yield
        finally:
            for kind in made:
                self.plane.kubectl("delete", kind, "site", "-n", self.plane.namespace)
            eventually("the door is shut", lambda: self.ask("anybody") == 0)


@contextmanager
def gateway(plane: Plane, folder: Path) -> Iterator[Door]:
    network = str(urlsplit(plane.info["egress"][CLIENT]).hostname).rpartition(".")[0]
    address, kubectl = f"{network}.{_NUMBER}", plane.kubectl
    kubectl.apply_template(
        "workload.yaml", cidr=pod_range(address), sidecar="false", tls="disabled", namespace=plane.namespace, name=GATEWAY.name,
        app=GATEWAY.app, version=GATEWAY.version, address=address,
    )  # fmt: skip
    pods: list[str] = []

    def has_pod() -> bool:
        found = kubectl.json("get", "pods", "-n", plane.namespace, "-l", f"app={GATEWAY.app}")["items"]
        pods[:] = [pod["metadata"]["name"] for pod in found if pod["status"].get("phase") == "Running"]
        return bool(pods)

    eventually("it has a pod", has_pod)
    root = kubectl.json("get", "configmap", "istio-ca-root-cert", "-n", "istio-system")["data"]["root-cert.pem"]
    mesh = sidecars.Mesh(plane.namespace, plane.mesh["xds_tls"], root, build.binaries(), kubectl)
    processes = Processes(folder)
    try:
        admin, status = free_ports(2)
        launcher = sidecars.write_launcher(folder, sidecars.find_envoy())
        sidecars.start(
            GATEWAY, mesh, processes, address=address, pod=pods[0], launcher=launcher, admin=admin, status=status, role="router"
        )
        processes.wait(GATEWAY.name, lambda: sidecars.is_live(f"http://127.0.0.1:{admin}"), 30)
        yield Door(plane, address)
    finally:
        processes.stop()
        for kind in ("deployment", "workloadentry"):
            kubectl("delete", kind, GATEWAY.name, "-n", plane.namespace)


def bound(host: str, *routes: dict[str, Any], to: str = "site") -> dict[str, Any]:
    """The spec of a VirtualService."""
    return json.loads(json.dumps({"hosts": [host], "gateways": [to], "http": list(routes)}))  # type: ignore[no-any-return]  # of what was a dict
