"""What the board says of real Envoys, measured against what their client counted and what istiod did to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from django.test import Client

from meshportal.mesh.snapshot import State, Why
from tests.board.test_services import text
from tests.cast import people
from tests.dataplane.eyes import Eyes
from tests.dataplane.plane import Plane, eventually

pytestmark = [pytest.mark.dataplane, pytest.mark.xdist_group("dataplane"), pytest.mark.django_db]

REQUESTS = 5_000
WARM_UP = 1_000
POINTS = 2.0
Open = Callable[[int], Eyes]


@pytest.fixture
def opened(plane: Plane) -> Iterator[Open]:
    """Opens eyes that look back a number of seconds."""
    with ExitStack() as stack:
        yield lambda window: stack.enter_context(closing(Eyes(plane, window)))


def test_after_a_weight_change_the_board_has_what_the_client_counted(plane: Plane, opened: Open) -> None:
    plane.make("reviews-v2", failure_rate=0.4)
    plane.ask_often(WARM_UP)
    plane.shift(25)
    answers, window = plane.measured(REQUESTS)
    eyes = opened(window)
    snapshot, reviews = eyes.look(), eyes.reviews()

    share = 100 * sum(count for (status, who), count in answers.items() if who == "v2" or status == 500) / REQUESTS
    versions = {version.version: version for version in reviews.versions}
    assert [(v.configured_percent, v.pods_ready) for v in versions.values()] == [(75, 1), (25, 1)]
    assert abs((versions["v2"].measured_percent or 0) - share) <= POINTS, (versions, answers)

    ok = 100 * sum(count for (status, _), count in answers.items() if status == 200) / REQUESTS
    assert abs((reviews.success_percent or 0) - ok) <= POINTS, (reviews, answers)
    assert (reviews.state, reviews.why, reviews.worst_code) == (State.FAIL, Why.ERRORS, "500")
    assert reviews.per_second == pytest.approx(REQUESTS / window, rel=0.3)
    assert reviews.mtls_percent == 100

    assert (reviews.envoys_ready, reviews.envoys_total, reviews.in_sync, reviews.out_of_sync) == (2, 2, 2, 0)
    everybody = len(plane.info["pods"])
    mesh = snapshot.mesh
    assert (mesh.envoys_ready, mesh.envoys_total, mesh.proxies_connected) == (everybody, everybody, everybody)
    assert (mesh.proxies_in_sync, mesh.proxies_out_of_sync) == (everybody, 0)
    assert [source.name for source in snapshot.sources if not source.ok] == []


def test_requests_in_plain_text_are_missing_from_the_mtls_share(plane: Plane, opened: Open) -> None:
    ask_in_plain_text(plane, 300)
    plane.ask_often(WARM_UP)
    plane.rest()
    began = time.monotonic()
    plane.measured(400)
    ask_in_plain_text(plane, 100)
    window = round(time.monotonic() - began + 2 * plane.scrape_seconds)
    assert opened(window).reviews().mtls_percent == pytest.approx(80, abs=POINTS)


def ask_in_plain_text(plane: Plane, count: int) -> None:
    """So many requests from outside of the mesh. Returns when Prometheus has them."""
    selector = 'istio_requests_total{reporter="destination",connection_security_policy="none"}'
    before = plane.count(selector)
    assert {plane.ask_in_plain_text() for _ in range(count)} == {200}
    eventually("Prometheus has seen them all", lambda: plane.count(selector) >= before + count)


def test_a_configuration_that_envoys_refuse_is_on_the_board_with_the_reason(plane: Plane, opened: Open, client: Client) -> None:
    """Stock Envoys do not know the filter that a Telemetry with this provider asks for."""
    eyes = opened(10)
    client.force_login(people().alice)
    eventually("well and in sync", lambda: (eyes.reviews().state, eyes.reviews().in_sync) == (State.OK, 2))
    telemetry = {"metrics": [{"providers": [{"name": "prometheus"}]}]}
    with plane.applied("telemetry.istio.io/v1", "Telemetry", telemetry):
        eventually("out of sync", lambda: eyes.reviews().out_of_sync == 2)
        reviews = eyes.reviews()
        assert (reviews.state, reviews.why, reviews.in_sync) == (State.WARN, Why.OUT_OF_SYNC, 0)
        assert "Didn't find a registered implementation for 'istio.stats'" in reviews.sync_reason
        assert eyes.look().mesh.proxies_out_of_sync == len(plane.info["pods"])
        card = "2 of 2 proxies out of sync: the newest configuration is refused. Error adding/updating listener"
        assert card in text(client.get("/"))
        assert {status for status, _ in plane.ask_often(100)} == {200}  # by the configuration before
    eventually("in sync again", lambda: eyes.reviews().state is State.OK)
    assert (eyes.reviews().in_sync, eyes.reviews().out_of_sync, eyes.reviews().sync_reason) == (2, 0, "")
    assert "all in sync" in text(client.get("/"))
