"""`python -m tools.realmesh up`: what it tells, what it writes down, and that nothing of it is ever left behind."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.tools.running import SECONDS, answer, marked
from tools.realmesh import build, cli
from tools.realmesh.kubectl import Kubectl
from tools.realmesh.processes import Failed

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]
PARTS = {"etcd", "apiserver", "controllers", "scheduler", "kwok"}
SECRET = "do-not-write-this-down"


def test_it_tells_where_it_is_and_writes_down_what_it_was_asked() -> None:
    with marked() as processes:
        up = processes.start("up", "--audit")
        said = answer(up)
        assert said["ready_seconds"] > 0
        assert said["pids"].keys() == PARTS | {"istiod"}
        assert said["kubeconfig"].keys() == said["tokens"].keys() == {"admin", "portal", "observer", "nobody"}
        kubectl = Kubectl(build.folder() / "kube", Path(said["kubeconfig"]["admin"]))
        route = {"destination": {"host": "reviews"}}
        make(kubectl, "networking.istio.io/v1", "VirtualService", spec={"hosts": ["reviews"], "http": [{"route": [route]}]})
        make(kubectl, "v1", "Secret", stringData={"word": SECRET})
        events = [json.loads(line) for line in Path(said["audit_log"]).read_text().splitlines()]
        written = [event for event in events if event["verb"] == "create" and event["objectRef"].get("name") == "audited"]
        bodies = {event["objectRef"]["resource"]: event.get("requestObject") for event in written}
        assert bodies["virtualservices"]["spec"]["hosts"] == ["reviews"]
        assert bodies["secrets"] is None
        assert SECRET not in Path(said["audit_log"]).read_text()

        assert up.stdin
        up.stdin.close()
        assert up.wait(SECONDS) == 0
        assert processes.living() == {}
        assert not Path(said["folder"]).exists()


def make(kubectl: Kubectl, api: str, kind: str, **content: Any) -> None:
    """Stores an object of the name "audited"."""
    manifest = {"apiVersion": api, "kind": kind, "metadata": {"name": "audited", "namespace": "default"}, **content}
    kubectl("create", "-f", "-", stdin=json.dumps(manifest))


def test_killed_it_leaves_no_process() -> None:
    with marked() as processes:
        up = processes.start("up", "--no-istiod")
        said = answer(up)
        assert set(said["pids"].values()) <= processes.living().keys()
        up.kill()
        up.wait()
        processes.until("", 0)


@pytest.mark.parametrize("how", ["end of input", "SIGTERM", "SIGINT"])
def test_it_can_be_ended_while_it_starts(how: str) -> None:
    with marked() as processes:
        up = processes.start("up")
        while not processes.named("kube apiserver"):
            assert up.poll() is None
        if how == "end of input":
            assert up.stdin
            up.stdin.close()
        else:
            up.send_signal(signal.Signals[how])
        assert up.wait(SECONDS) == 0
        assert processes.living() == {}


def test_a_folder_of_the_callers_keeps_the_logs(tmp_path: Path) -> None:
    with marked() as processes:
        up = processes.start("up", "--no-istiod", "--folder", str(tmp_path / "mesh"))
        said = answer(up)
        assert said["pids"].keys() == PARTS
        assert "istiod_http" not in said
        up.terminate()
        assert up.wait(SECONDS) == 0
        assert processes.living() == {}
    assert {path.stem for path in (tmp_path / "mesh").glob("*.log")} == PARTS


def test_killed_parts_come_back_as_they_were_where_that_is_asked_for(tmp_path: Path) -> None:
    with marked() as processes:
        said = answer(processes.start("up", "--no-istiod", "--restart", "--folder", str(tmp_path)))
        kubectl = Kubectl(build.folder() / "kube", Path(said["kubeconfig"]["admin"]))
        make(kubectl, "v1", "ConfigMap", data={"kept": "yes"})
        assert json.loads((tmp_path / "pids.json").read_text()) == said["pids"]
        (tmp_path / "hold").touch()
        for part in ("etcd", "apiserver"):
            processes.kill(said["pids"][part])
        time.sleep(1.5 * cli.RESTART_SECONDS)
        assert json.loads((tmp_path / "pids.json").read_text()) == said["pids"], "something was started although it was on hold"
        (tmp_path / "hold").unlink()
        deadline = time.monotonic() + SECONDS
        while not (kept := of_the_config_map(kubectl)):
            assert time.monotonic() < deadline, "it did not come back"
            time.sleep(0.2)
        assert kept == {"kept": "yes"}
        now = json.loads((tmp_path / "pids.json").read_text())
        assert {part for part in now if now[part] != said["pids"][part]} >= {"etcd", "apiserver"}
        assert set(now.values()) <= processes.living().keys()


def of_the_config_map(kubectl: Kubectl) -> Any:
    """Its data; None while the API server does not answer."""
    try:
        return kubectl.json("get", "configmap", "audited", "--request-timeout=5s")["data"]
    except Failed:
        return None


def test_a_part_that_ends_by_itself_is_named_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "etcd").write_text("a file where a folder must be")
    with marked() as processes:
        up = processes.start("up", "--no-istiod", "--folder", str(tmp_path))
        assert up.wait(SECONDS) == 1
        assert up.stdout
        assert up.stderr
        assert up.stdout.read() == b""
        assert b"etcd ended with 1" in up.stderr.read()
        assert processes.living() == {}
