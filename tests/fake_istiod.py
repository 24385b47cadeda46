"""An istiod in memory that says of proxies what a test lets happen to them."""

from __future__ import annotations

from meshportal.clients.ports import ControlPlaneUnavailable, ProxySync
from meshportal.mesh.syncz import SyncState


class FakeIstiod:
    """See ProxyPort for what `sync_states` promises. `asked` counts."""

    def __init__(self) -> None:
        self.asked = 0
        self._proxies: dict[tuple[str, str], ProxySync] = {}
        self._away = False

    # ------------------------------------------------------------ what happens out there

    def connects(self, namespace: str, *pods: str) -> None:
        """From now on these proxies are connected and have taken everything."""
        self._set(namespace, pods, SyncState.SYNCED)

    def pushes(self, namespace: str, *pods: str) -> None:
        """Something new was sent to these proxies, which have not answered yet."""
        self._set(namespace, pods, SyncState.STALE, ("LDS",))

    def is_refused(self, namespace: str, pod: str, reason: str) -> None:
        self._set(namespace, (pod,), SyncState.REJECTED, ("LDS",), reason)

    def loses(self, namespace: str, pod: str) -> None:
        self._proxies.pop((namespace, pod))

    def goes_away(self) -> None:
        self._away = True

    def comes_back(self) -> None:
        self._away = False

    def _set(
        self, namespace: str, pods: tuple[str, ...], state: SyncState, unacked: tuple[str, ...] = (), reason: str = ""
    ) -> None:
        for pod in pods:
            self._proxies[namespace, pod] = ProxySync(namespace, pod, state, unacked, reason)

    # ------------------------------------------------------------ ProxyPort

    def sync_states(self) -> list[ProxySync]:
        self.asked += 1
        if self._away:
            raise ControlPlaneUnavailable("istiod cannot be reached.")
        return list(self._proxies.values())
