"""Objects, their history and the log of writes in one SQLite file.

One event loop owns the store and every method runs to its end without awaiting, so a write is atomic by construction.
Events keep the object before and after, so that a paged list stays at one resourceVersion and a watch with a selector sees
objects leave it: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from meshportal.sandbox.api.kinds import Resource
from meshportal.sandbox.api.status import JsonObject, expired

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    grp TEXT, plural TEXT, namespace TEXT, name TEXT, uid TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (grp, plural, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    version INTEGER PRIMARY KEY, type TEXT, grp TEXT, plural TEXT, namespace TEXT, name TEXT, after BLOB, before BLOB
);
CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS writes (
    id INTEGER PRIMARY KEY, at TEXT, user TEXT, manager TEXT, verb TEXT, resource TEXT, namespace TEXT, name TEXT,
    resource_version TEXT, token TEXT
);
INSERT OR IGNORE INTO numbers VALUES ('version', 1), ('floor', 0);
"""


@dataclass(frozen=True)
class Key:
    """Where an object lives. `namespace` is "" for cluster-scoped kinds."""

    resource: Resource
    namespace: str
    name: str

    @property
    def columns(self) -> tuple[str, str, str, str]:
        return (self.resource.group, self.resource.plural, self.namespace, self.name)


@dataclass(frozen=True)
class Event:
    """One change. `after` is None for a deletion, `before` for a creation; both carry their own resourceVersion."""

    version: int
    type: str
    after: JsonObject | None
    before: JsonObject | None


@dataclass(frozen=True)
class Write:
    """One accepted write that was not a dry run. `token` is the meshportal.io/token annotation after it, or ""."""

    at: str
    user: str
    manager: str
    verb: str
    resource: str
    namespace: str
    name: str
    resource_version: str
    token: str


class Store:
    """The file and the signal that wakes watches."""

    def __init__(self, path: Path, keep_events: int = 2000) -> None:
        self.keep_events = keep_events
        self.changed = asyncio.Event()
        self.closing = False
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        """Wake every watch so that it ends, and close the file."""
        self.wake_all(closing=True)
        self._database.close()

    def wake_all(self, *, closing: bool = False) -> None:
        self.closing = self.closing or closing
        self.changed.set()
        self.changed = asyncio.Event()

    # ------------------------------------------------------------ reading

    @property
    def version(self) -> int:
        """The resourceVersion of the newest change."""
        return self._number("version")

    @property
    def floor(self) -> int:
        """The newest version whose event has been forgotten. A watch may start from here, not from before."""
        return self._number("floor")

    def _number(self, name: str) -> int:
        row = self._database.execute("SELECT value FROM numbers WHERE name = ?", (name,)).fetchone()
        return int(row[0])

    def get(self, key: Key) -> JsonObject | None:
        row = self._database.execute(
            "SELECT body FROM objects WHERE grp = ? AND plural = ? AND namespace = ? AND name = ?", key.columns
        ).fetchone()
        return _load(row[0]) if row else None

    def items(self, resource: Resource, namespace: str = "") -> list[JsonObject]:
        """Every object of a kind, in one namespace or in all, ordered as etcd orders them: by namespace, then by name."""
        sql = "SELECT body FROM objects WHERE grp = ? AND plural = ?"
        arguments = [resource.group, resource.plural]
        if namespace:
            sql, arguments = f"{sql} AND namespace = ?", [*arguments, namespace]
        return [_load(row[0]) for row in self._database.execute(f"{sql} ORDER BY namespace, name", arguments)]

    def items_at(self, resource: Resource, namespace: str, version: int) -> list[JsonObject]:
        """The same list as it was at `version`. Raises 410 where the history does not reach back so far."""
        if version < self.floor:
            raise expired("The resourceVersion for the provided list is too old.")
        found = {_place(item): item for item in self.items(resource, namespace)}
        for event in reversed(list(self.events(resource, namespace, version))):
            place = _place(event.after or event.before or {})
            if event.before is None:
                found.pop(place, None)
            else:
                found[place] = event.before
        return [found[place] for place in sorted(found)]

    def events(self, resource: Resource, namespace: str, after: int) -> Iterator[Event]:
        """Changes to a kind after a version, oldest first."""
        sql = "SELECT version, type, after, before FROM events WHERE version > ? AND grp = ? AND plural = ?"
        arguments: list[Any] = [after, resource.group, resource.plural]
        if namespace:
            sql, arguments = f"{sql} AND namespace = ?", [*arguments, namespace]
        for version, kind, new, old in self._database.execute(f"{sql} ORDER BY version", arguments).fetchall():
            yield Event(version, kind, _load(new) if new else None, _load(old) if old else None)

    def in_namespace(self, namespace: str) -> list[tuple[str, str, str]]:
        """(group, plural, name) of everything in a namespace."""
        sql = "SELECT grp, plural, name FROM objects WHERE namespace = ?"
        return list(self._database.execute(sql, (namespace,)))

    def owned_by(self, uid: str) -> list[tuple[str, str, str, str]]:
        """(group, plural, namespace, name) of the objects whose ownerReferences name `uid`."""
        sql = "SELECT grp, plural, namespace, name, body FROM objects WHERE instr(body, ?) > 0"
        rows = self._database.execute(sql, (f'"{uid}"'.encode(),)).fetchall()
        return [tuple(row[:4]) for row in rows if uid in _owners(_load(row[4]))]

    # ------------------------------------------------------------ writing

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes of one request, or none."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
        self.wake_all()

    def next_version(self) -> int:
        self._database.execute("UPDATE numbers SET value = value + 1 WHERE name = 'version'")
        return self.version

    def put(self, key: Key, item: JsonObject, before: JsonObject | None) -> JsonObject:
        """Store an object under a new resourceVersion and return it."""
        version = self.next_version()
        item = item | {"metadata": item["metadata"] | {"resourceVersion": str(version)}}
        body = msgspec.json.encode(item)
        self._database.execute(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)", (*key.columns, item["metadata"]["uid"], body)
        )
        self._remember(version, "MODIFIED" if before else "ADDED", key, body, before)
        return item

    def remove(self, key: Key, before: JsonObject) -> JsonObject:
        """Delete an object and return its last state under the resourceVersion of the deletion."""
        version = self.next_version()
        self._database.execute("DELETE FROM objects WHERE grp = ? AND plural = ? AND namespace = ? AND name = ?", key.columns)
        self._remember(version, "DELETED", key, None, before)
        return before | {"metadata": before["metadata"] | {"resourceVersion": str(version)}}

    def _remember(self, version: int, kind: str, key: Key, after: bytes | None, before: JsonObject | None) -> None:
        old = msgspec.json.encode(before) if before else None
        self._database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (version, kind, *key.columns, after, old))
        if version - self.keep_events > self.floor:
            self.compact(version - self.keep_events)

    def compact(self, version: int) -> None:
        """Forget the changes up to `version`: watches and pages from before it get 410."""
        self._database.execute("DELETE FROM events WHERE version <= ?", (version,))
        self._database.execute("UPDATE numbers SET value = ? WHERE name = 'floor'", (version,))

    def log(self, write: Write) -> None:
        values = tuple(vars(write).values())
        self._database.execute("INSERT INTO writes VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def writes(self) -> list[JsonObject]:
        """The log, oldest first."""
        cursor = self._database.execute("SELECT * FROM writes ORDER BY id")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def _load(body: bytes) -> JsonObject:
    loaded: JsonObject = msgspec.json.decode(body)
    return loaded


def _owners(item: JsonObject) -> list[str]:
    return [owner["uid"] for owner in item["metadata"].get("ownerReferences") or []]


def _place(item: JsonObject) -> tuple[str, str]:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
