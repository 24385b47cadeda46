"""The pages of services as values: the filtered list, and one service with its versions, routes, changes and pods."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from meshportal.board.changed import ChangedBy
from meshportal.board.policies import PolicyRow
from meshportal.board.routes import RouteRow, route_rows
from meshportal.board.sentences import out_of_sync, pods, rate_digits, version_name
from meshportal.board.sources import staleness
from meshportal.mesh.authors import Author
from meshportal.mesh.refs import Manifest
from meshportal.mesh.snapshot import ServiceNow, Snapshot, Source, State


@dataclass(frozen=True)
class Filter:
    """What the list is narrowed to; "" is everything."""

    text: str = ""
    namespace: str = ""
    state: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Filter:
        """From the address. A state that is none is left out; text is taken as typed."""
        state = asked.get("state", "").upper()
        return cls(asked.get("q", "").strip(), asked.get("namespace", ""), state if state in set(State) else "")

    def lets(self, service: ServiceNow) -> bool:
        text = self.text.lower()
        return (
            (not text or text in service.key.lower() or text in service.owner.lower())
            and self.namespace in {"", service.namespace}
            and self.state in {"", service.state}
        )

    def __bool__(self) -> bool:
        return bool(self.text or self.namespace or self.state)


def listed(snapshot: Snapshot, wanted: Filter) -> list[ServiceNow]:
    """The services that the filter lets through, by namespace and name: the order does not follow the state, which may move."""
    return sorted((service for service in snapshot.services if wanted.lets(service)), key=lambda s: (s.namespace, s.name))


@dataclass(frozen=True)
class VersionRow:
    """One version of a service."""

    name: str
    pods: str
    configured: float | None
    measured: float | None
    per_second: float | None
    rate_digits: int
    error_percent: float | None


@dataclass(frozen=True)
class Looked:
    """How old the look is that a page shows; the same names as the board's, for the same templates."""

    version: str
    now: float
    taken_at: float
    period: int
    stale: int
    problems: int = 0


def looked(snapshot: Snapshot, now: float, rest: object = None) -> Looked:
    """`rest`: what else the page shows, by its repr."""
    stale = staleness(now - snapshot.taken_at, snapshot.period_seconds)
    version = f"{snapshot.version:x}.{zlib.crc32(repr((stale, get_language(), rest)).encode()):x}"
    return Looked(version, now, snapshot.taken_at, snapshot.period_seconds, stale)


def version_rows(service: ServiceNow) -> list[VersionRow]:
    """The versions by what they are configured to get, most first; then by name."""
    rows = sorted(service.versions, key=lambda version: (-(version.configured_percent or 0), version.version))
    return [
        VersionRow(
            version_name(row.version), _of(row.pods_ready, row.pods_total), row.configured_percent, row.measured_percent,
            row.per_second, rate_digits(row.per_second or 0), row.error_percent,
        )
        for row in rows
    ]  # fmt: skip


def _of(ready: int | None, total: int | None) -> str:
    return "" if ready is None or total is None else f"{ready} / {total}"


def header_facts(service: ServiceNow) -> list[str]:
    """Owner, pods and ports."""
    found = [_("owner %(owner)s") % {"owner": service.owner}] if service.owner else []
    found.append(pods(service))
    if service.ports:
        found.append(_("ports %(ports)s") % {"ports": _(", ").join(service.ports)})
    return found


@dataclass(frozen=True)
class SyncLine:
    """Whether a service's proxies have taken their configuration, and the text of one that refuses it."""

    state: State
    sentence: str
    reason: str = ""


def sync_line(service: ServiceNow, source: Source | None) -> SyncLine | None:
    """None for a service without proxies. `source` is istiod's own answer, None where nobody told its address."""
    total, bad, good = service.envoys_total, service.out_of_sync, service.in_sync
    if not total:
        return None
    if source is None:
        return SyncLine(State.UNKNOWN, _("Whether they are in sync is unknown: the portal has no address of istiod."))
    if bad is None or good is None:
        words = source.error or _("it does not answer")
        return SyncLine(State.UNKNOWN, _("Whether they are in sync is unknown, istiod: %(error)s") % {"error": words})
    if bad:
        return SyncLine(State.WARN, out_of_sync(bad, total), service.sync_reason)
    if good < total:
        words = _("istiod vouches for %(count)d of %(total)d proxies only.") % {"count": good, "total": total}
        return SyncLine(State.UNKNOWN, words)
    return SyncLine(State.OK, ngettext("It is in sync with istiod.", "All are in sync with istiod.", total))


@dataclass(frozen=True)
class SetBy:
    """Who set something: the portal's `change` where the reader may see it, else the name of the manager and when it wrote.

    "" where the object keeps no record.
    """

    change: ChangedBy | None = None
    manager: str = ""
    at: float | None = None


@dataclass(frozen=True)
class SetRoute:
    """A route and who set it."""

    row: RouteRow
    by: SetBy


@dataclass(frozen=True)
class SetPolicy:
    """A setting and who set it."""

    row: PolicyRow
    by: SetBy


def set_by(author: Author | None, changes: Mapping[int, ChangedBy]) -> SetBy:
    """`changes` are those that the person may see, by number."""
    if author is None:
        return SetBy()
    manager = f"CR-{author.change}" if author.change is not None else author.manager
    try:
        at = datetime.fromisoformat(author.at).timestamp() if author.at else None
    except ValueError:
        at = None
    return SetBy(changes.get(author.change) if author.change is not None else None, manager, at)


def set_routes(virtual_services: Sequence[Manifest], changes: Mapping[int, ChangedBy]) -> list[SetRoute]:
    """The routes, each with who set it."""
    return [SetRoute(row, set_by(row.author, changes)) for row in route_rows(virtual_services)]


def set_policies(rows: Sequence[PolicyRow], changes: Mapping[int, ChangedBy]) -> list[SetPolicy]:
    """The settings, each with who set it."""
    return [SetPolicy(row, set_by(row.author, changes)) for row in rows]
