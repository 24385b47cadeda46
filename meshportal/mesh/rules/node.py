"""A value inside an object together with its place, so that a rule reads forgivingly and speaks exactly.

A live object may hold anything where its schema was looser once: what has the wrong type reads as absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshportal.mesh.findings import Finding
from meshportal.mesh.refs import Manifest, ResourceRef, ref_of
from meshportal.mesh.rules.table import CODES

_BIGGER_THAN_ANY = 2**63  # of Istio's numbers; NaN and infinity fail this too


class Node:
    """`value` at `path` (spec.http[0].timeout) of the object `ref`; None is absent, as null is to Istio.

    Plain slots: a large mesh makes a hundred thousand of them while somebody types, and a frozen dataclass takes twice as long.
    """

    __slots__ = ("path", "ref", "value")

    def __init__(self, ref: ResourceRef, path: str, value: Any) -> None:
        self.ref, self.path, self.value = ref, path, value

    @property
    def there(self) -> bool:
        return self.value is not None

    @property
    def text(self) -> str:
        return self.value if isinstance(self.value, str) else ""

    @property
    def number(self) -> float | None:
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        return self.value if number and abs(self.value) < _BIGGER_THAN_ANY else None

    @property
    def namespace(self) -> str:
        return self.ref.namespace

    def __getitem__(self, name: str) -> Node:
        value = self.value.get(name) if isinstance(self.value, dict) else None
        return Node(self.ref, f"{self.path}.{name}" if self.path else name, value)

    def each(self, name: str) -> list[Node]:
        """The entries of a list, [] for what is none."""
        found = self[name]
        values = found.value if isinstance(found.value, list) else []
        return [Node(self.ref, f"{found.path}[{index}]", value) for index, value in enumerate(values)]

    def texts(self, name: str) -> list[Node]:
        """The entries of a list of strings."""
        return [entry for entry in self.each(name) if isinstance(entry.value, str)]

    def pairs(self) -> Iterator[tuple[str, Node]]:
        """Key and value of a map."""
        if isinstance(self.value, dict):
            for name, value in self.value.items():
                yield str(name), Node(self.ref, f"{self.path}.{name}", value)

    def strings(self) -> dict[str, str]:
        """A map of labels: what is no string in it is left out."""
        return {name: value.value for name, value in self.pairs() if isinstance(value.value, str)}

    def finding(self, code: str, **values: Any) -> Finding:
        """A remark about this place, as bad as the table says."""
        return Finding(code, CODES[code].severity, values=values, ref=self.ref, path=self.path)


def spec_of(manifest: Manifest) -> Node:
    return Node(ref_of(manifest), "spec", manifest.get("spec"))
