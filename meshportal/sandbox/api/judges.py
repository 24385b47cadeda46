"""Who says no to an object: names, then the schema and CEL, then Istio's webhook. Built-in kinds are judged by name only."""

from __future__ import annotations

import json

from meshportal.sandbox.api import schema
from meshportal.sandbox.api.kinds import Resource
from meshportal.sandbox.api.names import metadata_causes
from meshportal.sandbox.api.status import ApiError, JsonObject, Target, invalid


def prune(resource: Resource, version: str, item: JsonObject) -> tuple[JsonObject, list[str]]:
    """The object without unknown fields, and one text for each: `unknown field "spec.bogus"`."""
    kept, unknown = schema.prune(schema.schema_of(resource, version), item)
    return kept, [f'unknown field "{path}"' for path in unknown]


def strict_error(resource: Resource, version: str, item: JsonObject, unknown: list[str]) -> str:
    """The message of a 400 for a POST or PUT."""
    handled = f'{resource.kind} in version "{version}" cannot be handled as a {resource.kind}'
    return f"{handled}: strict decoding error: {', '.join(unknown)}"


def strict_patch_error(resource: Resource, name: str, item: JsonObject, unknown: list[str]) -> ApiError:
    """The 422 for a patch. As the real one does, it quotes the whole object."""
    target = Target(resource.group, resource.kind, name)
    whole = json.dumps(item, separators=(",", ":"))
    return ApiError(
        422, "Invalid", f' "" is invalid: patch: Invalid value: "{whole}": strict decoding error: {", ".join(unknown)}', target
    )


def judge(resource: Resource, version: str, item: JsonObject, live: JsonObject | None) -> list[str]:
    """The warnings about an object that is about to be stored. Raises 422, or 400 from the webhook."""
    metadata = item["metadata"]
    causes = metadata_causes(resource, metadata)
    if causes:
        raise invalid(Target(resource.group, resource.kind, metadata.get("name", "")), causes)
    return []
