"""What the fake cluster knows of kinds: their fields, as far as it judges them, and the versions that releases of Istio serve."""

from __future__ import annotations

from meshportal.mesh.refs import KINDS, Kind

SPEC_FIELDS = {
    "VirtualService": {"hosts", "gateways", "http", "tls", "tcp", "exportTo"},
    "DestinationRule": {"host", "trafficPolicy", "subsets", "exportTo", "workloadSelector"},
    "Gateway": {"selector", "servers"},
    "ServiceEntry": {
        "hosts", "addresses", "ports", "location", "resolution", "endpoints", "workloadSelector", "exportTo", "subjectAltNames",
    },
    "Sidecar": {"workloadSelector", "ingress", "egress", "inboundConnectionPool", "outboundTrafficPolicy"},
    "PeerAuthentication": {"selector", "mtls", "portLevelMtls"},
    "AuthorizationPolicy": {"selector", "targetRef", "targetRefs", "rules", "action", "provider"},
    "Telemetry": {"selector", "targetRef", "targetRefs", "tracing", "metrics", "accessLogging"},
}  # fmt: skip
"""Of Istio's schemas the fake knows the first level of spec, enough to refuse a misspelt field."""

Versions = dict[Kind, tuple[str, ...]]
"""The versions a kind is served at, the preferred one first. A kind that is not named is served at the one of `mesh.refs`."""

_V1BETA1 = ("VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar")
BEFORE_1_22: Versions = {
    **{KINDS[name]: ("v1beta1", "v1alpha3") for name in _V1BETA1},
    KINDS["PeerAuthentication"]: ("v1beta1",),
    KINDS["AuthorizationPolicy"]: ("v1", "v1beta1"),
    KINDS["Telemetry"]: ("v1alpha1",),
}
"""Istio 1.20 and 1.21."""
