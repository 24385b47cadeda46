"""POST, PUT and PATCH: what becomes of an object between the request and the store.

The steps come in the order in which a real API server refuses: body, namespace, versions, schema, webhook, name taken.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from meshportal.sandbox.api import judges, patches, shapes
from meshportal.sandbox.api.answers import Answer, log, now, shown
from meshportal.sandbox.api.bodies import APPLY_PATCH, JSON_PATCH, STRATEGIC_PATCH, patch_body, received
from meshportal.sandbox.api.defaults import assign, fill
from meshportal.sandbox.api.deleting import NAMESPACES, remove
from meshportal.sandbox.api.fields import Author, owned
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
from meshportal.sandbox.api.store import Key, Store

SERVER_OWNED = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # generateName: no vowels, so no words


class Writer:
    """The write of one request."""

    def __init__(self, store: Store, place: Route, request: Request) -> None:
        self.store, self.place, self.request = store, place, request
        self.resource = place.resource
        self.warnings: list[str] = []
        self.dry_run = request.dry_run

    def create(self) -> Answer:
        """POST. Raises 400, 404 of the namespace, 409, 422."""
        item = self._pruned(received(self.place, self.request))
        metadata = item["metadata"]
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + "".join(secrets.choice(SUFFIX_LETTERS) for _ in range(5))
        key = Key(self.resource, self.place.namespace, metadata.get("name", ""))
        self._require_namespace(key.name)
        if metadata.pop("resourceVersion", ""):
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        for name in (*SERVER_OWNED, "managedFields"):
            metadata.pop(name, None)
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
        fill(item, self.resource)
        written = item if not self.resource.status else {name: part for name, part in item.items() if name != "status"}
        managed = owned(self.resource, {"metadata": {}}, written, self._author())
        if self.resource.generation:
            metadata["generation"] = 1
        assign(item, self.resource, self.store)
        self._judge(item)
        if self.store.get(key):
            raise already_exists(Target(self.resource.group, self.resource.plural, key.name))
        if managed:
            metadata["managedFields"] = managed
        return Answer(201, self._stored(key, item, None), self.warnings)

    def replace(self) -> Answer:
        """PUT of an object or its status. Raises 400, 404, 409, 422."""
        item = received(self.place, self.request)
        name = item["metadata"].setdefault("name", self.place.name)
        if name != self.place.name:
            raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({self.place.name})")
        item = self._pruned(item)
        live = self._live()
        given, has = item["metadata"].get("uid"), live["metadata"]["uid"]
        if given and given != has:
            place = "/".join(part for part in ("/registry", *self._key_parts()) if part)
            found = f"Precondition failed: UID in precondition: {given}, UID in object meta: {has}"
            why = f"StorageError: invalid object, Code: 4, Key: {place}, ResourceVersion: 0, AdditionalErrorMsg: {found}"
            raise conflict(self.place.target, why)
        self._check_version(item, live, required=self.resource.custom)
        return Answer(200, self._updated(item, live), self.warnings)

    def patch(self) -> Answer:
        """PATCH by content type. Raises 400, 404, 409, 415, 422, 501."""
        kind = self.request.content_type
        if kind == APPLY_PATCH:
            raise not_served("server-side apply. Use POST, PUT, JSON Patch or a merge patch")
        patch = patch_body(self.place, self.request)
        live = self._live()
        before = shown(live, self.place)
        try:
            if kind == JSON_PATCH:
                item = patches.apply(before, patch)
            else:
                item = (patches.strategic if kind == STRATEGIC_PATCH else patches.merge)(before, patch)
        except patches.PatchFailed as failed:
            raise invalid_patch() from failed
        item = self._patched(item)
        if item["metadata"].get("uid") != live["metadata"]["uid"]:
            cause = Cause(
                "FieldValueInvalid", f'Invalid value: "{item["metadata"].get("uid", "")}": field is immutable', "metadata.uid"
            )
            raise invalid(Target(self.resource.group, self.resource.kind, self.place.name), [cause])
        self._check_version(item, live, required=False)
        return Answer(200, self._updated(item, live), self.warnings)

    # ------------------------------------------------------------ steps

    def _pruned(self, item: JsonObject) -> JsonObject:
        """The object without unknown fields, which are refused, warned of or ignored as the request says."""
        pruned, unknown = judges.prune(self.resource, self.place.version, item)
        if unknown and self.request.field_validation == "Strict":
            raise judges.strict_error(self.resource, self.place.version, unknown)
        if self.request.field_validation == "Warn":
            self.warnings += unknown
        return pruned

    def _patched(self, item: Any) -> JsonObject:
        """The same for a patched object, which must still be this object."""
        if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
            raise invalid_patch()
        complaint = shapes.complaint(self.resource, item)
        if complaint:
            raise bad_request(complaint)
        pruned, unknown = judges.prune(self.resource, self.place.version, item)
        if unknown and self.request.field_validation == "Strict":
            raise judges.strict_patch_error(item, unknown)
        if self.request.field_validation == "Warn":
            self.warnings += unknown
        name, namespace = pruned["metadata"].get("name", ""), pruned["metadata"].get("namespace", "")
        if name != self.place.name:
            raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({self.place.name})")
        if namespace != self.place.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        return pruned

    def _require_namespace(self, name: str) -> None:
        if not self.resource.namespaced:
            return
        namespace = self.place.namespace
        found = self.store.get(Key(NAMESPACES, "", namespace))
        if found is None:
            raise not_found(Target("", "namespaces", namespace))
        if found["metadata"].get("deletionTimestamp"):
            raise _terminating(Target(self.resource.group, self.resource.plural, name), namespace)

    def _live(self) -> JsonObject:
        live = self.store.get(self.place.key)
        if live is None:
            raise not_found(self.place.target)
        return live

    def _key_parts(self) -> tuple[str, str, str, str]:
        return (self.resource.group, self.resource.plural, self.place.namespace, self.place.name)

    def _check_version(self, item: JsonObject, live: JsonObject, *, required: bool) -> None:
        version = item["metadata"].get("resourceVersion", "")
        if not version and required:
            cause = Cause("FieldValueInvalid", "Invalid value: 0: must be specified for an update", "metadata.resourceVersion")
            raise invalid(self.place.target, [cause])
        if version and version != live["metadata"]["resourceVersion"]:
            raise conflict(self.place.target, MODIFIED)

    def _updated(self, item: JsonObject, live: JsonObject) -> JsonObject:
        """Carry over what the server owns, judge, and store if anything changed. Returns the object as shown."""
        item = self._only_its_part(item, live)
        metadata, has = dict(item["metadata"]), live["metadata"]
        for name in (*SERVER_OWNED, "managedFields", "resourceVersion"):
            metadata.pop(name, None)
            if name in has:
                metadata[name] = has[name]
        item["metadata"] = metadata
        if self.place.subresource != "status":
            fill(item, self.resource)
            self._judge(item)
        if self.resource.generation and not patches.equal(_counted(item), _counted(live)):
            metadata["generation"] = has.get("generation", 0) + 1
        if patches.equal(item, live):
            return shown(live, self.place)
        metadata["managedFields"] = owned(self.resource, live, item, self._author(), has.get("managedFields", []))
        if has.get("deletionTimestamp") and not metadata.get("finalizers"):
            return self._finalized(item, live)
        return self._stored(self.place.key, item, live)

    def _only_its_part(self, item: JsonObject, live: JsonObject) -> JsonObject:
        """Only the status through its subresource, everything but the status otherwise."""
        if self.place.subresource == "status":
            rest = {name: part for name, part in live.items() if name != "status"}
            return rest | ({"status": item["status"]} if "status" in item else {})
        ignored = ("apiVersion", "kind", "status") if self.resource.status else ("apiVersion", "kind")
        kept = {name: part for name, part in item.items() if name not in ignored}
        return kept | ({"status": live["status"]} if self.resource.status and "status" in live else {})

    def _judge(self, item: JsonObject) -> None:
        self.warnings += judges.judge(self.resource, self.place.version, item)

    def _author(self) -> Author:
        return Author(self.request.manager, self.place.api_version, self.place.subresource, now())

    def _stored(self, key: Key, item: JsonObject, live: JsonObject | None) -> JsonObject:
        item = {name: part for name, part in item.items() if name not in ("apiVersion", "kind")}
        if not self.dry_run:
            with self.store.transaction():
                item = self.store.put(key, item, live)
                log(self.store, self.place, self.request, item)
        return shown(item, self.place)

    def _finalized(self, item: JsonObject, live: JsonObject) -> JsonObject:
        """The last finalizer went: so does the object."""
        if not self.dry_run:
            with self.store.transaction():
                log(self.store, self.place, self.request, remove(self.store, self.place.key, live))
        return shown(item, self.place)


def _counted(item: JsonObject) -> JsonObject:
    """What a generation counts the changes of."""
    return {name: part for name, part in item.items() if name not in ("metadata", "status")}


def _terminating(target: Target, namespace: str) -> ApiError:
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    message = f'{target.resource} "{target.name}" is forbidden: {why}'
    cause = Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
    return ApiError(403, "Forbidden", message, target, [cause])
