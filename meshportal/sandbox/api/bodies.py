"""Request bodies: decoding, and what is wrong with one before anybody looks at the object in it."""

from __future__ import annotations

import json
from typing import Any

import yaml

from meshportal.sandbox.api.requests import Request, Route
from meshportal.sandbox.api.shapes import GO_WORDS
from meshportal.sandbox.api.shapes import complaint as complaint_of
from meshportal.sandbox.api.status import ApiError, Cause, JsonObject, Target, bad_request, invalid
from meshportal.sandbox.api.validation import type_name

YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")
JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
APPLY_PATCH = "application/apply-patch+yaml"
MOST_OPS = 10_000


def unsupported(accepted: str) -> ApiError:
    message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return ApiError(415, "UnsupportedMediaType", message)


def decoded(request: Request) -> Any:
    """The body as JSON data. Raises ValueError for what cannot be read."""
    if request.content_type in YAML_TYPES:
        try:
            return yaml.safe_load(request.body)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error
    if not request.body.strip():
        raise ValueError("unexpected end of JSON input")
    return json.loads(request.body)


def received(place: Route, request: Request) -> JsonObject:
    """The object of a POST or PUT, of the right kind and namespace. Raises 400, 415, 422."""
    kind = place.resource.kind
    unrecognised = f"the object provided is unrecognized (must be of type {kind}): "
    if request.content_type not in (*YAML_TYPES, "application/json"):
        raise unsupported("application/json, application/yaml")
    try:
        item = decoded(request)
    except ValueError as error:
        raise bad_request(f"{unrecognised}couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(item, dict):
        raise bad_request(f"{unrecognised}couldn't get version/kind; json parse error: json: cannot unmarshal {type_name(item)}")
    _right_kind(item, place, unrecognised)
    metadata = item.setdefault("metadata", {})
    complaint = complaint_of(place.resource, item)
    if complaint:
        raise bad_request(f'{kind} in version "{place.version}" cannot be handled as a {kind}: {complaint}')
    if metadata.get("namespace", place.namespace) != place.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if place.resource.namespaced:
        metadata["namespace"] = place.namespace
    return item


def _right_kind(item: JsonObject, place: Route, unrecognised: str) -> None:
    kind, version = place.resource.kind, place.api_version
    if not place.resource.custom:
        # the built-in kinds are decoded into what the path says when the body says nothing
        if item.setdefault("kind", kind) != kind or item.setdefault("apiVersion", version) != version:
            raise bad_request(f'{item["kind"]} in version "{item["apiVersion"]}" cannot be handled as a {kind}')
        return
    if not item.get("kind"):
        raise bad_request(f"{unrecognised}Object 'Kind' is missing in '{json.dumps(item)}'")
    if item.get("apiVersion", "") != version:
        given = item.get("apiVersion", "")
        raise bad_request(f"the API version in the data ({given}) does not match the expected API version ({version})")
    if item["kind"] != kind:
        cause = Cause("FieldValueInvalid", f"Invalid value: {json.dumps(item['kind'])}: must be {kind}", "kind")
        raise invalid(Target(place.resource.group, item["kind"], (item.get("metadata") or {}).get("name", "")), [cause])


def patch_body(place: Route, request: Request) -> Any:
    """The patch of a PATCH: a list of ops, or an object. Raises 400, 413, 415."""
    custom = (JSON_PATCH, MERGE_PATCH)
    kinds = custom if place.resource.custom else (*custom, STRATEGIC_PATCH)
    if request.content_type not in kinds:
        raise unsupported(", ".join((*kinds, APPLY_PATCH)))
    try:
        patch = decoded(request)
    except ValueError as error:
        raise bad_request(f"error decoding patch: {error}") from error
    as_ops = request.content_type == JSON_PATCH
    if not isinstance(patch, list if as_ops else dict):
        wanted = "[]handlers.jsonPatchOp" if as_ops else "map[string]interface {}"
        given = GO_WORDS.get(type_name(patch), type_name(patch))
        raise bad_request(f"error decoding patch: json: cannot unmarshal {given} into Go value of type {wanted}")
    if as_ops and len(patch) > MOST_OPS:
        message = f"The allowed maximum operations in a JSON patch is {MOST_OPS}, got {len(patch)}"
        raise ApiError(413, "RequestEntityTooLarge", message)
    return patch


def delete_options(request: Request) -> JsonObject:
    """The DeleteOptions of a DELETE: its body, and only where it has none its query. Raises 400."""
    if not request.body.strip():
        dry = {"dryRun": ["All"]} if request.dry_run else {}
        return dry | {key: request.query[key] for key in ("propagationPolicy",) if key in request.query}
    try:
        options = decoded(request)
    except ValueError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(options, dict) or not isinstance(options.get("preconditions") or {}, dict):
        raise bad_request("couldn't get version/kind; json parse error: DeleteOptions are an object")
    return options
