"""POST, PUT, PATCH and DELETE: what becomes of an object between the request and the store.

The order of the steps is the order in which a real API server refuses: body, namespace, name and schema, admission, store.
"""

from __future__ import annotations

import datetime
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from meshportal.sandbox.api import judges, patches
from meshportal.sandbox.api.bodies import json_body
from meshportal.sandbox.api.defaults import fill, first_status
from meshportal.sandbox.api.fields import Author, owned
from meshportal.sandbox.api.kinds import BY_PLURAL
from meshportal.sandbox.api.requests import Request, Route
from meshportal.sandbox.api.status import (
    MODIFIED,
    ApiError,
    Cause,
    JsonObject,
    Target,
    already_exists,
    bad_request,
    conflict,
    invalid,
    invalid_patch,
    not_found,
    not_served,
)
from meshportal.sandbox.api.store import Key, Store, Write

TOKEN = "meshportal.io/token"
SERVER_OWNED = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
NAMESPACES = BY_PLURAL["", "namespaces"]
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


@dataclass
class Answer:
    """What goes back: a status code, an object, the texts of Warning headers."""

    code: int
    body: JsonObject
    warnings: list[str] = field(default_factory=list)


def now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Writer:
    """The writes of one request."""

    def __init__(self, store: Store, place: Route, request: Request) -> None:
        self.store, self.place, self.request = store, place, request
        self.resource = place.resource
        self.warnings: list[str] = []
        self.dry_run = request.dry_run
        if self.resource.plural == "customresourcedefinitions":
            raise not_served("the kinds are fixed; CustomResourceDefinitions can be read only")

    # ------------------------------------------------------------ verbs

    def create(self) -> Answer:
        """POST. Raises 400, 404 of the namespace, 409, 422."""
        item = self._received()
        metadata = item["metadata"]
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + "".join(secrets.choice(ALPHABET) for _ in range(5))
        key = Key(self.resource, self.place.namespace, metadata.get("name", ""))
        self._require_namespace()
        for name in (*SERVER_OWNED, "managedFields"):
            metadata.pop(name, None)
        if metadata.pop("resourceVersion", ""):
            raise ApiError(500, "InternalError", "resourceVersion should not be set on objects to be created", self.place.target)
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
        if self.resource.generation:
            metadata["generation"] = 1
        if self.resource.status:
            item.pop("status", None)
            item |= first_status(self.resource)
        fill(item, self.resource, self.store)
        self._judge(item, None)
        if self.store.get(key):
            raise already_exists(Target(self.resource.group, self.resource.plural, key.name))
        item["metadata"]["managedFields"] = owned(self.resource, {"metadata": {}}, item, self._author())
        return Answer(201, self._stored(key, item, None), self.warnings)

    def replace(self) -> Answer:
        """PUT of an object or its status. Raises 400, 404, 409, 422."""
        item = self._received()
        name = item["metadata"].get("name", "")
        if name and name != self.place.name:
            raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({self.place.name})")
        item["metadata"]["name"] = self.place.name
        live = self._live()
        self._check_versions(item, live, required=self.resource.custom)
        return Answer(200, self._updated(item, live), self.warnings)

    def patch(self) -> Answer:
        """PATCH by content type. Raises 400, 404, 409, 415, 422, 501."""
        kind = self.request.content_type
        if kind == "application/apply-patch+yaml" or kind == "application/apply-patch+cbor":
            raise not_served("server-side apply; use POST, PUT or another PATCH")
        live = self._live()
        patch = json_body(self.request)
        before = {"apiVersion": self.place.api_version, "kind": self.resource.kind} | live
        if kind == "application/json-patch+json":
            item = self._json_patched(before, patch)
        elif kind in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
            if not isinstance(patch, dict):
                raise bad_request("json: cannot unmarshal the patch into an object")
            item = patches.merge(before, patch)
        else:
            raise ApiError(415, "UnsupportedMediaType", f"the body of the request was in an unknown format: {kind}", Target())
        item = self._patched(item, before)
        self._check_versions(item, live, required=False)
        return Answer(200, self._updated(item, live), self.warnings)

    def delete(self) -> Answer:
        """DELETE with preconditions. Raises 404, 409."""
        options = json_body(self.request) if self.request.body.strip() else {}
        live = self._live()
        wanted = options.get("preconditions") or {}
        metadata = live["metadata"]
        for name, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            if wanted.get(name) and wanted[name] != metadata[name]:
                why = f"Precondition failed: {label} in precondition: {wanted[name]}, {label} in object meta: {metadata[name]}"
                raise conflict(self.place.target, why)
        dry_run = self.dry_run or options.get("dryRun") == ["All"]
        if dry_run:
            return Answer(200, self._deleted_status(live))
        orphan = options.get("propagationPolicy", self.request.query.get("propagationPolicy", "")) == "Orphan"
        with self.store.transaction():
            if metadata.get("finalizers"):
                marked = live | {"metadata": metadata | {"deletionTimestamp": metadata.get("deletionTimestamp") or now()}}
                item = self.store.put(self.place.key, marked, live)
            else:
                item = self._remove(self.place.key, live, orphan=orphan)
            self._log(item)
        return Answer(200, self._shown(item) if metadata.get("finalizers") else self._deleted_status(live))

    # ------------------------------------------------------------ steps

    def _received(self) -> JsonObject:
        item = json_body(self.request)
        expected = {"apiVersion": self.place.api_version, "kind": self.resource.kind}
        if not isinstance(item, dict):
            raise bad_request("the object provided is unrecognized (must be of type " + self.resource.kind + ")")
        for name, value in expected.items():
            given = item.setdefault(name, value)
            if given != value:
                raise bad_request(
                    f"the API version in the data ({item['apiVersion']}) does not match the expected API version ({value})"
                    if name == "apiVersion"
                    else f'no kind "{given}" is registered for version "{item["apiVersion"]}"'
                )
        metadata = item.setdefault("metadata", {})
        if not isinstance(metadata, dict):
            raise bad_request(f'{self.resource.kind} in version "{self.place.version}" cannot be handled: metadata is no object')
        self._same_namespace(metadata)
        return self._pruned(item)

    def _same_namespace(self, metadata: JsonObject) -> None:
        if metadata.get("namespace", self.place.namespace) != self.place.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if self.resource.namespaced:
            metadata["namespace"] = self.place.namespace

    def _pruned(self, item: JsonObject, prefix: str = "") -> JsonObject:
        """The object without fields its schema does not know, which are refused, warned of or ignored as the request says."""
        item, unknown = judges.prune(self.resource, self.place.version, item)
        if unknown and self.request.field_validation == "Strict":
            raise judges.strict_error(self.resource, self.place.version, unknown)
        if self.request.field_validation == "Warn":
            self.warnings += unknown
        return item

    def _patched(self, item: Any, before: JsonObject) -> JsonObject:
        if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
            raise invalid_patch(self.place.target)
        pruned, unknown = judges.prune(self.resource, self.place.version, item)
        if unknown and self.request.field_validation == "Strict":
            raise judges.strict_patch_error(item, unknown)
        if self.request.field_validation == "Warn":
            self.warnings += unknown
        for name in ("name", "namespace"):
            if pruned["metadata"].get(name) != before["metadata"].get(name):
                raise bad_request(f"the {name} of the object does not match the {name} on the URL")
        return pruned

    def _json_patched(self, before: JsonObject, ops: Any) -> Any:
        if not isinstance(ops, list) or not all(isinstance(op, dict) for op in ops):
            raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
        try:
            return patches.apply(before, ops)
        except patches.PatchFailed as failed:
            raise invalid_patch(self.place.target) from failed

    def _require_namespace(self) -> None:
        namespace = self.place.namespace
        if not self.resource.namespaced:
            return
        found = self.store.get(Key(NAMESPACES, "", namespace))
        if found is None:
            raise not_found(Target("", "namespaces", namespace))
        if found["metadata"].get("deletionTimestamp"):
            raise terminating(self.place, namespace)

    def _live(self) -> JsonObject:
        live = self.store.get(self.place.key)
        if live is None:
            raise not_found(self.place.target)
        return live

    def _check_versions(self, item: JsonObject, live: JsonObject, *, required: bool) -> None:
        given, has = item["metadata"], live["metadata"]
        if given.get("uid") and given["uid"] != has["uid"]:
            why = f"Precondition failed: UID in precondition: {given['uid']}, UID in object meta: {has['uid']}"
            raise conflict(self.place.target, why)
        version = given.get("resourceVersion", "")
        if not version and required:
            cause = Cause("FieldValueInvalid", "Invalid value: 0: must be specified for an update", "metadata.resourceVersion")
            raise invalid(self._invalid_target(), [cause])
        if version and version != has["resourceVersion"]:
            raise conflict(self.place.target, MODIFIED)

    def _invalid_target(self) -> Target:
        return Target(self.resource.group, self.resource.kind, self.place.name)

    def _updated(self, item: JsonObject, live: JsonObject) -> JsonObject:
        """Carry over what the server owns, judge, and store if anything changed. Returns the object as shown."""
        item = self._only_its_part(item, live)
        metadata, has = item["metadata"], live["metadata"]
        for name in (*SERVER_OWNED, "managedFields", "resourceVersion"):
            metadata.pop(name, None)
            if name in has:
                metadata[name] = has[name]
        fill(item, self.resource, self.store)
        plain = {name: value for name, value in item.items() if name not in ("apiVersion", "kind")}
        if self.resource.generation and patches.equal(_spec_of(plain), _spec_of(live)) is False:
            metadata["generation"] = has.get("generation", 0) + 1
        self._judge(item, live)
        if patches.equal(plain, live):
            return self._shown(live)
        metadata["managedFields"] = owned(self.resource, live, item, self._author(), has.get("managedFields", []))
        if has.get("deletionTimestamp") and not metadata.get("finalizers"):
            return self._finalized(live)
        return self._stored(self.place.key, item, live)

    def _only_its_part(self, item: JsonObject, live: JsonObject) -> JsonObject:
        if self.place.subresource == "status":
            metadata = dict(live["metadata"]) | {"resourceVersion": item["metadata"].get("resourceVersion", "")}
            return live | {"metadata": metadata} | ({"status": item["status"]} if "status" in item else {})
        item = {name: value for name, value in item.items() if name != "status" or not self.resource.status}
        if self.resource.status and "status" in live:
            item["status"] = live["status"]
        return item

    def _judge(self, item: JsonObject, live: JsonObject | None) -> None:
        if self.place.subresource != "status":
            self.warnings += judges.judge(self.resource, self.place.version, item)

    def _author(self) -> Author:
        return Author(self.request.manager, self.place.api_version, self.place.subresource, now())

    def _stored(self, key: Key, item: JsonObject, live: JsonObject | None) -> JsonObject:
        item = {name: value for name, value in item.items() if name not in ("apiVersion", "kind")}
        if self.dry_run:
            return self._shown(item)
        with self.store.transaction():
            item = self.store.put(key, item, live)
            self._log(item)
        return self._shown(item)

    def _finalized(self, live: JsonObject) -> JsonObject:
        if self.dry_run:
            return self._shown(live)
        with self.store.transaction():
            item = self._remove(self.place.key, live, orphan=False)
            self._log(item)
        return self._shown(item)

    def _remove(self, key: Key, live: JsonObject, *, orphan: bool) -> JsonObject:
        """Delete an object and, as the garbage collector would a moment later, what it owns or contains."""
        item = self.store.remove(key, live)
        within = [(group, plural, key.name, name) for group, plural, name in self._inside(key)]
        for group, plural, namespace, name in [*within, *([] if orphan else self.store.owned_by(live["metadata"]["uid"]))]:
            dependent = Key(BY_PLURAL[group, plural], namespace, name)
            found = self.store.get(dependent)
            if found is not None:
                self._remove(dependent, found, orphan=False)
        return item

    def _inside(self, key: Key) -> list[tuple[str, str, str]]:
        return self.store.in_namespace(key.name) if key.resource is NAMESPACES else []

    def _log(self, item: JsonObject) -> None:
        metadata = item["metadata"]
        token = (metadata.get("annotations") or {}).get(TOKEN, "")
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[self.request.method]
        title = self.resource.title + (f"/{self.place.subresource}" if self.place.subresource else "")
        place = (title, metadata.get("namespace", ""), metadata["name"], metadata["resourceVersion"])
        self.store.log(Write(now(), self.request.user, self.request.manager, verb, *place, token))

    def _shown(self, item: JsonObject) -> JsonObject:
        return {"apiVersion": self.place.api_version, "kind": self.resource.kind} | item

    def _deleted_status(self, live: JsonObject) -> JsonObject:
        details = {
            "name": self.place.name,
            "group": self.resource.group,
            "kind": self.resource.plural,
            "uid": live["metadata"]["uid"],
        }
        details = {name: value for name, value in details.items() if value}
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _spec_of(item: JsonObject) -> JsonObject:
    """Everything a generation counts."""
    return {name: value for name, value in item.items() if name not in ("metadata", "status")}


def terminating(place: Route, namespace: str) -> ApiError:
    message = (
        f'{place.target.resource} "{place.name}" is forbidden: unable to create new content in namespace {namespace} '
        "because it is being terminated"
    )
    cause = Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
    return ApiError(403, "Forbidden", message, place.target, [cause])
