"""What the server fills in by itself for the built-in kinds, as far as clients of the sandbox look at it."""

from __future__ import annotations

from meshportal.sandbox.api.kinds import BY_PLURAL, Resource
from meshportal.sandbox.api.status import JsonObject
from meshportal.sandbox.api.store import Store

FIRST_ADDRESS = 10  # of 10.96.0.0/16; the ones before belong to the cluster itself
NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def first_status(resource: Resource) -> JsonObject:
    """{"status": …} of a new object, {} where a controller writes the first status."""
    if resource.custom:
        return {}
    by_kind: dict[str, JsonObject] = {
        "Namespace": {"phase": "Active"},
        "Pod": {"phase": "Pending", "qosClass": "BestEffort"},
        "Service": {"loadBalancer": {}},
        "ReplicaSet": {"replicas": 0},
    }
    return {"status": by_kind.get(resource.kind, {})}


def fill(item: JsonObject, resource: Resource, store: Store) -> None:
    """Add defaults to `item` in place."""
    if resource.kind == "Namespace":
        metadata = item["metadata"]
        metadata["labels"] = (metadata.get("labels") or {}) | {NAMESPACE_LABEL: metadata["name"]}
        item.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    elif resource.kind in ("Deployment", "ReplicaSet"):
        item.setdefault("spec", {}).setdefault("replicas", 1)
    elif resource.kind == "Service":
        _service(item.setdefault("spec", {}), store)


def _service(spec: JsonObject, store: Store) -> None:
    spec.setdefault("type", "ClusterIP")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
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
