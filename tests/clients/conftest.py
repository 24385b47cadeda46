"""What the wire tests need: a server that records, and clients that talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kubernetes import client

from meshportal.clients.kubernetes import KubernetesCluster
from tests.recorder import Recorder, recorder

TOKEN = "sesame-0123456789abcdef"


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recorder() as recording:
        yield recording


@pytest.fixture
def cluster(server: Recorder) -> Iterator[KubernetesCluster]:
    """A client of `server` with a token, that waits long enough for a busy machine, and no longer."""
    adapter = KubernetesCluster(configuration(server.url), connect_seconds=2, read_seconds=1.5)
    yield adapter
    adapter.close()


def configuration(url: str, token: str = TOKEN) -> client.Configuration:
    made = client.Configuration(host=url)
    made.api_key = {"BearerToken": f"Bearer {token}"}
    return made
