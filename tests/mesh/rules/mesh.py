"""A small mesh that no rule has anything to say about, and ways to break it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from meshportal.mesh.facts import Facts, PodGroup, Port, ServiceFacts
from meshportal.mesh.refs import Manifest, ServiceRef

HTTP = (Port("http", 9080, "http"),)
REVIEWS = "reviews.bookinfo.svc.cluster.local"
CLIENT = "productpage"


def object_of(kind: str, spec: Any, name: str = "reviews", namespace: str = "bookinfo", **metadata: Any) -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec,
    }


def virtual_service(name: str = "reviews", namespace: str = "bookinfo", **spec: Any) -> Manifest:
    """Routes all of reviews to v1, but for what `spec` says."""
    whole = {"hosts": [REVIEWS], "http": [{"route": [to("v1")]}], **spec}
    return object_of("VirtualService", {key: value for key, value in whole.items() if value is not None}, name, namespace)


def to(subset: str = "", weight: int | None = None, host: str = REVIEWS, **more: Any) -> dict[str, Any]:
    """One destination."""
    destination = {"host": host, **({"subset": subset} if subset else {}), **more}
    return {"destination": destination, **({} if weight is None else {"weight": weight})}


def http(**route: Any) -> Manifest:
    """reviews with one HTTP route to v1, but for what `route` says."""
    whole = {"route": [to("v1")], **route}
    return virtual_service(http=[{key: value for key, value in whole.items() if value is not None}])


def destination_rule(name: str = "reviews", namespace: str = "bookinfo", **spec: Any) -> Manifest:
    """Tells v1 and v2 of reviews apart."""
    subsets = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
    whole = {"host": REVIEWS, "subsets": subsets, **spec}
    return object_of("DestinationRule", {key: value for key, value in whole.items() if value is not None}, name, namespace)


def policy(**sections: Any) -> Manifest:
    return destination_rule(trafficPolicy=sections)


def gateway(name: str = "front", namespace: str = "bookinfo", **spec: Any) -> Manifest:
    whole = {"selector": {"istio": "ingressgateway"}, "servers": [server()], **spec}
    return object_of("Gateway", {key: value for key, value in whole.items() if value is not None}, name, namespace)


def server(**fields: Any) -> dict[str, Any]:
    """Plain HTTP for one host."""
    whole = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["books.example.com"], **fields}
    return {key: value for key, value in whole.items() if value is not None}


def tls_server(**tls: Any) -> dict[str, Any]:
    port = {"number": 443, "name": "https", "protocol": "HTTPS"}
    return server(port=port, tls={key: value for key, value in tls.items() if value is not None})


def service(name: str, namespace: str = "bookinfo", ports: tuple[Port, ...] = HTTP, **fields: Any) -> ServiceFacts:
    return ServiceFacts(ServiceRef(namespace, name), ports, fields.pop("selector", {"app": name}), **fields)


def pods(name: str, version: str = "v1", ready: int = 3, namespace: str = "bookinfo") -> PodGroup:
    return PodGroup(namespace, {"app": name, "version": version}, ready, 3)


GATEWAY_PODS = PodGroup("istio-system", {"app": "istio-ingressgateway", "istio": "ingressgateway"}, 1, 1)


def facts(*objects: Manifest, **changes: Any) -> Facts:
    """`objects` in a mesh where reviews v1 and v2 and their client run; where none of them is a DestinationRule, the plain one
    is there too."""
    given = list(objects)
    if not any(manifest["kind"] == "DestinationRule" for manifest in given):
        given.append(destination_rule())
    whole = Facts(
        objects=tuple(given),
        services=(service("reviews"), service("productpage"), service("ratings"), *changes.pop("more_services", ())),
        pods=(
            pods("reviews", "v1"),
            pods("reviews", "v2"),
            pods("ratings", "v1"),
            pods(CLIENT),
            GATEWAY_PODS,
            *changes.pop("more_pods", ()),
        ),
        namespaces=frozenset({"bookinfo", "istio-system", "clients"}),
    )
    return replace(whole, **changes)
