"""What the traffic does not obey: said in general, and found in the objects that are there."""

from __future__ import annotations

from collections.abc import Iterator

from meshportal.mesh.refs import Manifest
from meshportal.sandbox.world.routing import Objects

GENERAL = (
    "The 20 minutes before the start are simulated history, made of the objects as they were at the start.",
    "Of a VirtualService only http routes count: hosts, exportTo, match and weighted destinations.",
    "Requests carry no headers of their own and no query string, so a match on those never fits.",
    "The ingress gateway follows the VirtualServices of the mesh as if it were a sidecar; Gateways are not read.",
    "Of a DestinationRule only host, exportTo and the labels of subsets count.",
    "Timeouts, retries, faults, mirrors, redirects, direct responses, rewrites, header changes and CORS change nothing.",
    "Load balancing, connection pools, outlier detection and TLS settings of DestinationRules change nothing.",
    "PeerAuthentication, AuthorizationPolicy, RequestAuthentication, Sidecar, Telemetry and EnvoyFilter change nothing.",
    "A failure in one service does not make its callers fail.",
    "One pod per workload reports for all of them.",
)

_HTTP = (
    "timeout",
    "retries",
    "fault",
    "mirror",
    "mirrors",
    "redirect",
    "directResponse",
    "rewrite",
    "headers",
    "corsPolicy",
    "delegate",
)
_RULE = ("trafficPolicy", "workloadSelector")


def found_in(objects: Objects) -> Iterator[str]:
    """Fields of the present objects that have no effect in this world."""
    for manifest in objects.virtual_services:
        spec = manifest.get("spec", {})
        for section in ("tcp", "tls"):
            if section in spec:
                yield f"{_name(manifest)}: spec.{section}"
        for index, route in enumerate(spec.get("http", [])):
            yield from (f"{_name(manifest)}: spec.http[{index}].{field}" for field in _HTTP if field in route)
    for manifest in objects.destination_rules:
        spec = manifest.get("spec", {})
        yield from (f"{_name(manifest)}: spec.{field}" for field in _RULE if field in spec)
        for index, subset in enumerate(spec.get("subsets", [])):
            if "trafficPolicy" in subset:
                yield f"{_name(manifest)}: spec.subsets[{index}].trafficPolicy"


def _name(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata']['namespace']}/{manifest['metadata']['name']}"
