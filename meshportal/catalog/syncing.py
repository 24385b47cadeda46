"""Asks istiod itself which proxies have taken their configuration, once a tick."""

from __future__ import annotations

from meshportal.clients.ports import ControlPlaneUnavailable, ProxyPort
from meshportal.mesh.observation import Last
from meshportal.mesh.survey import PodName
from meshportal.mesh.syncz import Sync, followed


class SyncAsker:
    """Holds the last answer in `sync`, a value that is replaced as a whole: another thread may read it at any time."""

    def __init__(self, port: ProxyPort) -> None:
        self.port = port
        self.sync: Last[Sync] = Last(Sync())
        self._stale_since: dict[PodName, float] = {}

    def ask(self, now: float) -> None:
        try:
            states = self.port.sync_states()
        except ControlPlaneUnavailable as unavailable:
            self.sync = self.sync.failed(str(unavailable))
            return
        value, self._stale_since = followed(states, self._stale_since, now)
        self.sync = self.sync.answered(value, now)
