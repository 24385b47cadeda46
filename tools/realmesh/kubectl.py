"""kubectl as admin, and addresses on loopback."""

from __future__ import annotations

import json
import ssl
import string
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from tools.realmesh.processes import Failed, die_with_parent

MANIFESTS = Path(__file__).resolve().parent / "manifests"

# Never through a proxy of the environment, and with any certificate: all of this is loopback and our own.
_OPENER = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=ssl._create_unverified_context()),  # noqa: S323
)


def fetch(url: str, *, timeout: float = 2, token: str = "") -> bytes:
    """The body of an answer below 400. Raises OSError, of which urllib's errors are kinds."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with _OPENER.open(urllib.request.Request(url, headers=headers), timeout=timeout) as reply:
        body: bytes = reply.read()
        return body


class Kubectl:
    def __init__(self, kube: Path, kubeconfig: Path) -> None:
        self.command = [str(kube), "kubectl", "--kubeconfig", str(kubeconfig)]

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """What it prints. Raises Failed with what it complains about."""
        command = [*self.command, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, preexec_fn=die_with_parent())
        if done.returncode:
            raise Failed(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "-o", "json"))

    def apply(self, text: str) -> None:
        """Objects as YAML or JSON, by server-side apply, whoever owned their fields."""
        self("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)

    def apply_template(self, manifest: str, **values: object) -> None:
        """A file of manifests/ with ${name} replaced by `values`."""
        text = (MANIFESTS / manifest).read_text()
        self.apply(string.Template(text).substitute(values) if values else text)
