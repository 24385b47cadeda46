"""Kubernetes on loopback: etcd, kube-apiserver, its controllers and scheduler, and KWOK for nodes and pods; and istiod."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any, Self

from tools.realmesh import build, istiod
from tools.realmesh.kubectl import MANIFESTS, Kubectl, fetch
from tools.realmesh.processes import Processes, free_ports

USERS = {  # static bearer tokens: name -> groups; only admin may do anything until RBAC says so
    "admin": "system:masters",
    "portal": "meshportal",
    "observer": "meshportal-readers",
    "nobody": "",
}
_PORTS = ("api", "etcd", "peer", "controllers", "scheduler", "kwok", *istiod.PORTS)
# The order of the curve P-256, FIPS 186-5.
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def new_signing_key() -> str:
    """An ECDSA key on P-256 as PEM, to sign service accounts' tokens with.

    RFC 5915: SEQUENCE {1, the number, [0] the curve's name}; the public half may be left out. So openssl is not needed.
    """
    number = (secrets.randbelow(_P256_ORDER - 1) + 1).to_bytes(32, "big")
    der = bytes.fromhex("30310201010420") + number + bytes.fromhex("a00a06082a8648ce3d030107")
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join(["-----BEGIN EC PRIVATE KEY-----", *lines, "-----END EC PRIVATE KEY-----", ""])


class ControlPlane:
    """The running parts. A context manager; `info` is what `up` prints. Raises Failed when a part does not start.

    With `audit` the API server writes what it was asked into audit.log of the folder, one JSON object a line: whole request
    bodies of Istio's kinds, who and what of the others. A `folder` of the caller's is kept at the end and serves one start.
    """

    def __init__(self, *, nodes: int = 3, with_istiod: bool = True, audit: bool = False, folder: Path | None = None) -> None:
        self.bin = build.binaries()
        self.nodes, self.with_istiod, self.audit = nodes, with_istiod, audit
        self.keep = folder is not None
        self.dir = (folder or Path(tempfile.mkdtemp(prefix="realmesh-"))).resolve()
        self.dir.mkdir(parents=True, exist_ok=True)
        self.processes = Processes(self.dir)
        self.port = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self.tokens = {user: secrets.token_hex(16) for user in USERS}
        self.kubectl = Kubectl(self.bin / "kube", self.dir / "admin.kubeconfig")
        self.info: dict[str, Any] = {}

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.port['api']}"

    def start(self) -> None:
        began = time.monotonic()
        self._write_users()
        self._start_api_server()
        self._start_controllers()
        self._start_nodes()
        if self.with_istiod:
            self.info |= istiod.start(self.bin, self.dir, self.port, self.kubectl, self.processes)
        self.info |= {
            "ready_seconds": round(time.monotonic() - began, 1),
            "folder": str(self.dir),
            "kubernetes": build.KUBERNETES,
            "server": self.server,
            "certificate_authority": str(self.dir / "certs/apiserver.crt"),
            "tokens": self.tokens,
            "kubeconfig": {user: str(self.dir / f"{user}.kubeconfig") for user in USERS},
            "pids": self.processes.pids,
        }
        if self.audit:
            self.info["audit_log"] = str(self.dir / "audit.log")
        self._write_pids()

    def revive(self, after: float) -> None:
        """Start parts again that ended by themselves `after` seconds ago: with the same ports, tokens and data. None while there
        is a file `hold` in the folder: somebody looks at what an outage does, and needs it for as long as that takes."""
        if not (self.dir / "hold").exists() and self.processes.revive(after):
            self._write_pids()

    def _write_pids(self) -> None:
        """Into pids.json of the folder, as a whole: somebody may read it at any time."""
        new = self.dir / "pids.json.new"
        new.write_text(json.dumps(self.processes.pids))
        new.rename(self.dir / "pids.json")

    # ------------------------------------------------------------ parts

    def _write_users(self) -> None:
        (self.dir / "sa.key").write_text(new_signing_key())
        rows = [f'{self.tokens[user]},{user},{user},"{groups}"\n' for user, groups in USERS.items()]
        (self.dir / "tokens.csv").write_text("".join(rows))
        cluster = {"server": self.server, "certificate-authority": str(self.dir / "certs/apiserver.crt")}
        for user in USERS:
            config = {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "real",
                "clusters": [{"name": "real", "cluster": cluster}],
                "users": [{"name": user, "user": {"token": self.tokens[user]}}],
                "contexts": [{"name": "real", "context": {"cluster": "real", "user": user}}],
            }
            (self.dir / f"{user}.kubeconfig").write_text(json.dumps(config))

    def _start_api_server(self) -> None:
        kube, port = self.bin / "kube", self.port
        etcd = f"http://127.0.0.1:{port['etcd']}"
        self.processes.start(
            "etcd",
            [kube, "etcd", "--data-dir", self.dir / "etcd", "--client", etcd, "--peer", f"http://127.0.0.1:{port['peer']}"],
        )
        audit = ["--audit-log-path", "audit.log", "--audit-policy-file", MANIFESTS / "audit-policy.yaml"] if self.audit else []
        self.processes.start("apiserver", [
            kube, "apiserver", "--etcd-servers", etcd, "--cert-dir", "certs", "--bind-address", "127.0.0.1",
            "--advertise-address", "127.0.0.1", "--secure-port", port["api"], "--endpoint-reconciler-type", "none",
            "--authorization-mode", "RBAC", "--token-auth-file", "tokens.csv",
            "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", "sa.key",
            "--service-account-signing-key-file", "sa.key", "--service-cluster-ip-range", "10.96.0.0/16", "--allow-privileged",
            *audit,
        ])  # fmt: skip
        self.processes.wait("apiserver", lambda: bool(fetch(f"{self.server}/readyz", token=self.tokens["admin"])))

    def _start_controllers(self) -> None:
        kube, port = self.bin / "kube", self.port
        access = [
            "--kubeconfig", "admin.kubeconfig", "--authentication-kubeconfig", "admin.kubeconfig",
            "--authorization-kubeconfig", "admin.kubeconfig", "--bind-address", "127.0.0.1", "--leader-elect=false",
        ]  # fmt: skip
        self.processes.start("controllers", [
            kube, "controllers", *access, "--secure-port", port["controllers"],
            "--service-account-private-key-file", "sa.key", "--root-ca-file", "certs/apiserver.crt",
            "--controllers", "*,-nodeipam,-cloud-node-lifecycle,-service-lb-controller,-node-route-controller",
            # A node that was not heard of while the API server was away has its pods marked unready; a kubelet would tell better
            # when it is back, KWOK says a pod is ready once and never again.
            "--node-monitor-grace-period", "10m",
        ])  # fmt: skip
        self.processes.start("scheduler", [kube, "scheduler", *access, "--secure-port", port["scheduler"]])

    def _start_nodes(self) -> None:
        self.processes.start("kwok", [
            self.bin / "kwok", "--kubeconfig", "admin.kubeconfig", "--config", self.bin / "kwok.yaml",
            "--manage-all-nodes=true", "--node-lease-duration-seconds", 40, "--cidr", "10.244.0.1/16",
            "--server-address", f"127.0.0.1:{self.port['kwok']}",
        ])  # fmt: skip
        room = {"cpu": "1000", "memory": "4Ti", "pods": "10000"}
        nodes = [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": f"node-{number}", "labels": {"topology.kubernetes.io/zone": f"zone-{number % 3}"}},
                "status": {"allocatable": room, "capacity": room},
            }
            for number in range(self.nodes)
        ]
        self.kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": nodes}))

    # ------------------------------------------------------------ end

    def stop(self) -> None:
        self.processes.stop(grace=2)  # its data are thrown away, and an API server whose etcd ends waits for it much longer
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
