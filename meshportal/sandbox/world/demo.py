"""The demo workloads as objects: Bookinfo, a shop of ten services and an ingress gateway.

Bookinfo is Istio's sample application (https://istio.io/latest/docs/examples/bookinfo/).
"""

from __future__ import annotations

from collections.abc import Iterator

from meshportal.mesh.refs import DEPLOYMENT, DESTINATION_RULE, NAMESPACE, SERVICE, VIRTUAL_SERVICE, Kind, Manifest
from meshportal.sandbox.world.kube import Kube, KubeError

SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts")

NAMESPACES = {
    # namespace: (owner, do its pods get a sidecar)
    "bookinfo": ("team-books", True),
    "shop": ("team-shop", True),
    "payments": ("team-payments", True),
    "legacy": ("team-shop", False),
    "istio-ingress": ("team-platform", True),
    "istio-system": ("team-platform", False),
}

GATEWAY = "istio-ingressgateway"
APPS: dict[str, dict[str, dict[str, int]]] = {
    # namespace: app: version: replicas
    "bookinfo": {
        "productpage": {"v1": 2},
        "details": {"v1": 1},
        "reviews": {"v1": 3, "v2": 2, "v3": 2},
        "ratings": {"v1": 1},
    },
    "shop": {
        "web": {"v1": 2},
        "catalog": {"v1": 2},
        "cart": {"v1": 1},
        "checkout": {"v1": 2},
        "inventory": {"v1": 1},
        "recommendations": {"v1": 1},
        "currency": {"v1": 1},
    },
    "payments": {"payments": {"v1": 2}, "ledger": {"v1": 1}, "fraud": {"v1": 1}},
    "legacy": {"report": {"v1": 1}},
    "istio-ingress": {GATEWAY: {"": 1}},
}


def objects() -> Iterator[tuple[Kind, Manifest]]:
    """Every object of the demo in an order in which they can be created."""
    for name, (owner, injected) in NAMESPACES.items():
        labels = {"istio-injection": "enabled"} if injected else {}
        metadata = {"name": name, "labels": labels, "annotations": {"meshportal.io/owner": owner}}
        yield NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    for namespace, apps in APPS.items():
        for app, versions in apps.items():
            yield SERVICE_ACCOUNT, _object(SERVICE_ACCOUNT, namespace, account(namespace, app), {})
            yield SERVICE, _service(namespace, app)
            for version, replicas in versions.items():
                yield DEPLOYMENT, _deployment(namespace, app, version, replicas)
    yield DESTINATION_RULE, _reviews_rule()
    yield VIRTUAL_SERVICE, _reviews_route()


def install(kube: Kube) -> list[str]:
    """Creates what is absent and leaves alone what exists. The sentences returned say what could not be created."""
    problems = []
    for kind, manifest in objects():
        try:
            kube.create(kind, manifest)
        except KubeError as error:
            # service accounts are a nicety: an API without them runs the demo as well
            if error.status != 409 and kind is not SERVICE_ACCOUNT:
                problems.append(str(error))
    return problems


def account(namespace: str, app: str) -> str:
    return app if app == GATEWAY else f"{namespace}-{app}"


def workload_name(app: str, version: str) -> str:
    return f"{app}-{version}" if version else app


def deployments() -> set[tuple[str, str]]:
    """(namespace, name) of every Deployment of the demo."""
    return {
        (namespace, workload_name(app, version))
        for namespace, apps in APPS.items()
        for app, versions in apps.items()
        for version in versions
    }


def _object(kind: Kind, namespace: str, name: str, spec: Manifest) -> Manifest:
    manifest: Manifest = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name, "namespace": namespace}}
    return manifest | ({"spec": spec} if spec else {})


def _port(namespace: str) -> int:
    return {"bookinfo": 9080, "istio-ingress": 80}.get(namespace, 8080)


def _service(namespace: str, app: str) -> Manifest:
    port = _port(namespace)
    manifest = _object(
        SERVICE,
        namespace,
        app,
        {
            "selector": {"app": app},
            "ports": [{"name": "http", "port": port, "targetPort": port, "protocol": "TCP"}],
        },
    )
    manifest["metadata"]["labels"] = {"app": app}
    return manifest


def _deployment(namespace: str, app: str, version: str, replicas: int) -> Manifest:
    labels = {"app": app} | ({"version": version} if version else {})
    template: Manifest = {
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": account(namespace, app),
            "containers": [
                {
                    "name": app,
                    "image": f"registry.example/{app}:{version.removeprefix('v')}.0",
                    "ports": [{"containerPort": _port(namespace)}],
                    "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
                }
            ],
        },
    }
    if app == GATEWAY:
        labels["istio"] = "ingressgateway"
        # Istio's injector turns this into the real proxy: https://istio.io/latest/docs/setup/additional-setup/gateway/
        template["metadata"]["annotations"] = {"inject.istio.io/templates": "gateway"}
        template["spec"]["containers"] = [{"name": "istio-proxy", "image": "auto", "ports": [{"containerPort": 80}]}]
    manifest = _object(
        DEPLOYMENT,
        namespace,
        workload_name(app, version),
        {"replicas": replicas, "selector": {"matchLabels": dict(labels)}, "template": template},
    )
    manifest["metadata"]["labels"] = dict(labels)
    return manifest


def _reviews_rule() -> Manifest:
    return _object(
        DESTINATION_RULE,
        "bookinfo",
        "reviews",
        {
            "host": "reviews",
            "trafficPolicy": {
                "connectionPool": {"tcp": {"maxConnections": 1024}, "http": {"http1MaxPendingRequests": 1024}},
                "outlierDetection": {
                    "consecutive5xxErrors": 7,
                    "interval": "30s",
                    "baseEjectionTime": "30s",
                    "maxEjectionPercent": 50,
                },
            },
            "subsets": [{"name": version, "labels": {"version": version}} for version in ("v1", "v2", "v3")],
        },
    )


def _reviews_route() -> Manifest:
    return _object(
        VIRTUAL_SERVICE,
        "bookinfo",
        "reviews",
        {
            "hosts": ["reviews"],
            "http": [
                {
                    "route": [{"destination": {"host": "reviews", "subset": "v1"}, "weight": 100}],
                    "timeout": "5s",
                    "retries": {"attempts": 2, "perTryTimeout": "2s", "retryOn": "connect-failure,refused-stream,unavailable"},
                }
            ],
        },
    )
