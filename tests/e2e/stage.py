"""A running demo with all that a test may do to it from outside: people's addresses, tokens, the mesh, and its weather."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshportal.demo.visitor import Form, Visitor
from tests.contracts.kube import MERGE_PATCH, Kube
from tests.demo.running import ROOT, Running, demo, environment
from tests.world_process import World

NAMESPACE, SERVICE = "bookinfo", "reviews"
VERSIONS = {"sandbox": ("v1", "v2", "v3"), "real": ("v1", "v2", "v3"), "dataplane": ("v1", "v2")}
"""Of reviews, on each mesh."""
SOON_SECONDS = 60
Json = dict[str, Any]


@dataclass
class Stage:
    """One demo on `mesh`, one of VERSIONS, ready, with numbers on its board."""

    mesh: str
    running: Running
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return self.running.address()

    @property
    def password(self) -> str:
        return self.running.password()

    @property
    def is_real(self) -> bool:
        """Whether its API server and istiod are real ones."""
        return self.mesh != "sandbox"

    @property
    def service(self) -> str:
        """The path of the page of reviews."""
        return f"/services/{self.mesh}/{NAMESPACE}/{SERVICE}/"

    @property
    def form(self) -> str:
        """The path of the form for the traffic of reviews."""
        return f"/policies/traffic/{self.mesh}/{NAMESPACE}/{SERVICE}/"

    # ------------------------------------------------------------ the API, with a token

    def ask(self, username: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and body of the REST API at `path`, as somebody's pipeline sees them."""
        request = urllib.request.Request(f"{self.address}/api/v1{path}", method=method)
        request.add_header("Authorization", f"Bearer {self.token(username)}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def token(self, username: str) -> str:
        """A token of that person, issued by `manage.py token`."""
        if username not in self.tokens:
            command = [sys.executable, "manage.py", "token", username, "--name", "pipeline of the tests"]
            surroundings = {**environment(), "VAR_DIR": str(self.running.folder)}
            done = subprocess.run(command, cwd=ROOT, env=surroundings, check=True, capture_output=True, text=True)
            self.tokens[username] = done.stdout.strip()
        return self.tokens[username]

    def asked(self, v1: int, v2: int, reason: str) -> int:
        """A change of reviews that alice has submitted. Returns its number."""
        subject = {"cluster": self.mesh, "namespace": NAMESPACE, "service": SERVICE}
        body = subject | {"weights": self.weights(v1, v2), "reason": reason, "submit": True}
        status, said = self.ask("alice", "POST", "/changes", body)
        assert status == 201, said
        return int(said["id"])

    def applied(self, v1: int, v2: int, reason: str) -> int:
        """The same, approved by bob in his browser and applied by the worker."""
        pk = self.asked(v1, v2, reason)
        self.carried_out(pk)
        self.until_seen(v1, v2)
        return pk

    def carried_out(self, pk: int) -> None:
        """Bob approves that change in his browser, and the worker applies it."""
        bob = Visitor(self.address)
        page = bob.get("/account/sign-in/")
        page = bob.press(page, required(page.form("username")), username="bob", password=self.password)
        page = bob.get(f"/changes/{pk}/")
        page = bob.press(page, required(page.form("digest")), decision="approve")
        assert page.status == 200, page.text
        self.until(lambda: self.ask("alice", "GET", f"/changes/{pk}")[1]["status"] == "applied", f"CR-{pk} was applied")

    def withdraw_all(self) -> None:
        """Take back every change that still waits, so that the next test finds none."""
        for change in self.ask("alice", "GET", "/changes")[1]:
            if change["status"] in {"draft", "in-review"}:
                self.ask("alice", "POST", f"/changes/{change['id']}/withdraw")

    # ------------------------------------------------------------ the mesh, past the portal

    def info(self) -> Json:
        """What the process of the API server said when it was ready."""
        name = "real" if self.is_real else "sandbox-api"
        info: Json = json.loads((self.running.folder / "log" / f"{name}.out").read_text().splitlines()[0])
        return info

    def route(self) -> Json:
        """The VirtualService of reviews as an administrator reads it, managed fields included."""
        if self.is_real:
            return self.kubectl("get", "virtualservice", SERVICE, "-n", NAMESPACE, "-o", "json", "--show-managed-fields")
        return self.kube().get(self.kube().path("virtualservices", SERVICE)).body

    def set_weights(self, v1: int, v2: int) -> None:
        """Route reviews as somebody with kubectl would, so that a test starts from weights it knows."""
        route = self.route()["spec"]["http"][0]
        shares = [("v1", v1), ("v2", v2)]
        route["route"] = [
            {"destination": {"host": SERVICE, "subset": subset}, "weight": weight} for subset, weight in shares if weight
        ]
        path = self.kube().path("virtualservices", SERVICE)
        answer = self.kube().ask(
            "PATCH", path, {"spec": {"http": [route]}}, content_type=MERGE_PATCH, fieldManager="kubectl-edit"
        )
        assert answer.status == 200, answer.body
        self.until_seen(v1, v2)

    def until_seen(self, v1: int, v2: int) -> None:
        """Until the portal knows these weights: what is asked for before is planned from the older ones."""
        self.until(lambda: self.configured() == self.weights(v1, v2), "the observer saw the weights")

    def weights(self, v1: int, v2: int) -> dict[str, float | None]:
        """Of every version there is: what v1 and v2 do not get is left for v3."""
        return {version: {"v1": v1, "v2": v2, "v3": 100 - v1 - v2}[version] for version in VERSIONS[self.mesh]}

    def configured(self) -> dict[str, float | None]:
        """The weights of reviews as the portal has them."""
        _status, service = self.ask("alice", "GET", f"/services/{self.mesh}/{NAMESPACE}/{SERVICE}")
        return {version["version"]: version["configured_percent"] for version in service["versions"]}

    def until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SOON_SECONDS
        while not true():
            assert time.monotonic() < deadline, f"not within {SOON_SECONDS} s: {what}"
            time.sleep(0.2)

    def kube(self) -> Kube:
        info = self.info()
        return Kube(info, NAMESPACE, context=ssl.create_default_context(cafile=info["certificate_authority"]))

    def kubectl(self, *arguments: str) -> Json:
        command = [sys.executable, "-m", "tools.realmesh", "kubectl", *arguments]
        surroundings = {**environment(), "KUBECONFIG": self.info()["kubeconfig"]["admin"]}
        done = subprocess.run(command, cwd=ROOT, env=surroundings, check=True, capture_output=True, text=True)
        answer: Json = json.loads(done.stdout)
        return answer

    @contextmanager
    def scenario(self, name: str) -> Iterator[None]:
        """The weather `name` over the mesh while the block runs, fair before and after."""
        world = World(json.loads((self.running.folder / "log" / "world.out").read_text().splitlines()[0]))
        try:
            world.scenario(name)
            yield
        finally:
            world.scenario("healthy")
            world.close()

    @contextmanager
    def hung(self, part: str) -> Iterator[None]:
        """The process with `part` in its command line stands still while the block runs."""
        [pid] = [pid for pid, command in self.running.members().items() if part in command]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


def required(form: Form | None) -> Form:
    assert form is not None, "the page has no such form"
    return form


@contextmanager
def stage(folder: Path, mesh: str) -> Iterator[Stage]:
    with demo(folder, "--mesh", mesh) as running:
        running.address()
        yield Stage(mesh, running)
