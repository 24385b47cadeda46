"""`manage.py observe`: watch every registered mesh and write what is seen, until SIGTERM."""

from __future__ import annotations

import select
import signal
import socket
from argparse import ArgumentParser
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, close_old_connections

from meshportal.catalog.running import Fleet, Running
from meshportal.clients.processes import die_with_parent

log = structlog.get_logger(__name__)

LOOK_AGAIN_SECONDS = 2.0


class Command(BaseCommand):
    help = (
        "Observe all registered clusters: one LIST and then watches of Kubernetes, at most five queries to Prometheus each tick. "
        "Several may run; one of them writes, and another takes over when it ends."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cluster", default="", metavar="NAME", help="only this cluster")
        parser.add_argument("--once", action="store_true", help="look once, write what was seen, and end")
        parser.add_argument("--with-parent", action="store_true", help="end when the starting process ends (Linux)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["with_parent"]:
            die_with_parent()
        fleet = Fleet(options["cluster"])
        if options["once"]:
            once(fleet)
        else:
            forever(fleet)


def once(fleet: Fleet) -> None:
    """One look at each cluster. Raises CommandError naming those of which nothing was written."""
    clusters = fleet.clusters()
    if fleet.only and not clusters:
        raise CommandError(f"There is no cluster {fleet.only}. `manage.py cluster list` names those there are.")
    unseen = [cluster.name for cluster in clusters if Running(cluster).once() is None]
    if unseen:
        raise CommandError(f"Nothing was written of {', '.join(unseen)}: another observer is at it, or the database refused.")


def forever(fleet: Fleet) -> None:
    """Until SIGTERM or SIGINT."""
    # a handler must not take locks, as setting an Event would: it only wakes us through a socket
    awake, alarm = socket.socketpair()
    alarm.setblocking(False)
    signal.set_wakeup_fd(alarm.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    while True:
        close_old_connections()
        try:
            fleet.sync()
        except DatabaseError as error:  # it may be locked, migrating or away: the clusters stay as they are until it is back
            log.warning("the registered clusters cannot be read", error=str(error))
        if select.select([awake], [], [], LOOK_AGAIN_SECONDS)[0]:
            break
    signal.set_wakeup_fd(-1)
    fleet.stop()
    awake.close()
    alarm.close()
