"""Request bodies: JSON, or YAML where a client says so."""

from __future__ import annotations

import json
from typing import Any

import yaml

from meshportal.sandbox.api.requests import Request
from meshportal.sandbox.api.status import ApiError, Target, bad_request

YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")
JSON_TYPES = (
    "application/json",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


def json_body(request: Request) -> Any:
    """The decoded body. Raises 400 for what cannot be read, 415 for another content type such as protobuf."""
    if request.content_type in YAML_TYPES:
        try:
            return yaml.safe_load(request.body)
        except yaml.YAMLError as error:
            raise bad_request(f"error decoding YAML: {error}") from error
    if request.content_type not in JSON_TYPES:
        accepted = "accepted media types include: application/json, application/yaml"
        message = f"the body of the request was in an unknown format - {accepted}"
        raise ApiError(415, "UnsupportedMediaType", message, Target())
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
