"""One HTTP request in Kubernetes' terms: which objects, which verb, which options."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs

from meshportal.sandbox.api.kinds import Resource, Table
from meshportal.sandbox.api.roles import Access
from meshportal.sandbox.api.status import ApiError, Cause, Target, bad_request, invalid
from meshportal.sandbox.api.store import Key

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
VALIDATION = ("Strict", "Warn", "Ignore")
LONGEST_MANAGER = 128


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


@dataclass(frozen=True)
class Place:
    """A path of the form of objects, whether or not its kind is served."""

    group: str
    version: str
    namespace: str
    plural: str
    name: str
    subresource: str


def place_of(path: str) -> Place | None:
    """The parts of a path below /api/v1 or /apis/GROUP/VERSION, None for any other."""
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
    rest += ["", ""]
    return Place(group, version, namespace, rest[0], rest[1], "/".join(rest[2:]).strip("/"))


def route(table: Table, place: Place | None, method: str) -> Route | None:
    """Where a place is served, None if it is not."""
    resource = table.find(place.group, place.version, place.plural) if place else None
    if place is None or resource is None:
        return None
    # one object, or a new one, lies in a namespace; a list may be of all of them
    if resource.namespaced is not bool(place.namespace) and (not resource.namespaced or place.name or method == "POST"):
        return None
    return Route(resource, place.version, place.namespace, place.name, place.subresource)


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

    def number(self, name: str) -> int:
        """A query parameter as a number, 0 where it is absent. Raises 400."""
        text = self.query.get(name, "")
        if not re.fullmatch(r"(-?\d+)?", text):
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        return int(text or "0")

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "application/json").partition(";")[0].strip().lower()

    @property
    def dry_run(self) -> bool:
        """Raises 422 for anything but "All"."""
        value = self.query.get("dryRun")
        if value not in (None, "All"):
            raise self._bad_option("dryRun", "NotSupported", f'Unsupported value: ["{value}"]: supported values: "All"')
        return value == "All"

    @property
    def field_validation(self) -> str:
        value = self.query.get("fieldValidation", "") or "Warn"
        if value not in VALIDATION:
            supported = '"", "Ignore", "Strict", "Warn"'
            message = f'Unsupported value: "{value}": supported values: {supported}'
            raise self._bad_option("fieldValidation", "NotSupported", message)
        return value

    @property
    def manager(self) -> str:
        """fieldManager, or the product of the User-Agent as Kubernetes takes it. Raises 422 for one too long."""
        given = self.query.get("fieldManager", "")
        if len(given) > LONGEST_MANAGER:
            raise self._bad_option("fieldManager", "TooLong", f"Too long: may not be more than {LONGEST_MANAGER} bytes")
        return given or self.headers.get("user-agent", "").partition("/")[0][:LONGEST_MANAGER] or "unknown"

    def _bad_option(self, name: str, reason: str, message: str) -> ApiError:
        kind = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}.get(self.method, "DeleteOptions")
        return invalid(Target("meta.k8s.io", kind), [Cause(f"FieldValue{reason}", message, name)])

    def access(self, place: Place | None) -> Access:
        """What the user needs a right to."""
        if place is None:
            return Access(verb=self.method.lower(), path=self.path)
        verb = VERBS.get(self.method, "")
        if not verb:
            verb = "get" if place.name else "watch" if self.watch else "list"
        elif verb == "delete" and not place.name:
            verb = "deletecollection"
        # a Namespace is asked for as if it lay in itself
        namespace = place.name if place.plural == "namespaces" else place.namespace
        return Access(verb, place.group, place.plural, place.subresource, namespace, place.name)


def parse_query(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}


def method_not_allowed() -> ApiError:
    return ApiError(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        Target(),
    )
