"""Who says no to a bad object: the CRD's schema and CEL rules, istiod's webhook, or nobody."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.kube import Kube, make

pytestmark = pytest.mark.contract

DENIED = 'admission webhook "rev.validation.istio.io" denied the request: configuration is invalid: '
UNCHECKED = (
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)
TWO_OF = "must validate one and only one schema (oneOf). Found 2 valid alternatives"
TOO_SHORT = "must be a valid duration greater than 1ms"
NO_DURATION = "type conversion error from 'string' to 'google.protobuf.Duration' evaluating rule"
RE2 = "Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)"
NO_RULES = (
    "invalid policy x.NAMESPACE: DENY action without `rules` is meaningless as it will never be triggered, "
    "add an empty rule `{}` if you want it be triggered for every request"
)
UNKNOWN_KEY = (
    "2 errors occurred:\n\t* invalid policy x.NAMESPACE: invalid `value` for `key` zap: unknown attribute: zap\n"
    "\t* invalid policy x.NAMESPACE: invalid `notValue` for `key` zap: unknown attribute: zap\n\n"
)
NO_CEL = (
    "must be a valid CEL expression, ERROR: <input>:1:18: Syntax error: mismatched input '<EOF>' expecting "
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n"
    " | response.code >= \n | .................^"
)
DENIES_TCP = (
    "configured AuthorizationPolicy will deny all traffic to TCP ports under its scope due to the use of only HTTP attributes "
    "in a DENY rule; it is recommended to explicitly specify the port"
)
ERRORS_DEPRECATED = (
    "outlier detection consecutive errors is deprecated, use consecutiveGatewayErrors or consecutive5xxErrors instead"
)
SELECTOR = {"matchLabels": {"app": "reviews"}}


def route(*weights: int, **rest: Any) -> dict[str, Any]:
    """The spec of a VirtualService with one HTTP route. No weights: one destination without a weight."""
    destinations = [{"destination": {"host": "reviews", "subset": f"v{n}"}, "weight": w} for n, w in enumerate(weights)]
    return {"hosts": ["reviews"], "http": [{"route": destinations or [{"destination": {"host": "reviews"}}], **rest}]}


def policy(**policy: Any) -> dict[str, Any]:
    return {"host": "reviews", "trafficPolicy": policy}


def source(**source: Any) -> dict[str, Any]:
    return {"rules": [{"from": [{"source": source}]}]}


def operation(**operation: Any) -> dict[str, Any]:
    return {"rules": [{"to": [{"operation": operation}]}]}


def tracing(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"tracing": list(entries)}


SCHEMA = [
    (
        "Telemetry",
        tracing({"randomSamplingPercentage": 150}),
        ("spec.tracing[0].randomSamplingPercentage", "FieldValueInvalid"),
        "Invalid value: 150: spec.tracing[0].randomSamplingPercentage in body should be less than or equal to 100",
    ),
    (
        "Telemetry",
        tracing({"customTags": {"a": {"literal": {"value": "x"}, "header": {"name": "y"}}}}),
        ("<nil>", "FieldValueInvalid"),
        f'Invalid value: "": "spec.tracing[0].customTags.a" {TWO_OF}',
    ),
    (
        "Telemetry",
        tracing({"providers": [{"name": ""}]}),
        ("spec.tracing[0].providers[0].name", "FieldValueInvalid"),
        'Invalid value: "": spec.tracing[0].providers[0].name in body should be at least 1 chars long',
    ),
    (
        "Telemetry",
        {"metrics": [{"overrides": [{"tagOverrides": {"a": {"operation": "REMOVE", "value": "b"}}}]}]},
        ("spec.metrics[0].overrides[0].tagOverrides[a]", "FieldValueInvalid"),
        "Invalid value: value must not be set when operation is REMOVE",
    ),
    (
        "Telemetry",
        {"metrics": [{"overrides": [{"tagOverrides": {"a": {"operation": "UPSERT"}}}]}]},
        ("spec.metrics[0].overrides[0].tagOverrides[a]", "FieldValueInvalid"),
        'Invalid value: "object": no such key: value evaluating rule: value must be set when operation is UPSERT',
    ),
    (
        "PeerAuthentication",
        {"portLevelMtls": {"8080": {"mode": "DISABLE"}}},
        ("spec", "FieldValueInvalid"),
        "Invalid value: portLevelMtls requires selector",
    ),
    (
        "PeerAuthentication",
        {"selector": SELECTOR, "portLevelMtls": {"99999": {"mode": "DISABLE"}}},
        ("spec.portLevelMtls", "FieldValueInvalid"),
        "Invalid value: port must be between 1-65535",
    ),
    (
        "PeerAuthentication",
        {"selector": {"matchLabels": {"app": "rev*"}}},
        ("spec.selector.matchLabels[app]", "FieldValueInvalid"),
        'Invalid value: "rev*": wildcard not allowed in label value match',
    ),
    (
        "VirtualService",
        route(timeout="0s"),
        ("spec.http[0].timeout", "FieldValueInvalid"),
        f'Invalid value: "0s": {TOO_SHORT}',
    ),
    (
        "VirtualService",
        route(timeout="soon"),
        ("spec.http[0].timeout", "FieldValueInvalid"),
        f'Invalid value: "string": {NO_DURATION}: {TOO_SHORT}',
    ),
    (
        "VirtualService",
        route(match=[{"uri": {"exact": "a", "prefix": "b"}}]),
        ("<nil>", "FieldValueInvalid"),
        f'Invalid value: "": "spec.http[0].match[0].uri" {TWO_OF}',
    ),
    (
        "VirtualService",
        route(10**12),
        ("<nil>", "FieldValueInvalid"),
        'Invalid value: "": Checked value must be of type integer with format int32 in spec.http[0].route[0].weight',
    ),
    (
        "DestinationRule",
        policy(outlierDetection={"consecutiveGatewayErrors": -3}),
        ("spec.trafficPolicy.outlierDetection.consecutiveGatewayErrors", "FieldValueInvalid"),
        (
            "Invalid value: -3: spec.trafficPolicy.outlierDetection.consecutiveGatewayErrors in body "
            "should be greater than or equal to 0"
        ),
    ),
    (
        "AuthorizationPolicy",
        {"selector": SELECTOR, "targetRefs": [{"kind": "Service", "name": "reviews"}]},
        ("spec", "FieldValueInvalid"),
        "Invalid value: only one of targetRefs or selector can be set",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "cause", "message"), SCHEMA)
def test_schema_and_cel_name_the_field(kube: Kube, kind: str, spec: dict[str, Any], cause: tuple[str, str], message: str) -> None:
    answer = kube.create(make(kind, "x", spec))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert [(c["field"], c["reason"], c["message"]) for c in answer.causes] == [(*cause, message)]
    assert answer.message.endswith(f'"x" is invalid: {cause[0]}: {message}')
    assert answer.body["details"]["kind"] == kind


BLOCKING = [
    ("PeerAuthentication", {"mtls": {"mode": "ZAP"}}, "spec.mtls.mode", "FieldValueNotSupported",
     'Unsupported value: "ZAP": supported values: "UNSET", "DISABLE", "PERMISSIVE", "STRICT"'),
    ("DestinationRule", {}, "spec.host", "FieldValueRequired", "Required value"),
    ("VirtualService", {"http": [{"route": [{"weight": 1}]}]}, "spec.http[0].route[0].destination", "FieldValueRequired",
     "Required value"),
    ("VirtualService", route(timeout=3), "spec.http[0].timeout", "FieldValueTypeInvalid",
     'Invalid value: "integer": spec.http[0].timeout in body must be of type string: "integer"'),
    ("PeerAuthentication", {"selector": {"matchLabels": {"app": "x" * 64}}}, "spec.selector.matchLabels.app", "FieldValueTooLong",
     "Too long: may not be more than 63 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "spec", "field", "reason", "message"), BLOCKING)
def test_after_some_mistakes_the_rest_is_not_checked(
    kube: Kube, kind: str, spec: dict[str, Any], field: str, reason: str, message: str
) -> None:
    answer = kube.create(make(kind, "x", spec))
    assert (answer.status, answer.reason) == (422, "Invalid")
    causes = [(c["field"], c["reason"], c["message"]) for c in answer.causes]
    assert causes == [(field, reason, message), ("<nil>", "FieldValueInvalid", UNCHECKED)]


REFUSED = [
    ("VirtualService", route(-4, 104), "weight -4 < 0"),
    ("VirtualService", route(0, 0), "total destination weight = 0"),
    ("VirtualService", route(-5, -6), "2 errors occurred:\n\t* weight -5 < 0\n\t* weight -6 < 0\n\n"),
    ("VirtualService", {"hosts": ["reviews"]}, "http, tcp or tls must be provided in virtual service"),
    ("VirtualService", {"hosts": ["reviews"], "http": [{}]}, "HTTP route, redirect or direct_response is required"),
    ("VirtualService", route(redirect={"uri": "/x"}), "HTTP route cannot contain both route and redirect"),
    ("VirtualService", route(fault={"abort": {"httpStatus": 9999}}), "HTTP status 9999 is not in range 200-599"),
    ("VirtualService", route(fault={"abort": {"httpStatus": 500, "percentage": {"value": 120}}}),
     "percentage 120 is neither 0.0, nor in range [0.0001, 100.0]"),
    ("VirtualService", route(fault={}), "1 error occurred:\n\t* HTTP fault injection must have an abort and/or a delay\n\n"),
    ("VirtualService", route(retries={"attempts": -1}), "1 error occurred:\n\t* attempts cannot be negative\n\n"),
    ("VirtualService", route(retries={"attempts": 3, "retryOn": "5xx,zap"}), '"zap" is not a valid retryOn policy'),
    ("VirtualService", route(mirror={"host": "m"}, mirrorPercentage={"value": 120}),
     "mirror_percentage must have a max value of 100 (it has 120.000000)"),
    ("VirtualService", route() | {"hosts": ["a", "a"]}, "duplicate hosts in virtual service: a & a"),
    ("VirtualService", route() | {"hosts": ["re views"]}, 'domain name "re views" invalid (label "re views" invalid)'),
    ("VirtualService", route(match=[{"uri": {"regex": "(("}}]), f'"uri": error parsing regexp: missing closing ): `((`; {RE2}'),
    ("DestinationRule", policy(), "traffic policy must have at least one field"),
    ("DestinationRule", policy(outlierDetection={"maxEjectionPercent": 150}), "percentage 150 is not in range 0..100"),
    ("DestinationRule", policy(tls={"mode": "MUTUAL"}),
     "2 errors occurred:\n\t* client certificate required for mutual tls\n\t* private key required for mutual tls\n\n"),
    ("DestinationRule", {"host": "r", "subsets": [{"name": "a"}, {"name": "a"}]}, "duplicate subset names: a"),
    ("DestinationRule", {"host": "r", "subsets": [{"name": "A_b"}]}, "subset name is invalid: A_b"),
    ("AuthorizationPolicy", source(ipBlocks=["999.1"]),
     "1 error occurred:\n\t* invalid policy x.NAMESPACE: bad IP address (999.1)\n\n"),
    ("AuthorizationPolicy", source(principals=[""]), "invalid policy x.NAMESPACE: empty value not allowed, found in Principals"),
    ("AuthorizationPolicy", source(), "invalid policy x.NAMESPACE: `from.source` must not be empty, found at rule 0"),
    ("AuthorizationPolicy", operation(ports=["99999"]),
     "1 error occurred:\n\t* invalid policy x.NAMESPACE: bad port (99999): <nil>\n\n"),
    ("AuthorizationPolicy", {"action": "CUSTOM", "rules": [{}]}, "invalid policy x.NAMESPACE: `provider.name` must not be empty"),
    ("AuthorizationPolicy", {"action": "DENY"}, NO_RULES),
    ("AuthorizationPolicy", {"rules": [{"when": [{"key": "zap", "values": ["a"]}]}]}, UNKNOWN_KEY),
    ("Telemetry", {"accessLogging": [{"filter": {"expression": "response.code >= "}}]}, NO_CEL),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "spec", "message"), REFUSED)
@pytest.mark.parametrize("dry_run", [False, True], ids=["write", "dry run"])
def test_the_webhook_refuses_with_neither_reason_nor_causes(
    kube: Kube, kind: str, spec: dict[str, Any], message: str, dry_run: bool
) -> None:
    answer = kube.create(make(kind, "x", spec), dryRun="All" if dry_run else None)
    assert (answer.status, answer.reason, answer.causes) == (400, "", [])
    assert answer.message == DENIED + message.replace("NAMESPACE", kube.namespace)


WARNED = [
    ("Telemetry", tracing({"randomSamplingPercentage": 1}, {"randomSamplingPercentage": 2}),
     ["multiple tracing is not currently supported"]),
    ("Telemetry", tracing({"providers": [{"name": "a"}, {"name": "b"}]}), ["multiple providers is not currently supported"]),
    ("DestinationRule", policy(outlierDetection={"consecutiveErrors": 3}), [ERRORS_DEPRECATED]),
    ("PeerAuthentication", {"selector": {}}, ["workload selector specified without labels"]),
    ("AuthorizationPolicy", {"action": "DENY", **operation(methods=["GET"])}, [DENIES_TCP]),
    ("VirtualService", {"hosts": ["reviews"], "http": route()["http"] * 2},
     ["virtualService rule #1 not used (only the last rule can have no matches)"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "spec", "warnings"), WARNED)
@pytest.mark.parametrize("dry_run", [False, True], ids=["write", "dry run"])
def test_the_webhook_warns(kube: Kube, kind: str, spec: dict[str, Any], warnings: list[str], dry_run: bool) -> None:
    answer = kube.create(make(kind, "x", spec), dryRun="All" if dry_run else None)
    assert answer.status == 201
    assert answer.warnings == [f'299 - "{text}"' for text in warnings]


ACCEPTED = [
    ("VirtualService", route(40, 20)),
    ("VirtualService", route(0)),
    ("VirtualService", {"hosts": ["no.such.host"], "http": [{"route": [{"destination": {"host": "nobody", "subset": "none"}}]}]}),
    ("DestinationRule", policy(loadBalancer={"simple": "LEAST_CONN"})),
    ("DestinationRule", policy(outlierDetection={}) | {"subsets": [{"name": "v1"}]}),
    ("PeerAuthentication", {"selector": SELECTOR, "mtls": {"mode": "STRICT"}, "portLevelMtls": {"80": {"mode": "DISABLE"}}}),
    ("AuthorizationPolicy", {"action": "ALLOW"}),
    ("AuthorizationPolicy", source(principals=["cluster.local/ns/a/sa/b"], ipBlocks=["10.0.0.0/8", "1.2.3.4"])),
    ("Telemetry", tracing({"providers": [{"name": "no-such-provider"}], "randomSamplingPercentage": 1.5})),
    ("Telemetry", {"accessLogging": [{"filter": {"expression": "response.code >= 400"}}]}),
]


@pytest.mark.parametrize(("kind", "spec"), ACCEPTED)
def test_nobody_minds(kube: Kube, kind: str, spec: dict[str, Any]) -> None:
    answer = kube.create(make(kind, "x", spec))
    assert (answer.status, answer.warnings) == (201, [])
    assert answer.body["spec"] == spec


def test_a_null_that_the_schema_does_not_allow_counts_as_absent(kube: Kube) -> None:
    assert kube.create(make("PeerAuthentication", "x", {"mtls": {"mode": None}})).body["spec"] == {"mtls": {}}
