"""What the server adds by itself to the built-in kinds, as far as clients of the sandbox look at it."""

from __future__ import annotations

import base64

from meshportal.sandbox.api.kinds import BY_PLURAL, Resource
from meshportal.sandbox.api.status import JsonObject
from meshportal.sandbox.api.store import Store

FIRST_ADDRESS = 10  # of 10.96.0.0/16; the ones before belong to the cluster itself
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
FIRST_STATUS: dict[str, JsonObject] = {
    "Namespace": {"phase": "Active"},
    "Pod": {"phase": "Pending", "qosClass": "BestEffort"},
    "Service": {"loadBalancer": {}},
    "ReplicaSet": {"replicas": 0},
}


def fill(item: JsonObject, resource: Resource) -> None:
    """Add, in place, what decoding adds: the writer comes to own it."""
    if resource.custom:
        return
    if resource.kind == "Namespace":
        metadata = item["metadata"]
        metadata["labels"] = (metadata.get("labels") or {}) | {NAMESPACE_LABEL: metadata.get("name", "")}
    elif resource.kind in ("Deployment", "ReplicaSet"):
        item.setdefault("spec", {}).setdefault("replicas", 1)
    elif resource.kind == "Secret":
        item.setdefault("type", "Opaque")
        for name, text in (item.pop("stringData", None) or {}).items():
            item.setdefault("data", {})[name] = base64.b64encode(text.encode()).decode()
    elif resource.kind == "Service":
        spec = item.setdefault("spec", {})
        spec.setdefault("type", "ClusterIP")
        for port in spec.get("ports") or []:
            port.setdefault("protocol", "TCP")
            port.setdefault("targetPort", port.get("port"))


def assign(item: JsonObject, resource: Resource, store: Store) -> None:
    """Add, in place, what the server decides for a new object: nobody owns it."""
    if resource.status and resource.kind != "Node":  # a Node brings its status along
        item.pop("status", None)
        if not resource.custom:
            item["status"] = dict(FIRST_STATUS.get(resource.kind, {}))
    if resource.kind == "Namespace":
        item.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    elif resource.kind == "Service":
        spec = item["spec"]
        if "clusterIP" not in spec and spec["type"] != "ExternalName":
            spec["clusterIP"] = _free_address(store)
        if spec.get("clusterIP"):
            spec.setdefault("clusterIPs", [spec["clusterIP"]])


def _free_address(store: Store) -> str:
    taken = {item["spec"].get("clusterIP") for item in store.items(BY_PLURAL["", "services"])}
    number = FIRST_ADDRESS
    while f"10.96.{number // 256}.{number % 256}" in taken:
        number += 1
    return f"10.96.{number // 256}.{number % 256}"
