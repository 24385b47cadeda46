"""ProxyPort over istiod's debug page /debug/syncz."""

from __future__ import annotations

import json

import urllib3
from urllib3 import exceptions

from meshportal.clients.ports import ControlPlaneUnavailable
from meshportal.mesh.syncz import ProxySync, read_syncz

CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0


class IstiodDebug:
    """The istiod at `url`; `timeout` is the seconds to connect and to wait. It is asked without credentials.

    From 1.27.6 on istiod answers only to its own loopback (its setting ENABLE_DEBUG_ENDPOINT_AUTH), so there `url` is the near
    end of a tunnel to it.
    """

    def __init__(self, url: str, *, timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS)) -> None:
        self._url = f"{url.rstrip('/')}/debug/syncz"
        self._pool = urllib3.PoolManager(
            1, retries=False, timeout=urllib3.Timeout(connect=timeout[0], read=timeout[1]), maxsize=1
        )

    def close(self) -> None:
        """Close the idle connection."""
        self._pool.clear()

    def sync_states(self) -> list[ProxySync]:
        try:
            response = self._pool.request("GET", self._url, redirect=False)
        except (exceptions.HTTPError, ValueError) as error:
            # to urllib3 a refused connection is a kind of timeout
            late = isinstance(error, exceptions.TimeoutError) and not isinstance(error, exceptions.NewConnectionError)
            raise ControlPlaneUnavailable(f"istiod {'did not answer in time' if late else 'cannot be reached'}.") from None
        if response.status in (401, 403):
            raise ControlPlaneUnavailable(
                f"istiod does not show its debug pages to the portal ({response.status}): they are for its own loopback."
            )
        if response.status != 200:
            raise ControlPlaneUnavailable(f"istiod answered {response.status}.")
        try:
            return read_syncz(json.loads(response.data))
        except (ValueError, RecursionError):
            raise ControlPlaneUnavailable("The answer is not one of istiod. Does the address lead to something else?") from None
