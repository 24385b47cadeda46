"""Small objects for tests of the traffic: pods that are ready, services that select them, routes and rules."""

from __future__ import annotations

from typing import Any

from meshportal.mesh.refs import Manifest


def service(namespace: str, name: str) -> Manifest:
    return {
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 9080}]},
    }


def pod(namespace: str, app: str, version: str = "v1", number: int = 1, *, ready: bool = True, sidecar: bool = True) -> Manifest:
    containers = [{"name": app}] + ([{"name": "istio-proxy"}] if sidecar else [])
    return {
        "kind": "Pod",
        "metadata": {
            "namespace": namespace,
            "name": f"{app}-{version}-{number}",
            "labels": {"app": app, "version": version},
            "creationTimestamp": "2026-11-24T08:00:00Z",
            "ownerReferences": [{"kind": "Deployment", "name": f"{app}-{version}", "controller": True, "uid": app}],
        },
        "spec": {"containers": containers, "serviceAccountName": app},
        "status": {"podIP": "10.42.0.9", "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def destination(host: str, subset: str = "", weight: int | None = None) -> Manifest:
    entry: Manifest = {"destination": {"host": host} | ({"subset": subset} if subset else {})}
    return entry if weight is None else entry | {"weight": weight}


def virtual_service(namespace: str, host: str, *routes: Manifest, name: str = "", created: str = "", **spec: Any) -> Manifest:
    metadata = {"namespace": namespace, "name": name or host, "creationTimestamp": created}
    return {"kind": "VirtualService", "metadata": metadata, "spec": {"hosts": [host], "http": list(routes)} | spec}


def destination_rule(namespace: str, host: str, *versions: str, **spec: Any) -> Manifest:
    subsets = [{"name": version, "labels": {"version": version}} for version in versions]
    return {
        "kind": "DestinationRule",
        "metadata": {"namespace": namespace, "name": host.split(".")[0]},
        "spec": {"host": host, "subsets": subsets} | spec,
    }


def gateway(namespace: str, name: str, *hosts: str, selector: str = "ingressgateway") -> Manifest:
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": list(hosts)}
    return {
        "kind": "Gateway",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"istio": selector}, "servers": [server]},
    }


def peer_authentication(namespace: str, mode: str, **spec: Any) -> Manifest:
    return {
        "kind": "PeerAuthentication",
        "metadata": {"namespace": namespace, "name": "default"},
        "spec": {"mtls": {"mode": mode}} | spec,
    }


def authorization_policy(namespace: str, action: str, *rules: Manifest, **spec: Any) -> Manifest:
    return {
        "kind": "AuthorizationPolicy",
        "metadata": {"namespace": namespace, "name": action.lower()},
        "spec": {"action": action, "rules": list(rules)} | spec,
    }
