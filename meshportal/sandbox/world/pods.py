"""What a pod says of the workload it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field

from meshportal.mesh.refs import Manifest

UNKNOWN = "unknown"
"""What Istio's metrics say where they do not know."""


@dataclass(frozen=True, order=True)
class Workload:
    """A workload at one version, by the pod that reports for it (one only: series stay few)."""

    namespace: str
    name: str
    app: str
    version: str
    pod: str
    account: str
    sidecar: bool
    labels: tuple[tuple[str, str], ...] = field(default=(), compare=False)


def ready(pod: Manifest) -> bool:
    if "deletionTimestamp" in pod["metadata"]:
        return False
    conditions = pod.get("status", {}).get("conditions") or []
    return any(condition.get("type") == "Ready" and condition.get("status") == "True" for condition in conditions)


def has_sidecar(pod: Manifest) -> bool:
    """Whether the pod has a container or (native sidecar) an init container istio-proxy."""
    spec = pod.get("spec", {})
    return any(
        container.get("name") == "istio-proxy"
        for group in ("containers", "initContainers")
        for container in spec.get(group) or []
    )


def workload_of(pod: Manifest) -> Workload:
    metadata, labels = pod["metadata"], pod["metadata"].get("labels", {})
    return Workload(
        namespace=metadata["namespace"],
        name=workload_name(pod),
        app=labels.get("app", UNKNOWN),
        version=version_of(pod),
        pod=metadata["name"],
        account=pod.get("spec", {}).get("serviceAccountName", "default"),
        sidecar=has_sidecar(pod),
        labels=tuple(sorted(labels.items())),
    )


def workload_name(pod: Manifest) -> str:
    metadata = pod["metadata"]
    owner = next((owner for owner in metadata.get("ownerReferences", []) if owner.get("controller")), None)
    if owner is None:
        return str(metadata["name"])
    if owner["kind"] == "ReplicaSet":
        return str(owner["name"]).removesuffix(f"-{metadata.get('labels', {}).get('pod-template-hash', '')}")
    return str(owner["name"])


def version_of(pod: Manifest) -> str:
    return str(pod["metadata"].get("labels", {}).get("version", UNKNOWN))
