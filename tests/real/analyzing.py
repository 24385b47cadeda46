"""`istioctl analyze` and the rules of this portal over the same objects."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from typing import Any

from meshportal.mesh.facts import Facts, PodGroup, ServiceFacts
from meshportal.mesh.refs import DESTINATION_RULE, GATEWAY, VIRTUAL_SERVICE, Manifest
from meshportal.mesh.rules import analyse
from meshportal.mesh.rules.table import CODES, istio_codes
from tools.realmesh import build

KINDS = {kind.kind for kind in (VIRTUAL_SERVICE, DESTINATION_RULE, GATEWAY)}
CLAIMED = istio_codes(CODES)
OF_A_CLUSTER = frozenset({"KIA1101", "IST0101", "IST0112", "KIA0302", "KIA0202", "KIA0203", "IST0140", "IST0145"})
"""Codes of ours for which istioctl wants Services and Pods, and those it takes from a running cluster alone."""

Said = set[tuple[str, str]]
"""(Istio's code, object as istioctl names it)"""


def theirs(objects: Iterable[Manifest], kubeconfig: str = "") -> Said:
    """What istioctl says of `objects`, with what is in the cluster of `kubeconfig` if one is given; codes that we claim alone."""
    command = [str(build.binaries() / "istioctl"), "analyze", "-A", "-o", "json", "-"]
    command += [] if kubeconfig else ["--use-kube=false"]
    text = "\n---\n".join(json.dumps({**manifest, "apiVersion": "networking.istio.io/v1"}) for manifest in objects)
    env = {**os.environ, "KUBECONFIG": kubeconfig or os.devnull}
    # it ends with 79 where it finds an error
    done = subprocess.run(command, input=text, env=env, capture_output=True, text=True, timeout=60)
    # an object that it cannot read is a line of its log, before the JSON
    start = done.stdout.find("[\n") if "[\n" in done.stdout else done.stdout.rfind("[")
    assert start >= 0, done.stderr
    messages: list[dict[str, Any]] = json.loads(done.stdout[start:])
    return {
        (message["code"], message["origin"])
        for message in messages
        if message["code"] in CLAIMED and message.get("origin", "").split(" ")[0] in KINDS
    }


def ours(facts: Facts, *, cluster: bool = False) -> Said:
    """The same of our rules: Istio's code for every finding that has one."""
    return {
        (code, str(finding.ref))
        for finding in analyse(facts)
        if finding.ref is not None and (cluster or finding.code not in OF_A_CLUSTER)
        for code in istio_codes([finding.code])
    }


def service_object(service: ServiceFacts) -> Manifest:
    ports = [{"name": f"{port.protocol}-{port.number}", "port": port.number, "protocol": "TCP"} for port in service.ports]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": service.ref.name, "namespace": service.ref.namespace},
        "spec": {"ports": ports, "selector": dict(service.selector)},
    }


def pod_object(group: PodGroup) -> Manifest:
    name = "-".join(group.labels.values())
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": group.namespace, "labels": dict(group.labels)},
        "spec": {"containers": [{"name": "istio-proxy", "image": "none"}]},
    }
