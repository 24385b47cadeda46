"""A copy of some kinds of objects, kept fresh by one watch per kind."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Sequence

from meshportal.mesh.refs import Kind, Manifest
from meshportal.sandbox.world.kube import Kube, KubeError

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 2.0
_BREATH_SECONDS = 0.2


class Mirror:
    """Objects of `kinds`, and events that are set whenever one changes."""

    def __init__(self, kube: Kube, kinds: Sequence[Kind]) -> None:
        self._kube = kube
        self._kinds = tuple(kinds)
        self._lock = threading.Lock()
        self._listeners: list[threading.Event] = []
        self._objects: dict[Kind, dict[tuple[str, str], Manifest]] = {kind: {} for kind in kinds}
        self.failing: dict[str, str] = {}
        """Plural of a kind that cannot be read at present, and why. The last copy stays in use."""

    def start(self) -> None:
        """Lists every kind once (a kind the API does not serve is empty), then watches in threads of its own."""
        for kind in self._kinds:
            version = self._relist(kind)
            threading.Thread(target=self._follow, args=(kind, version), name=f"watch-{kind.plural}", daemon=True).start()

    def subscribe(self) -> threading.Event:
        """An event that every change sets. Who waits for it clears it before looking at the objects."""
        event = threading.Event()
        self._listeners.append(event)
        return event

    def all(self, kind: Kind) -> list[Manifest]:
        """The objects of a kind, sorted by namespace and name. Callers must not change them."""
        with self._lock:
            return [manifest for _, manifest in sorted(self._objects[kind].items(), key=lambda entry: entry[0])]

    def _notify(self) -> None:
        for listener in self._listeners:
            listener.set()

    def _follow(self, kind: Kind, version: str) -> None:
        while True:
            try:
                if not version:
                    raise KubeError(self.failing.get(kind.plural, "not listed"))
                for event, manifest in self._kube.watch(kind, version):
                    version = manifest["metadata"]["resourceVersion"]
                    if event != "BOOKMARK":
                        self._apply(kind, event, manifest)
                # the server has ended the watch as it should; one that always does so at once is not to be rushed
                time.sleep(_BREATH_SECONDS)
            except KubeError as error:
                log.info("%s: %s; listing again", kind.plural, error)
                time.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))
                version = self._relist(kind)

    def _relist(self, kind: Kind) -> str:
        """The resourceVersion to watch from, "" where the list failed."""
        try:
            items, version = self._kube.list(kind)
        except KubeError as error:
            self.failing[kind.plural] = str(error)
            return ""
        self.failing.pop(kind.plural, None)
        with self._lock:
            self._objects[kind] = {_key(item): item for item in items}
        self._notify()
        return version

    def _apply(self, kind: Kind, event: str, manifest: Manifest) -> None:
        with self._lock:
            if event == "DELETED":
                self._objects[kind].pop(_key(manifest), None)
            else:
                self._objects[kind][_key(manifest)] = manifest
        self._notify()


def _key(manifest: Manifest) -> tuple[str, str]:
    metadata = manifest["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
