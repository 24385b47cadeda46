"""The API server, etcd, istiod and Prometheus, each killed under the running portal and started again.

Pages go on, ages grow, nothing unknown is shown as well, nothing is written twice, and everything recovers without a hand.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import ssl
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from meshportal.demo.processes import free_ports
from meshportal.mesh.plans import TOKEN_ANNOTATION
from tests.chaos.door import Moment, door
from tests.chaos.portal import TICK_SECONDS, Portal, portal
from tests.processes import Info, ask_etcd, real_mesh
from tests.world_process import sandbox_world

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("outages")]
WRITES = {"create", "update", "patch", "delete"}


@dataclass
class World:
    """Workloads, traffic and Prometheus of the mesh; the Prometheus keeps its port however often it is started."""

    arguments: list[str]
    port: int
    running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        self.running.enter_context(sandbox_world(*self.arguments, "--port", str(self.port)))

    def stop(self) -> None:
        self.running.close()


@dataclass
class Stage:
    mesh: Info
    world: World
    portal: Portal

    def send(self, part: str, number: signal.Signals) -> None:
        """A signal to the process that `part` of the mesh is now."""
        os.kill(self.pids()[part], number)

    def pids(self) -> dict[str, int]:
        """Of the parts of the mesh, as they are now."""
        pids: dict[str, int] = json.loads((Path(self.mesh["folder"]) / "pids.json").read_text())
        return pids

    def kill(self, part: str) -> None:
        """SIGKILL to `part`; returns when it has ended. Two seconds later it is started again."""
        stat = Path("/proc") / str(self.pids()[part]) / "stat"
        self.send(part, signal.SIGKILL)
        with suppress(FileNotFoundError, ProcessLookupError):  # its parent has already noticed
            while stat.read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.001)

    @contextmanager
    def down(self, part: str, how: signal.Signals = signal.SIGKILL) -> Iterator[None]:
        """`part` of the mesh killed or, with SIGSTOP, hanging; it goes on when the block ends, and not before."""
        hold = Path(self.mesh["folder"]) / "hold"
        hold.touch()
        try:
            self.send(part, how)
            yield
        finally:
            if how is signal.SIGSTOP:
                self.send(part, signal.SIGCONT)
            hold.unlink()

    def written(self) -> list[dict[str, Any]]:
        """What the worker asked the API server to write, and it did: its own audit log."""
        lines = Path(self.mesh["audit_log"]).read_text().splitlines()
        events = [json.loads(line) for line in lines if line.endswith("}")]
        return [
            event
            for event in events
            if event["user"]["username"] == "portal"
            and event["verb"] in WRITES
            and event["objectRef"].get("apiGroup") == "networking.istio.io"
            and event["stage"] == "ResponseComplete"
            and event["responseStatus"]["code"] < 300
            and "dryRun=" not in event["requestURI"]
        ]

    def live(self, plural: str) -> dict[str, Any]:
        """The object of the service reviews, as the API server's admin gets it."""
        context = ssl.create_default_context(cafile=self.mesh["certificate_authority"])
        address = f"{self.mesh['server']}/apis/networking.istio.io/v1/namespaces/bookinfo/{plural}/reviews"
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {self.mesh['tokens']['admin']}"})
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            manifest: dict[str, Any] = json.load(answer)
            return manifest

    def times_stored(self) -> int:
        """How often etcd has stored the route of reviews since it was made, by whomever, and be it with the same content."""
        key = base64.b64encode(b"/registry/networking.istio.io/virtualservices/bookinfo/reviews").decode()
        return int(ask_etcd({"pids": self.pids()}, "kv/range", {"key": key})["kvs"][0]["version"])

    def applied_once(self, change: str) -> list[str]:
        """Wait for the change at the path `change`, and see that the portal knows of one applying. The tokens of its writes."""
        here = self.portal
        here.until("the change is applied", lambda: here.change(change)["status"] == "applied")
        told = here.report(change)
        assert told["chain_holds"]
        assert told["claims"] == 0
        assert told["verbs"].count("applied") == told["verbs"].count("apply") == 1
        assert [state for _kind, _token, state in told["writes"]] == ["done"] * len(told["writes"])
        tokens = [token for _kind, token, _state in told["writes"]]
        route = self.live("virtualservices")
        assert route["metadata"]["annotations"][TOKEN_ANNOTATION] in tokens
        weights = {entry["destination"].get("subset"): entry.get("weight") for entry in route["spec"]["http"][-1]["route"]}
        # also because whoever asks for the next change from an older state gets it back
        here.until("the board has the new weights", lambda: here.walk.canary(here.api)["configured_percent"] == weights["v2"])
        return tokens

    def sent(self, before: int = 0) -> list[str]:
        """The tokens of all writes, or of those after the first `before`."""
        return [event["requestObject"]["metadata"]["annotations"][TOKEN_ANNOTATION] for event in self.written()[before:]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("killed")
    with real_mesh("--restart", "--audit", "--folder", str(folder / "mesh")) as mesh:
        (port,) = free_ports(1)
        world = World([mesh["kubeconfig"]["admin"], "--istiod-metrics", f"{mesh['istiod_monitoring']}/metrics"], port)
        try:
            world.start()
            with portal(folder / "portal", mesh, f"http://127.0.0.1:{port}") as running:
                yield Stage(mesh, world, running)
        finally:
            world.stop()


def chip(board: str, label: str) -> tuple[bool, str]:
    """Whether the chip of a source on the board is that of a source that is well, and what it says of its age."""
    found = re.search(
        rf'<li class="mp-source (\S*)"[^>]*>(?:(?!</li>).)*?{label} <span class="mp-age">(.*?)</span>', board, re.DOTALL
    )
    assert found, f"the board has no chip of {label}"
    return "is-ok" in found[1], found[2]


@pytest.mark.parametrize(
    ("part", "how"), [("apiserver", signal.SIGKILL), ("apiserver", signal.SIGSTOP), ("etcd", signal.SIGKILL)]
)
def test_an_api_server_that_is_gone(part: str, how: signal.Signals, stage: Stage) -> None:
    here, before = stage.portal, len(stage.written())
    with stage.down(part, how):
        here.until("the board knows", lambda: not here.source("kubernetes")["ok"])
        here.pages()
        change = here.ask_and_approve()
        here.until("the change tells why it waits", lambda: here.change(change)["note"])
        assert here.change(change)["note"].startswith("Waiting: The API server")
        assert here.change(change)["status"] in {"approved", "applying"}

        seen = here.source("kubernetes")["observed_at"]
        here.until("what is not known is not shown", lambda: here.mesh()["envoys_total"] is None)
        assert here.source("kubernetes")["observed_at"] == seen
        assert here.mesh()["envoys_ready"] is None
        assert {service["state"] for service in here.services()} <= {"UNKNOWN", "FAIL", "WARN"}
        assert {service["pods_ready"] for service in here.services()} == {None}
        board, *_, detail = here.pages(change)
        assert chip(board.text, "Kubernetes")[0] is False
        assert "no answer for" in chip(board.text, "Kubernetes")[1]
        assert "Waiting: The API server" in detail.text
        assert len(stage.written()) == before

    tokens = stage.applied_once(change)
    assert sorted(stage.sent(before)) == sorted(tokens), "each write reached the mesh exactly once"
    here.until("the board recovers", here.all_well)
    here.until("the services recover", lambda: "UNKNOWN" not in {s["state"] for s in here.services() if s["per_second"]})
    assert chip(here.pages(change)[0].text, "Kubernetes")[0] is True


@pytest.mark.parametrize(
    "moment",
    [Moment("before"), *(Moment("underway", late) for late in (0, 0.4, 0.8)), Moment("answered"), Moment("heard")],
    ids=str,
)
@pytest.mark.parametrize("part", ["apiserver", "etcd"])
def test_killed_at_the_very_moment_of_a_write(part: str, moment: Moment, stage: Stage) -> None:
    """Whether the write was stored or not, the worker finds out, and the mesh has it once."""
    here, before, stored = stage.portal, len(stage.written()), stage.times_stored()
    generation = stage.live("virtualservices")["metadata"]["generation"]
    with door(stage.mesh) as entrance:
        change, _weight = here.walk.ask(here.alice)
        here.until("the dry run is over", lambda: entrance.rehearsed)
        entrance.at_the_next_write(moment, lambda: stage.kill(part))
        here.walk.approve(here.bob, change)
        here.until("the write was sent", lambda: entrance.has_acted)
        tokens = stage.applied_once(change)

    assert stage.times_stored() == stored + 1
    assert stage.live("virtualservices")["metadata"]["generation"] == generation + 1
    # one that was killed before it wrote its own record has none
    assert stage.sent(before) in ([], tokens)
    here.until("the board recovers", here.all_well)


def test_istiod_that_is_gone(stage: Stage) -> None:
    here, before = stage.portal, len(stage.written())
    with stage.down("istiod"):
        here.until("the board knows", lambda: not here.source("istiod")["ok"])
        assert here.source("kubernetes")["ok"]
        change = here.ask_and_approve()
        here.until("the change tells why it waits", lambda: here.change(change)["note"])
        assert re.match("Waiting: The admission webhook .* did not answer", here.change(change)["note"])
        board, *_ = here.pages(change)
        assert chip(board.text, "istiod")[0] is False
        assert len(stage.written()) == before

    tokens = stage.applied_once(change)
    assert sorted(stage.sent(before)) == sorted(tokens), "each write reached the mesh exactly once"
    here.until("the board recovers", here.all_well)
    assert chip(here.pages(change)[0].text, "istiod")[0] is True


def test_a_prometheus_that_is_gone(stage: Stage) -> None:
    here = stage.portal
    stage.world.stop()
    here.until("the board knows", lambda: not here.source("prometheus")["ok"])
    here.until(
        "nothing is well that nobody measures", lambda: {s["state"] for s in here.services() if s["envoys_total"]} == {"UNKNOWN"}
    )
    last = here.mesh()
    age = _seconds(last["observed_at"]) - _seconds(here.source("prometheus")["observed_at"])
    assert age >= TICK_SECONDS
    here.until("old numbers are no numbers", lambda: here.mesh()["per_second"] is None)
    now = here.mesh()
    assert (now["success_percent"], now["mtls_percent"], now["p95_ms"], now["envoys_ready"]) == (None, None, None, None)
    board, *_ = here.pages()
    assert chip(board.text, "Prometheus")[0] is False

    stage.world.start()
    here.until("the board recovers", here.all_well)
    here.until("the services recover", lambda: "UNKNOWN" not in {s["state"] for s in here.services() if s["per_second"]})
    assert chip(here.pages()[0].text, "Prometheus")[0] is True


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
