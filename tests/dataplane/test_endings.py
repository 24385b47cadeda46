"""Agents and Envoys never outlive what started them, however that ends; and one that died takes nothing else along."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.running import SECONDS, answer, marked

pytestmark = [pytest.mark.dataplane, pytest.mark.xdist_group("dataplane")]
ENVOY, AGENT = "envoy-rev.json", "pilot-agent"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file with the line that `up` printed."""
    with marked() as processes:
        path = tmp_path_factory.mktemp("mesh") / "mesh.json"
        path.write_text(json.dumps(answer(processes.start("up"))))
        yield path


def test_a_killed_agent_takes_its_envoy_along_and_nobody_else(mesh: Path) -> None:
    with marked() as processes:
        said = answer(processes.start("dataplane", "--info", str(mesh), "--namespace", "elsewhere"))
        assert len(processes.named(ENVOY)) == len(processes.named(AGENT)) == 3
        processes.kill(said["pids"]["reviews-v2"])
        processes.until(ENVOY, 2)
        with urllib.request.urlopen(said["merged_metrics"], timeout=20) as reply:
            text = reply.read().decode()
        assert said["pods"]["reviews-v1"] in text
        assert said["pods"]["reviews-v2"] not in text
        assert 'namespace="elsewhere"' in text


def test_a_killed_data_plane_leaves_nothing_and_a_new_one_starts_on_the_same_mesh(mesh: Path) -> None:
    with marked() as processes:
        first = processes.start("dataplane", "--info", str(mesh))
        before = answer(first)
        first.kill()
        first.wait()
        processes.until("", 0)

        second = processes.start("dataplane", "--info", str(mesh))
        assert answer(second)["egress"] == before["egress"]
        assert second.stdin
        second.stdin.close()
        assert second.wait(SECONDS) == 0
        assert processes.living() == {}


def test_the_end_of_a_mesh_is_the_end_of_what_runs_on_it() -> None:
    """As `up | dataplane` at a terminal: the second has the first one's output as its input."""
    with marked() as processes:
        up = processes.start("up")
        assert up.stdout
        plane = processes.start("dataplane", stdin=up.stdout)
        assert answer(plane)["ready_seconds"] > 0
        up.kill()
        up.wait()
        assert plane.wait(SECONDS) == 0
        assert processes.living() == {}
