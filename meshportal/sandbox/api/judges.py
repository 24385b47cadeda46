"""Who says no to an object: names, then the schema and CEL, then Istio's webhook. Built-in kinds are judged by name only."""

from __future__ import annotations

import json

from meshportal.sandbox.api import cel_rules, schema, validation, webhook
from meshportal.sandbox.api.kinds import Resource
from meshportal.sandbox.api.names import metadata_causes
from meshportal.sandbox.api.status import ApiError, Cause, JsonObject, Target, bad_request, invalid


def prune(resource: Resource, version: str, item: JsonObject) -> tuple[JsonObject, list[str]]:
    """The object without unknown fields, and one text for each: `unknown field "spec.bogus"`."""
    kept, unknown = schema.prune(schema.schema_of(resource, version), item)
    return kept, [f'unknown field "{path}"' for path in unknown]


def strict_error(resource: Resource, version: str, unknown: list[str]) -> ApiError:
    """The 400 for a POST or PUT with fieldValidation=Strict."""
    handled = f'{resource.kind} in version "{version}" cannot be handled as a {resource.kind}'
    return bad_request(f"{handled}: strict decoding error: {', '.join(unknown)}")


def strict_patch_error(item: JsonObject, unknown: list[str]) -> ApiError:
    """The 422 for a patch. As the real one does, it quotes the whole object and names no kind."""
    whole = json.dumps(json.dumps(item, separators=(",", ":"), sort_keys=True))
    cause = Cause("FieldValueInvalid", f"Invalid value: {whole}: strict decoding error: {', '.join(unknown)}", "patch")
    return invalid(Target(), [cause])


def judge(resource: Resource, version: str, item: JsonObject) -> list[str]:
    """The warnings about an object that is about to be stored. Raises 422, or 400 from the webhook."""
    metadata = item["metadata"]
    causes = metadata_causes(resource, metadata)
    if resource.custom:
        facts, body = schema.schema_of(resource, version), {name: part for name, part in item.items() if name != "metadata"}
        causes += validation.check(facts, body, "")
        if any(cause.reason in validation.BLOCKING for cause in causes):
            causes.append(validation.UNCHECKED)
        else:
            causes += cel_rules.check(facts, body, "")
    if causes:
        raise invalid(Target(resource.group, resource.kind, metadata.get("name", "")), causes)
    return webhook.judge(resource, item)
