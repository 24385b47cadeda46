"""Who set a field of a live object: Kubernetes keeps it in metadata.managedFields, whoever wrote and with whatever tool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.plans import CHANGE_ANNOTATION, annotation
from meshportal.mesh.refs import Manifest

PORTAL = "meshportal"
_LABEL = re.compile(r"CR-([0-9]{1,18})")


@dataclass(frozen=True)
class Author:
    """The manager that last wrote a field and when (RFC 3339, "" where the server does not say). `change` is the number of the
    portal's change, only where the portal was the last to write."""

    manager: str
    at: str = ""
    change: int | None = None


def author_of(manifest: Manifest, path: Sequence[str]) -> Author | None:
    """Who last wrote the field at `path`, such as ("spec", "http"); None where the object carries no record of it.

    A list of Istio's kinds has one owner as a whole, so a path may end at the list. Our annotation alone proves nothing: it
    survives a later edit by somebody else.
    """
    entries = manifest["metadata"].get("managedFields") or []
    owners = [entry for entry in entries if isinstance(entry, dict) and _owns(entry.get("fieldsV1"), path)]
    if not owners:
        return None
    last = max(owners, key=lambda entry: str(entry.get("time", "")))
    manager = str(last.get("manager", ""))
    label = _LABEL.fullmatch(annotation(manifest, CHANGE_ANNOTATION)) if manager == PORTAL else None
    return Author(manager, str(last.get("time", "")), int(label[1]) if label else None)


def _owns(owned: Any, path: Sequence[str]) -> bool:
    for part in path:
        if not isinstance(owned, dict) or f"f:{part}" not in owned:
            return False
        owned = owned[f"f:{part}"]
        if owned == {}:
            return True
    return True
