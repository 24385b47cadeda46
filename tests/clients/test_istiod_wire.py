"""What goes over the wire to istiod and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from meshportal.clients.istiod import IstiodDebug
from meshportal.clients.ports import ControlPlaneUnavailable
from meshportal.mesh.syncz import SyncState
from tests.istiod_said import REFUSED, row
from tests.recorder import Recorder


@pytest.fixture
def istiod(server: Recorder) -> Iterator[IstiodDebug]:
    adapter = IstiodDebug(server.url + "/", timeout=(2, 1.5))
    yield adapter
    adapter.close()


def test_one_request_tells_of_every_proxy(server: Recorder, istiod: IstiodDebug) -> None:
    server.answers(200, [row(), row("reviews-v1", listener=REFUSED)])
    assert [(p.pod.partition("-")[0], p.state) for p in istiod.sync_states()] == [
        ("productpage", SyncState.SYNCED),
        ("reviews", SyncState.REJECTED),
    ]
    assert len(server.requests) == 1
    assert (server.last.method, server.last.path) == ("GET", "/debug/syncz")


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (lambda server: server.hangs(), "in time"),
        (lambda server: server.drops(), "cannot be reached"),
        (lambda server: server.answers(401, b"Authentication required"), "loopback"),
        (lambda server: server.answers(403, b"Forbidden"), "loopback"),
        (lambda server: server.answers(404, b"404 page not found"), "404"),
        (lambda server: server.answers(302, b"", [("Location", "http://elsewhere.example/")]), "302"),
        (lambda server: server.answers(200, {"status": "success"}), "not one of istiod"),
        (lambda server: server.answers(200, b"<html>"), "not one of istiod"),
        (lambda server: server.answers(200, b"\xff\xfe"), "not one of istiod"),
        (lambda server: server.answers(200, b"[" * 100_000), "not one of istiod"),
    ],
)
def test_every_failure_is_one_sentence(
    server: Recorder, istiod: IstiodDebug, happens: Callable[[Recorder], None], said: str
) -> None:
    happens(server)
    with pytest.raises(ControlPlaneUnavailable, match=said) as caught:
        istiod.sync_states()
    assert caught.value.retry_helps
    assert len(server.requests) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ftp://127.0.0.1", "http://[::1"])
def test_an_address_that_leads_nowhere_is_one_sentence_too(url: str) -> None:
    with pytest.raises(ControlPlaneUnavailable, match="cannot be reached"):
        IstiodDebug(url, timeout=(2, 1.5)).sync_states()
