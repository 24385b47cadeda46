"""How a real API server (Kubernetes 1.36 with Istio 1.31) said no, and what the portal makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clients.ports import ClientError, JsonPatchOp, Reason
from meshportal.mesh.refs import VIRTUAL_SERVICE, Manifest, ResourceRef, Version

REVIEWS = ResourceRef(VIRTUAL_SERVICE, "shop", "reviews")
MANIFEST: Manifest = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"namespace": "shop", "name": "reviews"},
    "spec": {"hosts": ["reviews"]},
}
EXPECTED = Version("uid-1", "17")
UNKNOWN = "the schema does not know this field"
WEBHOOK = 'admission webhook "rev.validation.istio.io" denied the request: configuration is invalid: '

VERBS: dict[str, Callable[[KubernetesCluster], object]] = {
    "get": lambda cluster: cluster.get(REVIEWS),
    "list": lambda cluster: cluster.list(VIRTUAL_SERVICE),
    "watch": lambda cluster: list(cluster.watch(VIRTUAL_SERVICE, "1", timeout_seconds=1)),
    "create": lambda cluster: cluster.create(MANIFEST),
    "replace": lambda cluster: cluster.replace(MANIFEST, expect=EXPECTED),
    "patch": lambda cluster: cluster.patch(REVIEWS, [JsonPatchOp("test", "/spec", {})]),
    "delete": lambda cluster: cluster.delete(REVIEWS, expect=EXPECTED),
}


def failing(cluster: KubernetesCluster, verb: str) -> ClientError:
    with pytest.raises(ClientError) as caught:
        VERBS[verb](cluster)
    return caught.value


def status(message: str, reason: str = "", causes: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """A Status object; without `causes` it has no details, as the webhook's have none."""
    answer: dict[str, Any] = {"kind": "Status", "status": "Failure", "message": message}
    return answer | ({"reason": reason} if reason else {}) | ({"details": {"causes": causes}} if causes is not None else {})


def cause(field: str, message: str) -> dict[str, str]:
    return {"reason": "FieldValueInvalid", "field": field, "message": message}


def invalid(*causes: tuple[str, str]) -> dict[str, Any]:
    return status("VirtualService is invalid: …", "Invalid", [cause(field, message) for field, message in causes])


REFUSALS: list[tuple[str, int, Any, list[Reason]]] = [
    (
        "create",
        400,
        status(
            'VirtualService in version "v1" cannot be handled as a VirtualService: strict decoding error: '
            'unknown field "spec.bogus", unknown field "spec.http[0].xx"',
            "BadRequest",
        ),
        [Reason("spec.bogus", UNKNOWN), Reason("spec.http[0].xx", UNKNOWN)],
    ),
    (
        "create",
        400,
        status(
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct '
            "field ConfigMap.data of type string",
            "BadRequest",
        ),
        [Reason("", "json: cannot unmarshal number into Go struct field ConfigMap.data of type string")],
    ),
    ("create", 400, status(WEBHOOK + "weight -4 < 0"), [Reason("", "weight -4 < 0")]),
    ("patch", 400, status(WEBHOOK + "total destination weight = 0"), [Reason("", "total destination weight = 0")]),
    (
        "create",
        400,
        status(WEBHOOK + "1 error occurred:\n\t* invalid policy x.shop: bad IP address (999.1)\n\n"),
        [Reason("", "invalid policy x.shop: bad IP address (999.1)")],
    ),
    (
        "create",
        400,
        status(WEBHOOK + '2 errors occurred:\n\t* domain name "a b" invalid (label "a b" invalid)\n\t* weight -2 < 0\n\n'),
        [Reason("", 'domain name "a b" invalid (label "a b" invalid)'), Reason("", "weight -2 < 0")],
    ),
    (
        "create",
        403,
        status('admission webhook "policy.example.com" denied the request: every route needs an owner', "Forbidden"),
        [Reason("", "the webhook policy.example.com says: every route needs an owner")],
    ),
    (
        "create",
        400,
        status('admission webhook "policy.example.com" denied the request without explanation'),
        [Reason("", "the webhook policy.example.com refused it without a reason")],
    ),
    (
        "create",
        403,
        status('virtualservices "reviews" is forbidden: exceeded quota: few, used: 5, limited: 5', "Forbidden"),
        [Reason("", "exceeded quota: few, used: 5, limited: 5")],
    ),
    (
        "create",
        404,
        status('namespaces "nope" not found', "NotFound"),
        [Reason("metadata.namespace", "the namespace nope does not exist")],
    ),
    (
        "create",
        404,
        b"404 page not found\n",
        [Reason("", "the cluster does not serve VirtualService shop/reviews: its CRD is not installed")],
    ),
    (
        "list",
        404,
        b"404 page not found\n",
        [Reason("", "the cluster does not serve virtualservices.networking.istio.io: its CRD is not installed")],
    ),
    (
        "replace",
        422,
        status(
            'Telemetry.telemetry.istio.io "t" is invalid: …',
            "Invalid",
            [
                cause(
                    "spec.tracing[0].randomSamplingPercentage",
                    "Invalid value: 200: spec.tracing[0].randomSamplingPercentage in body should be less than or equal to 100",
                )
            ],
        ),
        [Reason("spec.tracing[0].randomSamplingPercentage", "should be less than or equal to 100")],
    ),
    (
        "patch",
        422,
        status(
            "…",
            "Invalid",
            [
                cause("spec.http[0].weight", 'Invalid value: "string": spec.http[0].weight in body must be of type integer'),
                cause("<nil>", "Invalid value: null: some validation rules were not checked because the object was invalid"),
            ],
        ),
        [Reason("spec.http[0].weight", "must be of type integer")],
    ),
    (
        "create",
        422,
        status("…", "Invalid", [cause("spec", "Invalid value: portLevelMtls requires selector")]),
        [Reason("spec", "portLevelMtls requires selector")],
    ),
    (
        "create",
        422,
        status("…", "Invalid", [cause("spec.http[0].timeout", 'Invalid value: "0s": must be a valid duration greater than 1ms')]),
        [Reason("spec.http[0].timeout", "must be a valid duration greater than 1ms")],
    ),
    (
        "create",
        422,
        status(
            "…",
            "Invalid",
            [
                cause(
                    "<nil>",
                    'Invalid value: "": "spec.tracing[0].customTags.a" must validate one and only one schema (oneOf). '
                    "Found 2 valid alternatives",
                )
            ],
        ),
        [Reason("spec.tracing[0].customTags.a", "must validate one and only one schema (oneOf). Found 2 valid alternatives")],
    ),
    (
        "replace",
        422,
        status("…", "Invalid", [cause("metadata.resourceVersion", "Invalid value: 0: must be specified for an update")]),
        [Reason("metadata.resourceVersion", "must be specified for an update")],
    ),
    (
        "replace",
        500,
        status(
            "failed to create typed patch object (shop/reviews; networking.istio.io/v1, Kind=VirtualService): "
            ".spec.http[0].bogus: field not declared in schema"
        ),
        [Reason("spec.http[0].bogus", UNKNOWN)],
    ),
    (
        "create",
        500,
        status("resourceVersion should not be set on objects to be created"),
        [Reason("metadata.resourceVersion", "must not be set on an object that is to be created")],
    ),
    (
        "create",
        413,
        status("Request entity too large: limit is 3145728", "RequestEntityTooLarge"),
        [Reason("", "Request entity too large: limit is 3145728")],
    ),
    ("patch", 501, status("strategic merge patch is not simulated"), [Reason("", "strategic merge patch is not simulated")]),
    ("create", 400, b"<html>", [Reason("", "the API server answered 400 without saying why")]),
]
