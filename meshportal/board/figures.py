"""The headline figures: the mesh in numbers, or for somebody who sees a part of it, that part in numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meshportal.board.lines import ERROR_PERCENT, P95_MS, PER_SECOND, Points, Trail, an_hour_ago, points
from meshportal.board.sentences import percent, rate_digits, short_of_hundred
from meshportal.mesh.snapshot import Snapshot
from meshportal.web.words import NBSP, amount, number


@dataclass(frozen=True)
class Figure:
    """One number with its unit and what to compare it with. None is "no data"; `unknown` names what nobody can say."""

    key: str
    label: str
    value: float | None
    unit: str
    digits: int = 0
    note: str = ""
    unknown: str = ""
    points: Points = ()
    zoom: bool = False


def figures(snapshot: Snapshot, trail: Trail, *, everything: bool, now: float) -> tuple[Figure, ...]:
    """Success rate, mTLS, Envoys, latency, requests of what `snapshot` and `trail` hold: for those who see a part, that part."""
    mesh, rows = snapshot.mesh, trail.get("", ())
    success = tuple((at, None if value is None else 100 - value) for at, value in points(rows, ERROR_PERCENT))
    latency, rate = points(rows, P95_MS), points(rows, PER_SECOND)
    p95_note = compared(latency, now, milliseconds) if everything else _("cannot be added up from services")
    return (
        Figure(
            "success",
            _("Success rate"),
            near(mesh.success_percent, 2),
            "%",
            2,
            compared(success, now, percent),
            "",
            success,
            True,
        ),
        Figure("mtls", _("mTLS"), near(mesh.mtls_percent, 1), "%", 1, _("of requests, where they arrive")),
        envoys(snapshot, everything=everything),
        Figure("p95", _("Latency p95"), mesh.p95_ms, "ms", 0, p95_note, "", latency if everything else ()),
        Figure(
            "requests",
            _("Requests"),
            mesh.per_second,
            "/s",
            rate_digits(mesh.per_second or 0),
            compared(rate, now, per_second),
            "",
            rate,
        ),
    )


def envoys(snapshot: Snapshot, *, everything: bool) -> Figure:
    """How many are ready, how many are connected to istiod, and whether those have taken what it sent them."""
    mesh, istiod = snapshot.mesh, snapshot.source("istiod")
    connected = mesh.proxies_connected if istiod is not None and istiod.ok else None
    notes = [said(connected)] if everything and connected is not None else []
    unknown = [_("connected to istiod")] if everything and connected is None else []
    sync = synced(snapshot)
    if sync:
        notes.append(sync)
    elif mesh.envoys_total:
        unknown.append(_("sync") if snapshot.source("syncz") else _("sync (no address of istiod)"))
    return Figure(
        "envoys",
        _("Envoys ready"),
        mesh.envoys_ready,
        f"/{NBSP}{number(mesh.envoys_total)}" if mesh.envoys_total is not None else "",
        note=_(", ").join(notes),
        unknown=_(", ").join(unknown),
    )


def synced(snapshot: Snapshot) -> str:
    """In words: "1 out of sync", "all in sync"; "" where istiod does not say."""
    mesh = snapshot.mesh
    if mesh.proxies_in_sync is None or mesh.proxies_out_of_sync is None:
        return ""
    if mesh.proxies_out_of_sync:
        return _("%(count)d out of sync") % {"count": mesh.proxies_out_of_sync}
    total = mesh.envoys_total or 0
    if mesh.proxies_in_sync >= total:
        return _("all in sync")
    # another istiod may have the others: nobody can call them in sync
    return _("%(count)d of %(total)d in sync") % {"count": mesh.proxies_in_sync, "total": total}


def near(value: float | None, digits: int) -> float | None:
    return None if value is None else short_of_hundred(value, digits)


def compared(line: Points, now: float, words: Callable[[float], str]) -> str:
    """In words: "1 h ago 171 ms"; "" where nobody knows."""
    before = an_hour_ago(line, now)
    return "" if before is None else _("1 h ago %(value)s") % {"value": words(before)}


def milliseconds(value: float) -> str:
    return amount(value, "ms")


def per_second(value: float) -> str:
    return amount(value, "/s", rate_digits(value))


def said(connected: int) -> str:
    return ngettext("%(count)d connected to istiod", "%(count)d connected to istiod", connected) % {"count": connected}
