"""A Kubernetes API in memory: versions, conflicts, refusals, dry runs and watches as the ports promise them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

from meshportal.clients.ports import (
    ClusterUnavailable,
    Conflict,
    Forbidden,
    Gone,
    JsonPatchOp,
    Listing,
    Reason,
    Rejected,
    Served,
    WatchEvent,
    WatchType,
    Written,
)
from meshportal.mesh.refs import CLUSTER_SCOPED, KINDS, NAMESPACE, Kind, Manifest, ResourceRef, Version, ref_of, version_of
from tests.fake_managers import MADE_AT, managed
from tests.fake_schema import SPEC_FIELDS, Versions
from tests.json_patch import DoesNotApply, patched

PORTAL = "meshportal"
SOMEBODY_ELSE = "kubectl-edit"
NAMESPACES = ("default", "istio-system", "shop", "bookinfo")
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


@dataclass(frozen=True)
class Call:
    """One request the portal made. `on` is an object's name or a kind's plural."""

    verb: str
    on: str
    dry_run: bool = False


class FakeCluster:
    """See ClusterPort for what the methods promise. `calls` are all requests, `writes` those that may have changed something.

    `versions` say at which versions kinds are served; at the first of them the objects are given.
    """

    def __init__(self, *manifests: Manifest, namespaces: Iterable[str] = NAMESPACES, versions: Versions | None = None) -> None:
        self._versions = versions or {}
        self.calls: list[Call] = []
        self._objects: dict[ResourceRef, Manifest] = {}
        self._events: list[tuple[int, Kind, WatchEvent]] = []
        self._revision = 100
        self._forgotten = 0
        self._away = False
        self._cut_after_write = False
        self._warnings: list[str] = []
        self._refusals: dict[ResourceRef, tuple[Reason, ...]] = {}
        self._forbidden: set[tuple[str, Kind]] = set()
        self._before: dict[ResourceRef, Callable[[], object]] = {}
        self._then: dict[ResourceRef, Callable[[], object]] = {}
        self._read: dict[ResourceRef, Callable[[], object]] = {}
        for name in namespaces:
            self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for manifest in manifests:
            self.put(manifest)

    # ------------------------------------------------------------ what happens out there

    def put(self, manifest: Manifest, manager: str = SOMEBODY_ELSE) -> Manifest:
        """Somebody else makes or changes an object, and its namespace where that is missing. Returns it as stored."""
        ref = ref_of(manifest)
        if ref.namespace and ResourceRef(NAMESPACE, "", ref.namespace) not in self._objects:
            self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ref.namespace}})
        return deepcopy(self._store(ref, self._next(ref, manifest, manager)))

    def remove(self, ref: ResourceRef) -> None:
        """Somebody else deletes an object."""
        self._erase(ref)

    def goes_away(self) -> None:
        """From now on nothing answers."""
        self._away = True

    def comes_back(self) -> None:
        self._away = False

    def fails_after_write(self) -> None:
        """The next write is done, then the connection is cut before the answer."""
        self._cut_after_write = True

    def refuses(self, ref: ResourceRef, reasons: Sequence[Reason]) -> None:
        """A webhook or the schema says no to every write of `ref`, dry or not."""
        self._refusals[ref] = tuple(reasons)

    def accepts(self, ref: ResourceRef) -> None:
        """Undoes `refuses`."""
        self._refusals.pop(ref, None)

    def when_read(self, ref: ResourceRef, then: Callable[[], object]) -> None:
        """Right after the portal's next get of `ref` was answered, `then` happens out there."""
        self._read[ref] = then

    def when_sent(self, ref: ResourceRef, before: Callable[[], object]) -> None:
        """When the portal's next write of `ref` is on its way, and before it is looked at, `before` happens."""
        self._before[ref] = before

    def when_written(self, ref: ResourceRef, then: Callable[[], object]) -> None:
        """Right after the portal's next write of `ref` is stored, and before it hears of it, `then` happens out there."""
        self._then[ref] = then

    def warns(self, text: str) -> None:
        """Every write from now on is answered with this warning too."""
        self._warnings.append(text)

    def forbids(self, verb: str, kind: Kind) -> None:
        """Takes a right from the portal; `verb` as Kubernetes has it: get, list, watch, create, update, patch, delete."""
        self._forbidden.add((verb, kind))

    def allows(self, verb: str, kind: Kind) -> None:
        """Gives it back."""
        self._forbidden.discard((verb, kind))

    def forgets_history(self) -> None:
        """Compaction: a watch from before now gets 410."""
        self._forgotten = self._revision

    @property
    def writes(self) -> Sequence[Call]:
        return [call for call in self.calls if call.verb in ("create", "update", "patch", "delete") and not call.dry_run]

    def live(self, ref: ResourceRef) -> Manifest | None:
        """The object as it is, without a request."""
        return deepcopy(self._objects.get(ref))

    # ------------------------------------------------------------ ClusterPort

    def served(self) -> Served:
        self._answer("get", "its API groups")
        groups: dict[str, tuple[str, ...]] = {}
        for kind in KINDS.values():
            groups[kind.group] = tuple(dict.fromkeys((*groups.get(kind.group, ()), *self._versions.get(kind, (kind.version,)))))
        return Served("v1.36.3", groups)

    def get(self, ref: ResourceRef) -> Manifest | None:
        self._answer("get", str(ref), ref.kind)
        live = self.live(ref)
        if then := self._read.pop(ref, None):
            then()
        return live

    def list(self, kind: Kind, namespace: str | None = None) -> Listing:
        self._answer("list", kind.plural, kind)
        refs = sorted(ref for ref in self._objects if ref.kind == kind and namespace in (None, "", ref.namespace))
        return Listing([deepcopy(self._objects[ref]) for ref in refs], str(self._revision))

    def watch(self, kind: Kind, resource_version: str, *, timeout_seconds: float = 300) -> Iterator[WatchEvent]:
        """The events so far and a bookmark; then it ends at once, as if `timeout_seconds` were over."""
        self._answer("watch", kind.plural, kind)
        if int(resource_version) < self._forgotten:
            raise Gone(f"The API server no longer keeps that version of {kind.plural}; it has to be listed again.")
        until = self._revision
        for revision, of, event in tuple(self._events):
            if of == kind and revision > int(resource_version):
                yield WatchEvent(event.type, deepcopy(event.manifest))
        bookmark = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"resourceVersion": str(until)}}
        yield WatchEvent(WatchType.BOOKMARK, bookmark)

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Written:
        ref = ref_of(manifest)
        self._answer("create", str(ref), ref.kind, dry_run)
        self._sent(ref, dry_run)
        self._judge(ref, manifest)
        if "resourceVersion" in manifest["metadata"]:
            raise Rejected([Reason("metadata.resourceVersion", "must not be set on an object that is to be created")])
        if ref.namespace and ResourceRef(NAMESPACE, "", ref.namespace) not in self._objects:
            raise Rejected([Reason("metadata.namespace", f"the namespace {ref.namespace} does not exist")])
        if ref in self._objects:
            raise Conflict(f"{ref} exists already.")
        return self._written(ref, manifest, dry_run)

    def replace(self, manifest: Manifest, *, expect: Version, dry_run: bool = False) -> Written:
        ref = ref_of(manifest)
        self._answer("update", str(ref), ref.kind, dry_run)
        self._sent(ref, dry_run)
        self._expected(ref, expect)
        self._judge(ref, manifest)
        return self._written(ref, manifest, dry_run)

    def patch(self, ref: ResourceRef, ops: Sequence[JsonPatchOp], *, dry_run: bool = False) -> Written:
        self._answer("patch", str(ref), ref.kind, dry_run)
        if ref not in self._objects:
            raise Conflict(f"{ref} no longer exists.")
        try:
            manifest = patched(self._objects[ref], ops)
        except DoesNotApply:
            raise Conflict(f"{ref} is not as it was read: a value that was to be changed differs or is missing.") from None
        self._judge(ref, manifest)
        return self._written(ref, manifest, dry_run)

    def delete(self, ref: ResourceRef, *, expect: Version, dry_run: bool = False) -> None:
        self._answer("delete", str(ref), ref.kind, dry_run)
        self._sent(ref, dry_run)
        if ref not in self._objects:
            return
        self._expected(ref, expect)
        if dry_run:
            return
        if self._objects[ref]["metadata"].get("finalizers"):
            self._store(ref, self._leaving(ref))
        else:
            self._erase(ref)
        if then := self._then.pop(ref, None):
            then()
        self._maybe_cut()

    # ------------------------------------------------------------ inside

    def _answer(self, verb: str, on: str, kind: Kind | None = None, dry_run: bool = False) -> None:
        self.calls.append(Call(verb, on, dry_run))
        if self._away:
            raise ClusterUnavailable("The API server cannot be reached: nothing accepts the connection.")
        if kind and (verb, kind) in self._forbidden:
            resource = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
            raise Forbidden(f"The portal has no right to {verb} {resource} in the whole cluster.", verb, resource)

    def _sent(self, ref: ResourceRef, dry_run: bool) -> None:
        if not dry_run and (before := self._before.pop(ref, None)):
            before()

    def _judge(self, ref: ResourceRef, manifest: Manifest) -> None:
        if not ref.namespace and ref.kind not in CLUSTER_SCOPED:
            raise Rejected([Reason("metadata.namespace", "a namespace is needed")])
        if not NAME.fullmatch(ref.name):
            raise Rejected([Reason("metadata.name", "a lowercase RFC 1123 subdomain is needed")])
        known = SPEC_FIELDS.get(ref.kind.kind)
        unknown = [field for field in manifest.get("spec", {}) if known and field not in known]
        if unknown:
            raise Rejected([Reason(f"spec.{field}", "the schema does not know this field") for field in unknown])
        if reasons := self._refusals.get(ref):
            raise Rejected(reasons)

    def _expected(self, ref: ResourceRef, expect: Version) -> None:
        if ref not in self._objects:
            raise Conflict(f"{ref} no longer exists.")
        live = version_of(self._objects[ref])
        if live.uid != expect.uid:
            raise Conflict(f"{ref} was deleted and made again since it was read.")
        if live.resource_version != expect.resource_version:
            raise Conflict(f"{ref} has changed since it was read.")

    def _written(self, ref: ResourceRef, manifest: Manifest, dry_run: bool) -> Written:
        result = self._next(ref, manifest, PORTAL)
        if not dry_run:
            self._store(ref, result)
            if "deletionTimestamp" in result["metadata"] and not result["metadata"].get("finalizers"):
                self._erase(ref)
            if then := self._then.pop(ref, None):
                then()
            self._maybe_cut()
        elif ref not in self._objects:
            del result["metadata"]["resourceVersion"]  # a real server leaves it out as well: nothing was stored
        return Written(deepcopy(result), tuple(self._warnings))

    def _next(self, ref: ResourceRef, manifest: Manifest, manager: str) -> Manifest:
        """The object after a write: uid, versions and writers are the server's. What is unchanged stays as it is."""
        new, old = deepcopy(manifest), self._objects.get(ref)
        if versions := self._versions.get(ref.kind):
            new["apiVersion"] = f"{ref.kind.group}/{versions[0]}"
        fresh = {"uid": f"uid-{self._revision + 1}", "creationTimestamp": MADE_AT, "generation": 0}
        before: Manifest = old["metadata"] if old else fresh
        for field in ("uid", "creationTimestamp", "generation", "resourceVersion", "managedFields", "deletionTimestamp"):
            new["metadata"].pop(field, None)
            if field in before:
                new["metadata"][field] = deepcopy(before[field])
        if old == new:
            return new
        if old is None or _content(old) != _content(new):
            new["metadata"]["generation"] += 1
        new["metadata"]["managedFields"] = managed(before.get("managedFields", []), manager, old, new)
        new["metadata"]["resourceVersion"] = str(self._revision + 1)
        return new

    def _store(self, ref: ResourceRef, manifest: Manifest) -> Manifest:
        if self._objects.get(ref) != manifest:
            self._revision += 1
            self._happened(WatchType.MODIFIED if ref in self._objects else WatchType.ADDED, ref, manifest)
            self._objects[ref] = manifest
        return manifest

    def _leaving(self, ref: ResourceRef) -> Manifest:
        """The object as it is while it waits for its finalizers: to set the time counts as a change of it."""
        leaving = deepcopy(self._objects[ref])
        metadata = leaving["metadata"]
        if "deletionTimestamp" not in metadata:
            revision = str(self._revision + 1)
            metadata |= {"deletionTimestamp": MADE_AT, "generation": metadata["generation"] + 1, "resourceVersion": revision}
        return leaving

    def _erase(self, ref: ResourceRef) -> None:
        self._revision += 1
        manifest = self._objects.pop(ref)
        manifest["metadata"]["resourceVersion"] = str(self._revision)
        self._happened(WatchType.DELETED, ref, manifest)

    def _happened(self, what: WatchType, ref: ResourceRef, manifest: Manifest) -> None:
        self._events.append((self._revision, ref.kind, WatchEvent(what, deepcopy(manifest))))

    def _maybe_cut(self) -> None:
        if self._cut_after_write:
            self._cut_after_write = False
            raise ClusterUnavailable("The API server closed the connection before it had answered.")


def _content(manifest: Manifest) -> Manifest:
    return {key: value for key, value in manifest.items() if key not in ("metadata", "status")}
