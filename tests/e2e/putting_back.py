"""Objects of a shared mesh as they were before a test, whatever became of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.contracts.kube import Kube
from tests.e2e.stage import NAMESPACE, Stage


@contextmanager
def put_back(stage: Stage, plural: str, name: str, namespace: str = NAMESPACE) -> Iterator[None]:
    """Afterwards the object has the spec that it has now, or is not there if it is not there now."""
    kube = Kube(stage.info(), namespace, context=stage.kube().context)
    path = kube.path(plural, name)
    before = kube.get(path)
    try:
        yield
    finally:
        now = kube.get(path)
        if before.status == 404:
            kube.ask("DELETE", path)
        elif now.status == 404:
            metadata = {key: before.body["metadata"].get(key, {}) for key in ("name", "namespace", "labels", "annotations")}
            assert kube.ask("POST", kube.path(plural), before.body | {"metadata": metadata}).status == 201
        elif now.body["spec"] != before.body["spec"]:
            assert kube.ask("PUT", path, now.body | {"spec": before.body["spec"]}).status == 200
