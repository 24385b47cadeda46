"""ClusterPort over an API server.

Every write is POST, PUT with uid and resourceVersion, JSON Patch, or DELETE with preconditions. Never server-side apply:
Istio's lists are atomic, so it merges nothing, and it makes a deleted object again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import msgspec
from kubernetes import client

from meshportal.clients.kubernetes_errors import Attempt, NotServed, names_an_object, not_an_api_server, translate
from meshportal.clients.kubernetes_versions import Versions
from meshportal.clients.kubernetes_wire import CONNECT_SECONDS, READ_SECONDS, Wire, configuration_of, decoded
from meshportal.clients.ports import JsonPatchOp, Listing, Reason, Rejected, Served, WatchEvent, WatchType, Written
from meshportal.mesh.refs import CLUSTER_SCOPED, Kind, Manifest, ResourceRef, Version, ref_of

FIELD_MANAGER = "meshportal"
PAGE_SIZE = 500
WATCH_MARGIN_SECONDS = 15.0
"""How much longer than the server we wait for the end of a watch."""
EVENT_TYPES = {member.value: member for member in WatchType}


class KubernetesCluster:
    """A Kubernetes API server. Safe to share between threads. See ClusterPort for what the methods promise."""

    def __init__(
        self,
        configuration: client.Configuration,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._wire = Wire(configuration, connect_seconds, read_seconds)
        self._versions = Versions(self._wire)

    @classmethod
    def from_kubeconfig(cls, path: str | Path, context: str | None = None) -> Self:
        """A client for `context` (default: the current one). Raises ClusterUnavailable if the file is missing or broken."""
        return cls(configuration_of(path, context))

    def close(self) -> None:
        """Close idle connections."""
        self._wire.close()

    def served(self) -> Served:
        attempt = Attempt("get", "its API groups")
        version, core, groups = (self._wire.json(attempt, "GET", path)[0] for path in ("/version", "/api", "/apis"))
        try:
            by_name = {group["name"]: tuple(v["version"] for v in group["versions"]) for group in groups["groups"]}
            return Served(version["gitVersion"], {"": tuple(core["versions"]), **by_name})
        except (KeyError, TypeError):
            raise not_an_api_server() from None

    def get(self, ref: ResourceRef) -> Manifest | None:
        def read(served: Kind) -> Manifest | None:
            status, body, _ = self._wire.exchange("GET", _object_path(ref, served))
            absent = status == 404 and names_an_object(body)
            return None if absent else decoded(Attempt("get", str(ref)), status, body)

        try:
            return self._versions.at(ref.kind, read)
        except NotServed:
            return None  # there are no objects of a kind that does not exist

    def list(self, kind: Kind, namespace: str | None = None) -> Listing:
        return self._versions.at(kind, lambda served: self._list(served, namespace))

    def _list(self, kind: Kind, namespace: str | None) -> Listing:
        attempt = Attempt("list", _plural(kind))
        items: list[Manifest] = []
        first_version, token = "", ""
        while True:
            query = [("limit", str(PAGE_SIZE)), *([("continue", token)] if token else [])]
            page, _ = self._wire.json(attempt, "GET", _collection_path(kind, namespace), query)
            metadata, entries = page.get("metadata"), page.get("items")
            if not isinstance(metadata, dict) or not isinstance(entries, list):
                raise not_an_api_server()
            items += (_typed(kind, entry) for entry in entries)
            # every page shows the state of the first
            first_version = first_version or metadata.get("resourceVersion", "")
            token = metadata.get("continue", "")
            if not token:
                return Listing(items, first_version)

    def watch(self, kind: Kind, resource_version: str, *, timeout_seconds: float = 300) -> Iterator[WatchEvent]:
        """Asks when the first event is wanted. A connection that breaks ends the events like one that ends."""
        return self._versions.watch(kind, lambda served: self._watch(served, resource_version, timeout_seconds))

    def _watch(self, kind: Kind, resource_version: str, timeout_seconds: float) -> Iterator[WatchEvent]:
        attempt = Attempt("watch", _plural(kind))
        query = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", resource_version),
            ("timeoutSeconds", str(math.ceil(timeout_seconds))),
        ]
        wait = timeout_seconds + WATCH_MARGIN_SECONDS
        for event in self._wire.stream(attempt, _collection_path(kind, None), query, wait):
            manifest = event.get("object")
            if not isinstance(manifest, dict):
                raise not_an_api_server()
            if event.get("type") == "ERROR":
                raise self._ended(attempt, manifest)
            if known := EVENT_TYPES.get(str(event.get("type"))):
                yield WatchEvent(known, _typed(kind, manifest))

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Written:
        ref = ref_of(manifest)

        def write(served: Kind) -> Written:
            path = _object_path(ref, served).rpartition("/")[0]
            return self._write(Attempt("create", str(ref)), "POST", path, _at(served, manifest), dry_run)

        return self._versions.at(ref.kind, write)

    def replace(self, manifest: Manifest, *, expect: Version, dry_run: bool = False) -> Written:
        ref = ref_of(manifest)
        metadata = {**manifest["metadata"], "uid": expect.uid, "resourceVersion": expect.resource_version}
        body = {**manifest, "metadata": metadata}

        def write(served: Kind) -> Written:
            return self._write(Attempt("replace", str(ref)), "PUT", _object_path(ref, served), _at(served, body), dry_run)

        return self._versions.at(ref.kind, write)

    def patch(self, ref: ResourceRef, ops: Sequence[JsonPatchOp], *, dry_run: bool = False) -> Written:
        body = [{"op": op.op, "path": op.path} | ({} if op.op == "remove" else {"value": op.value}) for op in ops]
        query = [("fieldManager", FIELD_MANAGER), *_dry(dry_run)]
        attempt = Attempt("patch", str(ref))

        def write(served: Kind) -> Written:
            return Written(
                *self._wire.json(attempt, "PATCH", _object_path(ref, served), query, body, "application/json-patch+json")
            )

        return self._versions.at(ref.kind, write)

    def delete(self, ref: ResourceRef, *, expect: Version, dry_run: bool = False) -> None:
        preconditions = {"uid": expect.uid, "resourceVersion": expect.resource_version}
        body: dict[str, object] = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        if dry_run:  # in the body: where there is one, the API server does not read the query, and would delete
            body["dryRun"] = ["All"]

        def remove(served: Kind) -> None:
            status, answer, _ = self._wire.exchange("DELETE", _object_path(ref, served), body=body)
            absent = status == 404 and names_an_object(answer)
            if not absent and status not in (200, 202):
                raise translate(Attempt("delete", str(ref)), status, answer)

        with suppress(NotServed):  # there are no objects of a kind that does not exist
            self._versions.at(ref.kind, remove)

    def _write(self, attempt: Attempt, method: str, path: str, manifest: Manifest, dry_run: bool) -> Written:
        query = [("fieldManager", FIELD_MANAGER), ("fieldValidation", "Strict"), *_dry(dry_run)]
        return Written(*self._wire.json(attempt, method, path, query, manifest))

    def _ended(self, attempt: Attempt, status: dict[str, Any]) -> Exception:
        """What the Status object of an ERROR event stands for."""
        code = status.get("code")
        return translate(attempt, code if isinstance(code, int) else 500, self._wire.hidden(msgspec.json.encode(status)))


def _collection_path(kind: Kind, namespace: str | None) -> str:
    """The path of all objects of `kind`, or of those in `namespace`."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    return f"{root}/namespaces/{_segment('namespace', namespace)}/{kind.plural}" if namespace else f"{root}/{kind.plural}"


def _object_path(ref: ResourceRef, served: Kind) -> str:
    if not ref.namespace and ref.kind not in CLUSTER_SCOPED:
        raise Rejected([Reason("metadata.namespace", "a namespace is needed")])
    return f"{_collection_path(served, ref.namespace)}/{_segment('name', ref.name)}"


def _segment(what: str, value: str) -> str:
    """One path segment. An empty one would mean the whole collection, "." and ".." another path."""
    if value in ("", ".", "..") or "/" in value:
        raise Rejected([Reason(f"metadata.{what}", f'"{value}" is not a {what}')])
    return quote(value, safe="")


def _plural(kind: Kind) -> str:
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def _dry(dry_run: bool) -> list[tuple[str, str]]:
    return [("dryRun", "All")] if dry_run else []


def _at(served: Kind, manifest: Manifest) -> Manifest:
    """`manifest` as the path of `served` takes it: an object read at another version is written at this one as it is."""
    return {**manifest, "apiVersion": served.api_version}


def _typed(kind: Kind, entry: Manifest) -> Manifest:
    """`entry` with its apiVersion and kind, which lists of built-in kinds leave out."""
    return {"apiVersion": kind.api_version, "kind": kind.kind, **entry}
