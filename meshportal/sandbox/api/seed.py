"""What a fresh cluster with Istio already has: the four namespaces of Kubernetes, istio-system, and Istio's CRDs."""

from __future__ import annotations

import uuid

from meshportal.sandbox.api.answers import now
from meshportal.sandbox.api.kinds import BY_PLURAL, Resource, Table
from meshportal.sandbox.api.schema import facts
from meshportal.sandbox.api.status import JsonObject
from meshportal.sandbox.api.store import Key, Store

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system", "istio-system")


def plant(store: Store, table: Table) -> None:
    """Add what is missing, a CRD for each custom kind of `table` among it. Nothing that exists is touched."""
    fresh = store.version == 1
    with store.transaction():
        for name in NAMESPACES:
            labels = {"kubernetes.io/metadata.name": name}
            body = {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
            _add(store, Key(BY_PLURAL["", "namespaces"], "", name), labels, body)
        definitions = BY_PLURAL["apiextensions.k8s.io", "customresourcedefinitions"]
        for resource in table.resources:
            if resource.custom:
                labels = facts().get(resource.title, {}).get("labels", {})
                _add(store, Key(definitions, "", resource.title), labels, _definition(resource))
        if fresh:
            store.compact(store.version)  # nobody has watched a cluster being made


def _add(store: Store, key: Key, labels: JsonObject, body: JsonObject) -> None:
    if store.get(key):
        return
    metadata: JsonObject = {"name": key.name, "uid": str(uuid.uuid4()), "creationTimestamp": now(), "labels": labels}
    if key.resource.generation:
        metadata["generation"] = 1
    store.put(key, {"metadata": metadata, **body}, None)


def _definition(resource: Resource) -> JsonObject:
    """spec and status of a CRD, without its schema."""
    names: JsonObject = {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "singular": resource.kind.lower(),
        "shortNames": list(resource.short),
    }
    known = facts().get(resource.title, {}).get("versions", {})
    storage = next((version for version in resource.versions if known.get(version, {}).get("storage")), resource.versions[0])
    versions = [{"name": version, "served": True, "storage": version == storage} for version in resource.versions]
    established = {"type": "Established", "status": "True", "reason": "InitialNamesAccepted"}
    return {
        "spec": {"group": resource.group, "names": names, "scope": "Namespaced", "versions": versions},
        "status": {"acceptedNames": names, "storedVersions": [storage], "conditions": [established]},
    }
