"""Steady requests through a workload's sidecar, as its app would send them, for as long as this process runs."""

from __future__ import annotations

import http.client
import threading
import time
from urllib.parse import urlsplit

_SECONDS = 20
_SENDERS = 4  # one that waits for a slow answer does not stop the others


def send(egress: str, host: str, per_second: float) -> None:
    """Begin to send `per_second` GET requests for `host` to the address `egress`. What is answered is nobody's business: the
    proxies count it. Where answers take longer than there is time, fewer are sent."""
    for _ in range(_SENDERS):
        threading.Thread(target=_sender, args=(urlsplit(egress).netloc, host, _SENDERS / per_second), daemon=True).start()


def _sender(address: str, host: str, pause: float) -> None:
    connection = http.client.HTTPConnection(address, timeout=_SECONDS)
    due = time.monotonic()
    while True:
        try:
            connection.request("GET", "/", headers={"Host": host})
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()  # Envoy closes connections after a change of listeners; the next request opens a new one
        due = max(due + pause, time.monotonic() - pause)  # what could not be sent in time is not sent in a heap later
        time.sleep(max(0.0, due - time.monotonic()))
