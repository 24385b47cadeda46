"""At which version a kind is served: Istio before 1.22 has no v1 of most of its kinds.

The schemas of all versions of one kind are the same, and an object can be read and written at any that is served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from meshportal.clients.kubernetes_errors import Attempt, NotServed
from meshportal.clients.kubernetes_wire import Wire
from meshportal.clients.ports import Rejected
from meshportal.mesh.refs import Kind

T = TypeVar("T")


class Versions:
    """What one API server was found to serve. Safe to share between threads."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._found: dict[Kind, Kind] = {}

    def of(self, kind: Kind) -> Kind:
        """`kind` at the version it was last found at, else at the one we prefer."""
        return self._found.get(kind, kind)

    def at(self, kind: Kind, ask: Callable[[Kind], T]) -> T:
        """What `ask` returns at a version that is served. The server is asked what it has only when it has not what we expect, so
        a mesh of today costs no request more. Raises NotServed where it has no version at all."""
        try:
            return ask(self.of(kind))
        except NotServed:
            if not self._found_another(kind):
                raise
        return ask(self.of(kind))

    def watch(self, kind: Kind, ask: Callable[[Kind], Iterator[T]]) -> Iterator[T]:
        """The same for a stream, which is refused before its first event or not at all."""
        try:
            yield from ask(self.of(kind))
            return
        except NotServed:
            if not self._found_another(kind):
                raise
        yield from ask(self.of(kind))

    def _found_another(self, kind: Kind) -> bool:
        """Whether the server has `kind` at another version than the one it refused. From then on that is the version of it."""
        refused = self.of(kind)
        if kind.group and (found := self._look(kind)):
            self._found[kind] = found
        return self.of(kind) != refused

    def _look(self, kind: Kind) -> Kind | None:
        """`kind` at the first version that has it, in the server's order of preference; None where none has."""
        attempt = Attempt("get", f"the versions of {kind.group}")
        try:
            group, _ = self._wire.json(attempt, "GET", f"/apis/{kind.group}")
            for version in _names(group, "versions", "version"):
                resources, _ = self._wire.json(attempt, "GET", f"/apis/{kind.group}/{version}")
                if kind.plural in _names(resources, "resources", "name"):
                    return replace(kind, version=version)
        except Rejected:  # 404: the group is not served at all
            pass
        return None


def _names(document: dict[str, object], rows: str, name: str) -> list[str]:
    """One field of every row of a discovery document."""
    found = document.get(rows)
    entries = found if isinstance(found, list) else []
    return [str(entry[name]) for entry in entries if isinstance(entry, dict) and name in entry]
