"""Plays the Deployment controller and the kubelet on an API behind which nobody runs pods: the sandbox's own.

Pods become Ready and run nothing. There are no ReplicaSets: a Deployment owns its pods.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from meshportal.mesh.refs import DEPLOYMENT, NAMESPACE, POD, Kind, Manifest
from meshportal.sandbox.world.kube import Kube, KubeError
from meshportal.sandbox.world.mirror import Mirror
from meshportal.sandbox.world.pods import has_sidecar, ready

log = logging.getLogger(__name__)

NODE = Kind("", "v1", "Node", "nodes")
HASH_LABEL = "pod-template-hash"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes makes random names of: no vowels, so no words."""


def is_needed(kube: Kube) -> bool:
    """True where the cluster has no node, so that nobody could run a pod. Raises KubeError."""
    try:
        nodes, _ = kube.list(NODE)
    except KubeError as error:
        if error.status in (404, 501):
            return True
        raise
    return not nodes


class Kubelet:
    def __init__(self, kube: Kube, mirror: Mirror) -> None:
        self._kube = kube
        self._mirror = mirror

    def reconcile(self) -> None:
        """One pass: pods of every Deployment towards its template and replicas, then its status. Raises KubeError.

        Works on the mirror's copy; what it could not finish yet it finishes in the pass that its own writes bring about.
        """
        pods = self._mirror.all(POD)
        deployments = self._mirror.all(DEPLOYMENT)
        injected = {
            namespace["metadata"]["name"]
            for namespace in self._mirror.all(NAMESPACE)
            if namespace["metadata"].get("labels", {}).get("istio-injection") == "enabled"
        }
        owners = {deployment["metadata"]["uid"] for deployment in deployments}
        for pod in pods:
            if _owner(pod) and _owner(pod) not in owners:
                self._remove(pod)
        addresses = _free_addresses(pods)
        for deployment in deployments:
            owned = [pod for pod in pods if _owner(pod) == deployment["metadata"]["uid"]]
            self._roll(deployment, owned, deployment["metadata"]["namespace"] in injected)
            for pod in owned:
                if not ready(pod):
                    self._start(pod, next(addresses))
            self._report(deployment, owned)

    def _roll(self, deployment: Manifest, owned: list[Manifest], injected: bool) -> None:
        """New pods first; old ones go once the new ones are ready."""
        wanted = deployment["spec"].get("replicas", 1)
        current = [pod for pod in owned if _hash_of(pod) == template_hash(deployment)]
        for _ in range(wanted - len(current)):
            self._kube.create(POD, new_pod(deployment, injected=injected))
        for pod in current[wanted:]:
            self._remove(pod)
        if sum(ready(pod) for pod in current) >= wanted:
            for pod in owned:
                if pod not in current:
                    self._remove(pod)

    def _start(self, pod: Manifest, address: str) -> None:
        metadata = pod["metadata"]
        self._kube.merge_status(POD, metadata["namespace"], metadata["name"], pod_status(pod, address))

    def _report(self, deployment: Manifest, owned: list[Manifest]) -> None:
        status = deployment_status(deployment, owned)
        if any(deployment.get("status", {}).get(name) != value for name, value in status.items() if name != "conditions"):
            metadata = deployment["metadata"]
            self._kube.merge_status(DEPLOYMENT, metadata["namespace"], metadata["name"], status)

    def _remove(self, pod: Manifest) -> None:
        self._kube.delete(POD, pod["metadata"]["namespace"], pod["metadata"]["name"])


def template_hash(deployment: Manifest) -> str:
    text = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def new_pod(deployment: Manifest, *, injected: bool) -> Manifest:
    """A pod from the template of `deployment`; with a sidecar where the namespace asks for one, as Istio's webhook adds it."""
    metadata, template = deployment["metadata"], deployment["spec"]["template"]
    pod: Manifest = json.loads(json.dumps({"apiVersion": "v1", "kind": "Pod", **template}))
    digest = template_hash(deployment)
    labels = pod.setdefault("metadata", {}).setdefault("labels", {})
    labels[HASH_LABEL] = digest
    pod["metadata"] |= {
        "name": f"{metadata['name']}-{digest}-{''.join(random.choices(_LETTERS, k=5))}",
        "namespace": metadata["namespace"],
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": metadata["name"],
                "uid": metadata["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    if injected and _wants_sidecar(pod):
        _inject(pod)
    return pod


def _wants_sidecar(pod: Manifest) -> bool:
    metadata = pod["metadata"]
    answers = (metadata["labels"].get("sidecar.istio.io/inject"), metadata.get("annotations", {}).get("sidecar.istio.io/inject"))
    return "false" not in answers


def _inject(pod: Manifest) -> None:
    annotations = pod["metadata"].setdefault("annotations", {})
    status = {"initContainers": ["istio-init"], "containers": ["istio-proxy"], "revision": "default"}
    annotations["sidecar.istio.io/status"] = json.dumps(status)
    annotations |= {"prometheus.io/scrape": "true", "prometheus.io/port": "15020", "prometheus.io/path": "/stats/prometheus"}
    labels = pod["metadata"]["labels"]
    labels |= {
        "security.istio.io/tlsMode": "istio",
        "istio.io/rev": "default",
        "service.istio.io/canonical-name": labels.get("app", "unknown"),
        "service.istio.io/canonical-revision": labels.get("version", "latest"),
    }
    if not has_sidecar(pod):
        pod["spec"]["containers"].append(
            {
                "name": "istio-proxy",
                "image": "registry.example/proxyv2:1.31.0",
                "ports": [{"containerPort": 15090, "name": "http-envoy-prom", "protocol": "TCP"}],
            }
        )


def pod_status(pod: Manifest, address: str) -> Manifest:
    """The status of a pod that has just come up."""
    now = _now()
    kinds = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    containers = pod["spec"]["containers"]
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": now,
        "conditions": [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in kinds],
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container.get("image", ""),
                "imageID": "",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": now}},
            }
            for container in containers
        ],
    }


def deployment_status(deployment: Manifest, owned: list[Manifest]) -> Manifest:
    digest = template_hash(deployment)
    up = sum(ready(pod) for pod in owned)
    done = up >= deployment["spec"].get("replicas", 1)
    return {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": len(owned),
        "updatedReplicas": sum(_hash_of(pod) == digest for pod in owned),
        "readyReplicas": up,
        "availableReplicas": up,
        "conditions": [
            {
                "type": "Available",
                "status": "True" if done else "False",
                "reason": "MinimumReplicasAvailable",
                "lastTransitionTime": _now(),
            },
            {
                "type": "Progressing",
                "status": "True",
                "reason": "NewReplicaSetAvailable" if done else "ReplicaSetUpdated",
                "lastTransitionTime": _now(),
            },
        ],
    }


def _owner(pod: Manifest) -> str:
    """The uid of the Deployment that owns the pod, "" where none does."""
    return next((str(owner["uid"]) for owner in pod["metadata"].get("ownerReferences", []) if owner["kind"] == "Deployment"), "")


def _hash_of(pod: Manifest) -> str:
    return str(pod["metadata"].get("labels", {}).get(HASH_LABEL, ""))


def _free_addresses(pods: Iterable[Manifest]) -> Iterator[str]:
    taken = {pod.get("status", {}).get("podIP") for pod in pods}
    return (address for third in range(256) for fourth in range(2, 255) if (address := f"10.42.{third}.{fourth}") not in taken)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
