"""Reading the rows a board is made of: seven queries, whatever the size of the mesh."""

from __future__ import annotations

from datetime import datetime, timedelta

from meshportal.accounts.permissions import Namespaces
from meshportal.board.canaries import canaries_of, stop_of
from meshportal.board.changed import last_applied, line
from meshportal.board.page import Board, Seen, board
from meshportal.catalog import queries as catalog
from meshportal.changes.queries import recent_changes
from meshportal.clusters.models import Cluster

LISTED = timedelta(hours=6)
REMEMBERED = timedelta(hours=24)


def read_board(cluster: Cluster, namespaces: Namespaces, now: datetime) -> Board | None:
    """The board of `cluster` for somebody with these namespaces; None while the observer has not reported yet."""
    snapshot = catalog.latest(cluster, namespaces)
    if snapshot is None:
        return None
    seen = Seen(
        snapshot=snapshot,
        trail=catalog.trail(cluster, namespaces),
        heartbeat=catalog.worker_heartbeat(),
        changes=tuple(line(change) for change in recent_changes(cluster, namespaces, now - LISTED)),
        changed_by=last_applied(cluster, namespaces, now - REMEMBERED),
        canaries=canaries_of(cluster, namespaces),
        stop=stop_of(cluster),
    )
    return board(seen, namespaces, now.timestamp())
