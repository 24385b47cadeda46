"""What an istiod 1.31 really answered on /debug/syncz, beside stock Envoys that know no istio.stats."""

from __future__ import annotations

from typing import Any

CLUSTER, LISTENER, ROUTE, ENDPOINT = (
    f"type.googleapis.com/envoy.config.{name}"
    for name in (
        "cluster.v3.Cluster",
        "listener.v3.Listener",
        "route.v3.RouteConfiguration",
        "endpoint.v3.ClusterLoadAssignment",
    )
)
REFUSAL = (
    "Error adding/updating listener(s) 127.20.133.5_9080: Didn't find a registered implementation for 'istio.stats' with type "
    "URL: 'stats.PluginConfig'\n"
)
CLIENT = "productpage-v1-857f6ddff9-h8k6s"


def taken(nonce: str, at: str = "2026-11-24T09:55:18.145235922Z") -> dict[str, str]:
    return {"sent": nonce, "acked": nonce, "sentTime": at}


def row(pod: str = CLIENT, namespace: str = "bookinfo", **resources: dict[str, str]) -> dict[str, Any]:
    """A proxy that has taken all of it, but for what `resources` (listener, route) say."""
    statuses = {
        "cluster": taken("2026-11-24T09:55:17Z/922510fd8-5c6e-4250-b544-1b3d7083f426"),
        "listener": taken("2026-11-24T09:55:17Z/95364b0d0-5ea9-4844-9d03-454cf0def335"),
        "route": taken("2026-11-24T09:55:17Z/91b3ab2bb-d267-4151-a9d3-207789e01fd1"),
        "endpoint": taken("2026-11-24T09:55:17Z/94d512ad5-ad33-441f-b957-91d4135d5271"),
    } | resources
    urls = {"cluster": CLUSTER, "listener": LISTENER, "route": ROUTE, "endpoint": ENDPOINT}
    answer: dict[str, Any] = {"cluster_id": "Kubernetes", "proxy": f"{pod}.{namespace}", "proxy_type": "sidecar"}
    answer["istio_version"] = "unknown"
    for name, status in statuses.items():
        answer[f"{name}_sent"], answer[f"{name}_acked"] = status.get("sent", ""), status.get("acked", "")
    return answer | {"resources": {urls[name]: status for name, status in statuses.items()}}


PENDING = {
    "sent": "2026-11-24T09:55:19Z/106fdef48a-2f50-499d-8839-3287a2821e5f",
    "acked": "2026-11-24T09:55:17Z/95364b0d0-5ea9-4844-9d03-454cf0def335",
    "sentTime": "2026-11-24T09:55:19.206310663Z",
}
REFUSED = PENDING | {"lastError": REFUSAL}
