"""The sandbox world as a process: demo workloads, traffic and a Prometheus for any Kubernetes API."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 120.0


class World:
    """A running world: addresses of its Prometheus, its control page and the istiod it plays (or ""), and questions to them."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.prometheus: str = info["prometheus"]
        self.control: str = info["control"]
        self.istiod: str = info.get("istiod", "")
        self._http = urllib3.PoolManager(retries=False, timeout=10)

    def get(self, url: str, **fields: str) -> tuple[int, str]:
        response = self._http.request("GET", url, fields=fields)
        return response.status, response.data.decode()

    def query(self, text: str) -> list[dict[str, Any]]:
        """The rows of an instant query's vector."""
        status, body = self.get(f"{self.prometheus}/api/v1/query", query=text)
        assert status == 200, body
        rows: list[dict[str, Any]] = json.loads(body)["data"]["result"]
        return rows

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.get(f"{self.control}/state")[1])
        return state

    def scenario(self, name: str) -> None:
        response = self._http.request("POST", f"{self.control}/scenario?name={name}")
        assert response.status == 200, response.data

    def close(self) -> None:
        self._http.clear()


@contextmanager
def sandbox_world(kubeconfig: str | Path, *arguments: str) -> Iterator[World]:
    """`python -m meshportal.sandbox world --kube KUBECONFIG`, ready; ended on every way out."""
    command = [sys.executable, "-m", "meshportal.sandbox", "world", "--kube", str(kubeconfig), "--with-parent", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout
    late = threading.Timer(READY_SECONDS, process.kill)
    late.start()
    try:
        line = process.stdout.readline()
        late.cancel()
        assert line, f"the world ended with {process.wait()} and was not ready"
        world = World(json.loads(line))
        try:
            yield world
        finally:
            world.close()
    finally:
        late.cancel()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
