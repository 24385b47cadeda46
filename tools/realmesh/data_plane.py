"""A small real data plane under istiod: the workloads of workloads.py with stock Envoys as sidecars, all on loopback.

Linux only: there the whole of 127.0.0.0/8 is usable, and every workload has an address of its own in it. No iptables: every
listener is an ordinary socket (Sidecar, captureMode NONE).
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from tools.realmesh import build, control_page, metrics, prometheus, sidecars, traffic
from tools.realmesh.apps import App
from tools.realmesh.kubectl import Kubectl
from tools.realmesh.processes import Failed, Processes, free_ports
from tools.realmesh.workloads import NAMESPACE, PORT, WORKLOADS, Workload, addresses, pod_range

_POD_SECONDS = 20
_SCRAPE_SECONDS = 2.0


class DataPlane:
    """The running workloads. A context manager; `info` is what `dataplane` prints. Raises Failed when one does not start.

    `mesh` is what `up` printed. A `folder` of the caller's is kept at the end. With `watched` a Prometheus of the machine scrapes
    it; `per_second` requests are sent to reviews all the time.
    """

    def __init__(
        self, mesh: dict[str, Any], envoy: Path, *, namespace: str = NAMESPACE, folder: Path | None = None,
        workloads: tuple[Workload, ...] = WORKLOADS, watched: bool = False, per_second: float = 0,
    ) -> None:  # fmt: skip
        if "xds_tls" not in mesh:
            raise Failed("This mesh has no istiod: start it without --no-istiod.")
        self.mesh, self.envoy, self.namespace = mesh, envoy, namespace
        self.workloads = {workload.name: workload for workload in workloads}
        self.sidecars = [workload for workload in workloads if workload.sidecar]
        self.bin = build.binaries()
        self.kubectl = Kubectl(self.bin / "kube", Path(mesh["kubeconfig"]["admin"]))
        self.watched, self.per_second = watched, per_second
        self.keep = folder is not None
        self.dir = (folder or Path(tempfile.mkdtemp(prefix="dataplane-"))).resolve()
        self.dir.mkdir(parents=True, exist_ok=True)
        self.processes = Processes(self.dir)
        self.address: dict[str, str] = {}
        self.admin: dict[str, str] = {}
        self.pods: dict[str, tuple[str, str]] = {}
        self.apps: dict[str, App] = {}
        self.info: dict[str, Any] = {}

    def start(self) -> None:
        began = time.monotonic()
        self.address = addresses(self._network(), tuple(self.workloads.values()))
        for name, workload in self.workloads.items():
            if workload.serves:
                own = () if workload.sidecar else (self.address[name], PORT)
                self.apps[name] = App(workload.version, *own)
        self._configure_mesh()
        self._apply_workloads()
        self._start_sidecars()
        self._describe()
        self._watch_and_send()
        self.info["pids"] = self.processes.pids
        self.info["ready_seconds"] = round(time.monotonic() - began, 1)

    # ------------------------------------------------------------ objects

    def _network(self) -> str:
        """A /24 of loopback. A node's range of pods cannot change, so a mesh keeps the one it had."""
        nodes = self.kubectl.json("get", "nodes", "-l", "data-plane")["items"]
        if nodes:
            return str(nodes[0]["spec"]["podCIDR"].rpartition(".")[0])
        first = int(self.mesh["xds"].rpartition(":")[2])  # two meshes hardly begin their search at the same one
        for number in range(256):
            network = f"127.20.{(first + number) % 256}"
            if all(_is_free(address) for address in addresses(network, tuple(self.workloads.values())).values()):
                return network
        raise Failed(f"Port {PORT} is taken in all of 127.20.0.0/16.")

    def _configure_mesh(self) -> None:
        """No metrics provider: istiod then leaves out its filter istio.stats, which a stock Envoy does not know."""
        where = ("configmap", "istio", "-n", "istio-system")
        config = re.sub(r"metrics:\n\s*- prometheus", "metrics: []", self.kubectl.json("get", *where)["data"]["mesh"])
        self.kubectl("patch", *where, "--type", "merge", "-p", json.dumps({"data": {"mesh": config}}))
        self.kubectl.apply_template("metrics.yaml")

    def _apply_workloads(self) -> None:
        self.kubectl.apply_template("namespace.yaml", namespace=self.namespace)
        for name, workload in self.workloads.items():
            values = {"namespace": self.namespace, "name": name, "app": workload.app, "version": workload.version}
            values["address"] = self.address[name]
            self.kubectl.apply_template(
                "workload.yaml", cidr=pod_range(self.address[name]), sidecar=str(workload.sidecar).lower(),
                tls="istio" if workload.sidecar else "disabled", **values,
            )  # fmt: skip
            if workload.sidecar and workload.calls:
                self.kubectl.apply_template("calling-sidecar.yaml", **values)
            if workload.sidecar and workload.serves:
                self.kubectl.apply_template("serving-sidecar.yaml", port=self.apps[name].port, **values)

    def _pod(self, workload: Workload) -> str:
        """The name of its running pod. Raises Failed when there is none in time."""
        selector = ",".join(f"{key}={value}" for key, value in workload.labels.items())
        deadline = time.monotonic() + _POD_SECONDS
        while time.monotonic() < deadline:
            for pod in self.kubectl.json("get", "pods", "-n", self.namespace, "-l", selector)["items"]:
                if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
                    return str(pod["metadata"]["name"])
            time.sleep(0.1)
        raise Failed(f"There was no running pod of {workload.name} after {_POD_SECONDS} s.")

    # ------------------------------------------------------------ processes

    def _start_sidecars(self) -> None:
        root = self.kubectl.json("get", "configmap", "istio-ca-root-cert", "-n", "istio-system")["data"]["root-cert.pem"]
        mesh = sidecars.Mesh(self.namespace, self.mesh["xds_tls"], root, self.bin, self.kubectl)
        launcher = sidecars.write_launcher(self.dir, self.envoy)
        ports = iter(free_ports(2 * len(self.sidecars)))
        for workload in self.sidecars:
            admin, pod = next(ports), self._pod(workload)
            self.admin[workload.name] = f"http://127.0.0.1:{admin}"
            self.pods[workload.name] = (self.namespace, pod)
            sidecars.start(
                workload, mesh, self.processes, address=self.address[workload.name], pod=pod, launcher=launcher, admin=admin,
                status=next(ports),
            )  # fmt: skip
        for name, admin_url in self.admin.items():
            self.processes.wait(name, lambda admin=admin_url: sidecars.is_live(admin), 30)  # type: ignore[misc]

    def _describe(self) -> None:
        outside = {name: self.address[name] for name, workload in self.workloads.items() if not workload.sidecar}
        inbound = {name: self.address[name] for name in self.apps}
        control = control_page.serve(self.apps, inbound, outside, lambda: metrics.merged(self.admin, self.pods))
        callers = [name for name, workload in self.workloads.items() if workload.calls]
        self.info |= {
            "folder": str(self.dir),
            "namespace": self.namespace,
            "egress": {name: f"http://{self.address[name]}:{PORT}" for name in callers},
            "inbound": {name: f"http://{address}:{PORT}" for name, address in inbound.items()},
            "app": {name: app.server.url for name, app in self.apps.items()},
            "admin": self.admin,
            "pods": {name: pod for name, (_, pod) in self.pods.items()},
            "control": control,
            "merged_metrics": f"{control}/metrics",
        }

    def _watch_and_send(self) -> None:
        if self.watched:
            config = metrics.scrape_config(self.mesh, self.info, _SCRAPE_SECONDS)
            self.info["prometheus"] = prometheus.start(self.processes, config)
        if self.per_second > 0:
            callers: dict[str, str] = self.info["egress"]
            for egress in callers.values():
                traffic.send(egress, "reviews", self.per_second / len(callers))

    def stop(self) -> None:
        self.processes.stop()
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _is_free(address: str) -> bool:
    with closing(socket.socket()) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Envoy does: a closed connection holds no port
        try:
            sock.bind((address, PORT))
        except OSError:
            return False
        return True
