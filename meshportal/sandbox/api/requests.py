"""One HTTP request in Kubernetes' terms: which objects, which verb, which options."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs

from meshportal.sandbox.api.kinds import Resource, find
from meshportal.sandbox.api.roles import Access
from meshportal.sandbox.api.status import ApiError, Cause, Target, bad_request, invalid
from meshportal.sandbox.api.store import Key

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
VALIDATION = ("Strict", "Warn", "Ignore")


@dataclass(frozen=True)
class Route:
    """The object or collection behind a path. `name` is "" for a collection, `namespace` for all of them."""

    resource: Resource
    version: str
    namespace: str
    name: str
    subresource: str

    @property
    def key(self) -> Key:
        return Key(self.resource, self.namespace, self.name)

    @property
    def api_version(self) -> str:
        return self.resource.api_version(self.version)

    @property
    def target(self) -> Target:
        """For "not found" and "conflict"."""
        return Target(self.resource.group, self.resource.plural, self.name)


def route(path: str) -> Route | None:
    """The route of a path, or None if no kind is served there."""
    steps = [step for step in path.split("/") if step]
    if steps[:1] == ["api"] and len(steps) > 2:
        group, version, rest = "", steps[1], steps[2:]
    elif steps[:1] == ["apis"] and len(steps) > 3:
        group, version, rest = steps[1], steps[2], steps[3:]
    else:
        return None
    namespace = ""
    # /namespaces/x is the Namespace itself, /namespaces/x/pods its pods, /namespaces/x/status a subresource of it
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    resource = find(group, version, rest[0])
    if resource is None or len(rest) > 3 or (namespace and not resource.namespaced):
        return None
    return Route(resource, version, namespace, rest[1] if len(rest) > 1 else "", rest[2] if len(rest) > 2 else "")


@dataclass(frozen=True)
class Request:
    """What a handler needs to know. `body` is raw; `query` has the last value of every parameter."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    user: str
    body: bytes = b""

    @property
    def watch(self) -> bool:
        return self.flag("watch")

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("true", "1")

    def number(self, name: str) -> int | None:
        """A query parameter as a number ≥ 0, None where it is absent. Raises 400."""
        text = self.query.get(name, "")
        if not text:
            return None
        if not text.isdigit():
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        return int(text)

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "application/json").partition(";")[0].strip().lower()

    @property
    def dry_run(self) -> bool:
        """Raises 422 for anything but "All"."""
        value = self.query.get("dryRun", "")
        if value not in ("", "All"):
            raise self.bad_option("dryRun", f'Unsupported value: "{value}": supported values: "All"')
        return value == "All"

    @property
    def field_validation(self) -> str:
        value = self.query.get("fieldValidation", "") or "Warn"
        if value not in VALIDATION:
            supported = '"", "Ignore", "Strict", "Warn"'
            raise self.bad_option("fieldValidation", f'Unsupported value: "{value}": supported values: {supported}')
        return value

    @property
    def manager(self) -> str:
        """fieldManager, or the product of the User-Agent as Kubernetes takes it."""
        return self.query.get("fieldManager", "") or self.headers.get("user-agent", "").partition("/")[0][:128] or "unknown"

    def bad_option(self, name: str, message: str) -> ApiError:
        kind = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}.get(self.method, "DeleteOptions")
        return invalid(Target("meta.k8s.io", kind), [Cause("FieldValueNotSupported", message, name)])

    def access(self, place: Route | None) -> Access:
        """What the user needs a right to."""
        if place is None:
            return Access(verb=self.method.lower(), path=self.path)
        verb = VERBS.get(self.method, "")
        if not verb:
            verb = "get" if place.name else "watch" if self.watch else "list"
        elif verb == "delete" and not place.name:
            verb = "deletecollection"
        # a Namespace is asked for as if it lay in itself
        namespace = place.name if place.resource.plural == "namespaces" else place.namespace
        return Access(verb, place.resource.group, place.resource.plural, place.subresource, namespace, place.name)


def parse_query(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}


def method_not_allowed() -> ApiError:
    return ApiError(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        Target(),
    )
