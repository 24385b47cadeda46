"""One proxy in the words of istiod's /debug/syncz, as istiod 1.31 wrote them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from meshportal.mesh.refs import Manifest

ISTIO_VERSION = "1.31.0"
_TYPES = {
    "cluster": "cluster.v3.Cluster",
    "listener": "listener.v3.Listener",
    "route": "route.v3.RouteConfiguration",
    "endpoint": "endpoint.v3.ClusterLoadAssignment",
}
_REFUSAL = (
    "Error adding/updating listener(s) virtualInbound: Didn't find a registered implementation for 'istio.stats' with type URL: "
    "'stats.PluginConfig'\n"
)


def status(pod: Manifest, pushed_at: float, *, refused: bool) -> dict[str, Any]:
    """The row of `pod`: everything was sent at `pushed_at` and taken, but for the listeners of one that refuses them."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    sent_at = datetime.fromtimestamp(pushed_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row: dict[str, Any] = {"cluster_id": "Kubernetes", "proxy": f"{name}.{namespace}", "proxy_type": "sidecar"}
    row["istio_version"] = ISTIO_VERSION
    row["resources"] = resources = {}
    for kind, type_name in _TYPES.items():
        sent = acked = f"{sent_at}/1{kind}"
        resource = {"sent": sent, "acked": acked, "sentTime": sent_at}
        if refused and kind == "listener":
            sent = f"{sent_at}/2{kind}"
            resource |= {"sent": sent, "lastError": _REFUSAL}
        row[f"{kind}_sent"], row[f"{kind}_acked"] = sent, acked
        resources[f"type.googleapis.com/envoy.config.{type_name}"] = resource
    return row
