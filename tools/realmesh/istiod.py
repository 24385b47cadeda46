"""istiod beside a Kubernetes API: its CRDs, its validation and injection webhooks, its xDS servers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tools.realmesh import build
from tools.realmesh.kubectl import Kubectl, fetch
from tools.realmesh.processes import Failed, Processes, die_with_parent

PORTS = ("monitoring", "http", "webhook", "xds", "xds_tls")
VALIDATOR, INJECTOR = "istio-validator-istio-system", "istio-sidecar-injector"
_ENVIRONMENT = {
    "POD_NAMESPACE": "istio-system",
    "POD_NAME": "istiod-0",
    "REVISION": "default",
    "CLUSTER_ID": "Kubernetes",
    "PILOT_CERT_PROVIDER": "istiod",
    "ISTIOD_CUSTOM_HOST": "localhost",
    "VALIDATION_WEBHOOK_CONFIG_NAME": VALIDATOR,
    "INJECTION_WEBHOOK_CONFIG_NAME": INJECTOR,
    # documented switches that keep its output within what a stock Envoy understands
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_ALPN_FILTER": "false",
}


def start(binaries: Path, folder: Path, port: dict[str, int], kubectl: Kubectl, processes: Processes) -> dict[str, Any]:
    """Install and start it on the ports PORTS of `port`. Returns what `up` prints of it; raises Failed."""
    _install(binaries / "istioctl", kubectl)
    _point_webhooks_at(f"https://localhost:{port['webhook']}", kubectl)
    home = folder / "istiod"
    home.mkdir(exist_ok=True)
    kubeconfig = folder / "admin.kubeconfig"
    http = f"http://127.0.0.1:{port['http']}"
    processes.start("istiod", [
        binaries / "pilot-discovery", "discovery", "--kubeconfig", kubeconfig,
        "--httpAddr", f"127.0.0.1:{port['http']}", "--httpsAddr", f"127.0.0.1:{port['webhook']}",
        "--grpcAddr", f"127.0.0.1:{port['xds']}", "--secureGRPCAddr", f"127.0.0.1:{port['xds_tls']}",
        "--monitoringAddr", f"127.0.0.1:{port['monitoring']}", "--ctrlz_port", 0,
    ], cwd=home, env=_ENVIRONMENT | {"KUBECONFIG": str(kubeconfig)})  # fmt: skip
    processes.wait("istiod", lambda: fetch(f"{http}/ready") is not None)
    processes.wait("istiod", lambda: _has_taken_webhooks(kubectl))
    return {
        "istio": build.ISTIO.split("@")[1],
        "istiod_http": http,
        "istiod_monitoring": f"http://127.0.0.1:{port['monitoring']}",
        "xds": f"127.0.0.1:{port['xds']}",
        "xds_tls": f"localhost:{port['xds_tls']}",
    }


def _install(istioctl: Path, kubectl: Kubectl) -> None:
    settings = (
        "profile=minimal", "values.global.proxy.image=proxyv2", "values.pilot.autoscaleEnabled=false",
        "values.global.istiod.enableAnalysis=false",
    )  # fmt: skip
    command = [str(istioctl), "manifest", "generate", *(word for setting in settings for word in ("--set", setting))]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=die_with_parent())
    if done.returncode:
        raise Failed(f"istioctl manifest generate: {done.stderr}")
    kubectl("create", "namespace", "istio-system")
    kubectl.apply(done.stdout)
    kubectl("wait", "--for", "condition=Established", "crd", "--all", "--timeout=60s")


def _point_webhooks_at(address: str, kubectl: Kubectl) -> None:
    """There is no Service that leads to it, so the webhooks get its address. It fills in its CA by itself."""
    webhooks = [("validatingwebhookconfiguration", VALIDATOR, "/validate"), ("mutatingwebhookconfiguration", INJECTOR, "/inject")]
    for kind, name, path in webhooks:
        configuration = kubectl.json("get", kind, name)
        for hook in configuration["webhooks"]:
            hook["clientConfig"] = {"url": address + path}
            if path == "/validate":
                hook.pop("objectSelector", None)  # else only objects labelled with this revision are checked
        kubectl("replace", "-f", "-", stdin=json.dumps(configuration))


def _has_taken_webhooks(kubectl: Kubectl) -> bool:
    """It fills in the CA of both webhooks and turns the validating one to fail-close by itself."""
    names = (f"validatingwebhookconfiguration/{VALIDATOR}", f"mutatingwebhookconfiguration/{INJECTOR}")
    validating, injecting = kubectl.json("get", *names)["items"]
    hooks = [*validating["webhooks"], *injecting["webhooks"]]
    trusted = all(hook["clientConfig"].get("caBundle") for hook in hooks)
    return trusted and all(hook["failurePolicy"] == "Fail" for hook in validating["webhooks"])
