"""Kubernetes objects as YAML, and what differs between two of them, line by line."""

from __future__ import annotations

import difflib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml


class LineKind(StrEnum):
    HUNK = "hunk"
    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True)
class Line:
    """One line of a diff; `text` keeps its leading "+", "-" or space, so that copying gives a patch."""

    kind: LineKind
    text: str


def to_yaml(manifest: Mapping[str, Any] | None) -> str:
    """The object as YAML in the order of its own fields, without what only the server writes; "" for none."""
    if manifest is None:
        return ""
    metadata = {
        key: value
        for key, value in manifest.get("metadata", {}).items()
        if key not in {"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"}
    }
    shown = {key: value for key, value in manifest.items() if key != "status"} | {"metadata": metadata}
    out = io.StringIO()
    yaml.dump(shown, out, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=100)
    return out.getvalue()


def flow(value: Any) -> str:
    """A short value on one line, as YAML writes it: {host: reviews, subset: v1}."""
    text: str = yaml.dump(
        value, Dumper=yaml.CSafeDumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
    )
    return text.removesuffix("\n").removesuffix("\n...")


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, context: int = 4) -> list[Line]:
    """A unified diff of two objects as YAML, without file names."""
    lines = difflib.unified_diff(to_yaml(before).splitlines(), to_yaml(after).splitlines(), n=context, lineterm="")
    kinds = {"@": LineKind.HUNK, "+": LineKind.ADDED, "-": LineKind.REMOVED, " ": LineKind.SAME}
    return [Line(kinds[line[0]], line) for line in list(lines)[2:]]
