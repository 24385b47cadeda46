"""Bookinfo with an ingress gateway: what tests of exposures start from."""

from __future__ import annotations

from typing import Any

from meshportal.mesh.facts import Facts, PodGroup, Port, ServiceFacts
from meshportal.mesh.refs import GATEWAY, VIRTUAL_SERVICE, Kind, Manifest, ResourceRef, ServiceRef

REVIEWS = ServiceRef("bookinfo", "reviews")
RATINGS = ServiceRef("bookinfo", "ratings")
SHARED = ResourceRef(GATEWAY, "istio-system", "shared")
OWN = ResourceRef(GATEWAY, "bookinfo", "reviews-gateway")
INGRESS = ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews-ingress")
HOST = "reviews.bookinfo.svc.cluster.local"


def manifest(kind: Kind, name: str, spec: dict[str, Any], namespace: str = "bookinfo") -> Manifest:
    metadata = {"name": name, "namespace": namespace, "labels": {"team": "books"}, "uid": name, "resourceVersion": "7"}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": spec}


def server(*hosts: str, port: int = 80, protocol: str = "HTTP", **rest: Any) -> dict[str, Any]:
    name = f"{protocol.lower()}-{port}-{len(hosts)}-{hosts[0][-7:].replace('.', '-').replace('*', 'any').replace('/', '-')}"
    return {"port": {"number": port, "name": name, "protocol": protocol}, "hosts": list(hosts), **rest}


def gateway(*servers: dict[str, Any], name: str = "shared", namespace: str = "istio-system", **spec: Any) -> Manifest:
    return manifest(GATEWAY, name, {"selector": {"istio": "ingressgateway"}, "servers": list(servers), **spec}, namespace)


def route(*uris: tuple[str, str], to: str = HOST, port: int | None = 9080, **rest: Any) -> dict[str, Any]:
    """A route for these paths, pairs of how and path; none takes everything."""
    match = {"match": [{"uri": {how: path}} for how, path in uris]} if uris else {}
    return match | {"route": [{"destination": {"host": to} | ({"port": {"number": port}} if port else {})}]} | rest


def ingress(
    *routes: dict[str, Any], hosts: tuple[str, ...] = ("reviews.example.com",), name: str = "reviews-ingress", **spec: Any
) -> Manifest:
    base = {"hosts": list(hosts), "gateways": ["istio-system/shared"], "http": list(routes)}
    return manifest(VIRTUAL_SERVICE, name, base | spec)


def mesh(*objects: Manifest, ports: tuple[int, ...] = (9080,)) -> Facts:
    return Facts(
        objects=objects,
        services=(
            ServiceFacts(REVIEWS, tuple(Port(f"http-{n}", n, "http") for n in ports), {"app": "reviews"}),
            ServiceFacts(RATINGS, (Port("http", 9080, "http"),), {"app": "ratings"}),
        ),
        pods=(
            PodGroup("istio-system", {"istio": "ingressgateway", "app": "istio-ingressgateway"}, 2, 2),
            PodGroup("istio-system", {"istio": "egressgateway"}, 1, 1),
            PodGroup("bookinfo", {"app": "reviews", "version": "v1"}, 3, 3),
        ),
        namespaces=frozenset({"bookinfo", "istio-system"}),
        istio_version="1.31.0",
    )


def new(**fields: Any) -> dict[str, Any]:
    """A new row of the form."""
    row: dict[str, Any] = {
        "gateway": "istio-system/shared",
        "hosts": "reviews.example.com",
        "port": "80",
        "protocol": "HTTP",
        "tls_mode": "SIMPLE",
        "paths": [{"how": "prefix", "path": "/api"}],
        "target_port": "9080",
    }
    return row | fields
