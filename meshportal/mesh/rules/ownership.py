"""Objects that something else writes too: what the portal writes there, it may undo. Foot-gun 19 of docs/findings.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshportal.mesh.findings import Finding
from meshportal.mesh.refs import DESTINATION_RULE, GATEWAY, VIRTUAL_SERVICE, Manifest
from meshportal.mesh.rules.node import Node, spec_of
from meshportal.mesh.rules.view import Mesh

_MARKS = {
    "argocd.argoproj.io/": "Argo CD",
    "helm.toolkit.fluxcd.io/": "Flux",
    "kustomize.toolkit.fluxcd.io/": "Flux",
    "meta.helm.sh/": "Helm",
    "rollouts.argoproj.io/": "Argo Rollouts",
}
_MANAGED_BY = "app.kubernetes.io/managed-by"
_OURS = "meshportal"


def others(mesh: Mesh) -> Iterator[Finding]:
    """MP0266."""
    for manifest in mesh.facts.of(VIRTUAL_SERVICE, DESTINATION_RULE, GATEWAY):
        owner = owner_of(manifest)
        if owner:
            ref = spec_of(manifest).ref
            yield Node(ref, "metadata", manifest["metadata"]).finding("MP0266", owner=owner)


def owner_of(manifest: Manifest) -> str:
    """Who manages an object, by its owner, its marks, and the label managed-by; "" for nobody but people."""
    metadata = manifest["metadata"]
    owners: Any = metadata.get("ownerReferences")
    for owner in owners if isinstance(owners, list) else []:
        if isinstance(owner, dict) and isinstance(owner.get("kind"), str):
            return f"{owner['kind']} {owner.get('name', '')}".strip()
    marks = [*_map(metadata.get("annotations")), *_map(metadata.get("labels"))]
    for prefix, name in _MARKS.items():
        if any(mark.startswith(prefix) for mark in marks):
            return name
    managed = _map(metadata.get("labels")).get(_MANAGED_BY)
    return managed if isinstance(managed, str) and managed.lower() != _OURS else ""


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
