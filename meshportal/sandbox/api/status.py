"""Refusals in Kubernetes' words: every one is an `ApiError` that becomes a `Status` body.

Shapes: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


@dataclass(frozen=True)
class Cause:
    """One complaint about one field. `name` is what the server writes for the field, "<nil>" where a schema rule names none."""

    reason: str
    message: str
    name: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"

    def body(self) -> JsonObject:
        return {"reason": self.reason, "message": self.message, "field": self.name}


@dataclass(frozen=True)
class Target:
    """What a request was about, as far as a refusal says it. `kind` is the plural, except in "is invalid", which has the kind."""

    group: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""

    @property
    def resource(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def body(self) -> JsonObject:
        return {key: value for key, value in vars(self).items() if value}


@dataclass
class ApiError(Exception):
    """A refusal. `reason` "" leaves the reason out, as webhooks do."""

    code: int
    reason: str
    message: str
    target: Target | None = None
    causes: Sequence[Cause] = field(default=())
    metadata: JsonObject = field(default_factory=dict)
    details: JsonObject = field(default_factory=dict)
    """more for `details`, beside the target and the causes"""
    warnings: list[str] = field(default_factory=list)
    """the texts of Warning headers that go with the refusal"""

    def __str__(self) -> str:
        return self.message

    def body(self) -> JsonObject:
        """The `Status` object of this refusal."""
        status: JsonObject = {"kind": "Status", "apiVersion": "v1", "metadata": self.metadata, "status": "Failure"}
        status["message"] = self.message
        if self.reason:
            status["reason"] = self.reason
        details = (self.target.body() if self.target else {}) | self.details
        if self.causes:
            details["causes"] = [cause.body() for cause in self.causes]
        if details or self.target is not None:
            status["details"] = details
        return status | {"code": self.code}


def not_found(target: Target) -> ApiError:
    return ApiError(404, "NotFound", f'{target.resource} "{target.name}" not found', target)


def already_exists(target: Target) -> ApiError:
    return ApiError(409, "AlreadyExists", f'{target.resource} "{target.name}" already exists', target)


def conflict(target: Target, why: str) -> ApiError:
    return ApiError(409, "Conflict", f'Operation cannot be fulfilled on {target.resource} "{target.name}": {why}', target)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def invalid(target: Target, causes: Sequence[Cause]) -> ApiError:
    """422 with one cause per field. `target.kind` is the kind, not the plural."""
    texts = [str(cause) for cause in causes]
    said = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return ApiError(422, "Invalid", f'{target.resource} "{target.name}" is invalid: {said}', target, causes)


def invalid_patch() -> ApiError:
    """A failed `test` op and a missing path look alike, on purpose of nobody."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", Target())


def expired(message: str) -> ApiError:
    return ApiError(410, "Expired", message)


def not_served(what: str) -> ApiError:
    """501: the real API server can do this, the sandbox cannot and says so."""
    return ApiError(501, "NotImplemented", f"the sandbox API does not do this: {what}")
