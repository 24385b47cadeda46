"""Freeze windows: times in which nothing rises. They stop applying and weight increases, never a rollback or less weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Scope, Verb, can
from meshportal.accounts.services import actor
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import record
from meshportal.clusters.models import Cluster, FreezeWindow
from meshportal.clusters.refusals import Refused, Unusable, unkeepable

LONGEST_MINUTES = 14 * 24 * 60
MAX_NAME = 80
MAX_CHAIN = 500  # beginnings that are followed to find the end of windows that touch each other


@dataclass(frozen=True)
class Frozen:
    """The window that holds and when it ends. One whose beginnings come faster than it ends goes on at least until then."""

    name: str
    until: datetime

    def __str__(self) -> str:
        return f"“{self.name}” until {timezone.localtime(self.until):%Y-%m-%d %H:%M %Z}"


def frozen(cluster: Cluster, namespace: str, now: datetime) -> Frozen | None:
    """What freezes `namespace` at `now`; of several windows the one that ends last."""
    found = [
        Frozen(window.name, until)
        for window in FreezeWindow.objects.filter(cluster=cluster)
        if _concerns(window, namespace) and (until := frozen_until(window.cron, window.minutes, now))
    ]
    return max(found, key=lambda one: one.until, default=None)


def frozen_until(cron: str, minutes: int, now: datetime) -> datetime | None:
    """When the window that holds at `now` ends, None if none does. Beginnings are read in the portal's time zone."""
    length = timedelta(minutes=minutes)
    end: datetime | None = None
    for begins in _beginnings(cron, now - length):
        if begins > (end or now):
            break
        end = begins + length
    return end


def next_window(cron: str, now: datetime) -> datetime | None:
    """When the next window begins after `now`, None if never again."""
    return next(_beginnings(cron, now), None)


def _beginnings(cron: str, after: datetime) -> Iterator[datetime]:
    """Beginnings strictly after `after`, at most `MAX_CHAIN`."""
    found = CronSim(cron, timezone.localtime(after))
    for _place in range(MAX_CHAIN):
        begins = next(found, None)
        if begins is None:
            return
        yield begins


def _concerns(window: FreezeWindow, namespace: str) -> bool:
    return not window.namespaces or namespace in window.namespaces


# ---------------------------------------------------------------- verbs


def may_freeze(person: Person, cluster: Cluster, namespaces: Sequence[str]) -> bool:
    """Whether `person` administers all that a window is about; no namespaces is the whole mesh."""
    return all(can(person, Verb.ADMINISTER, Scope(cluster.name, namespace)) for namespace in namespaces or [""])


@transaction.atomic
def add_window(
    cluster: Cluster,
    *,
    name: str,
    namespaces: Sequence[str],
    cron: str,
    minutes: int,
    by: Person,
    via: AuditEvent.Via,
    now: datetime,
) -> FreezeWindow:
    """A new window over `namespaces`, none for the whole mesh, from each time that `cron` names. Raises Refused, Unusable."""
    name, cron, wanted = name.strip(), " ".join(cron.split()), sorted(set(namespaces))
    if not may_freeze(by, cluster, wanted):
        raise Refused(_("Only an admin of all that a freeze window is about can set it."))
    if problems := _wrong(cluster, name, cron, minutes, now):
        raise Unusable(problems)
    window = FreezeWindow.objects.create(
        cluster=cluster, name=name, namespaces=wanted, cron=cron, minutes=minutes, created_by=by, created_at=now
    )
    sentence = f"Freeze window {name}: {minutes} min from each {cron} in {', '.join(wanted) or 'every namespace'}"
    _tell(window, "add freeze window", sentence, by, via, now)
    return window


@transaction.atomic
def remove_window(window: FreezeWindow, *, by: Person, via: AuditEvent.Via, now: datetime) -> None:
    """The window holds nothing any more. Raises Refused."""
    if not may_freeze(by, window.cluster, window.namespaces):
        raise Refused(_("Only an admin of all that a freeze window is about can remove it."))
    _tell(window, "remove freeze window", f"Removed the freeze window {window.name}", by, via, now)
    window.delete()


def _wrong(cluster: Cluster, name: str, cron: str, minutes: int, now: datetime) -> dict[str, str]:
    problems = {}
    if not name:
        problems["name"] = _("Give it a name: whoever waits will read it.")
    elif len(name) > MAX_NAME or unkeepable(name):
        problems["name"] = _("Use at most %(limit)d characters that can be kept.") % {"limit": MAX_NAME}
    elif FreezeWindow.objects.filter(cluster=cluster, name=name).exists():
        problems["name"] = _("This mesh has a freeze window of that name already.")
    if not _fires(cron, now):
        problems["cron"] = _(
            "Write five fields: minute, hour, day of the month, month, day of the week. “0 9 * * 1-5” is 9:00 on weekdays."
        )
    if not 1 <= minutes <= LONGEST_MINUTES:
        problems["minutes"] = _("Choose a length from 1 minute to 14 days (%(limit)d minutes).") % {"limit": LONGEST_MINUTES}
    return problems


def _fires(cron: str, now: datetime) -> bool:
    """Whether this is five fields that ever come true: the library takes six too, and 30 February."""
    try:
        return len(cron.split()) == 5 and len(cron) <= 100 and next_window(cron, now) is not None
    except CronSimError:
        return False


def _tell(window: FreezeWindow, verb: str, sentence: str, by: Person, via: AuditEvent.Via, now: datetime) -> None:
    data = {"namespaces": window.namespaces, "cron": window.cron, "minutes": window.minutes}
    record(
        actor(by, via), verb, f"freeze window {window.name}", sentence, now=now, cluster=window.cluster.name, data=data
    )  # fmt: skip
