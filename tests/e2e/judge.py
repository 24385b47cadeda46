"""`istioctl analyze` as the judge of what the portal wrote: whatever it finds there, the page of the change must have said."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterable
from typing import Any

from playwright.sync_api import Page

from meshportal.mesh.plans import TOKEN_ANNOTATION
from tests.contracts.kube import NETWORKING, Kube
from tests.demo.running import ROOT, environment
from tests.e2e.stage import NAMESPACE, Stage
from tools.realmesh import build

LEVELS = frozenset({"Error", "Warning"})
CODE = re.compile(r"\b(?:KIA|IST|MP)\d{4}\b")
SAME = {
    "IST0101": {"KIA0202", "KIA1101", "KIA1107"},
    "IST0109": {"KIA1106"},
    "IST0173": {"KIA0203"},
    "IST0174": {"KIA0202"},
}
"""What istioctl finds, and what the portal says of the same: a host or subset that is not there; several routes for one host; a
subset that selects no pod; a rule for a host that is not there."""
KINDS = {
    "Namespace": ("v1", "/api/v1/namespaces"),
    "Service": ("v1", "/api/v1/services"),
    "Pod": ("v1", "/api/v1/pods"),
    "VirtualService": (NETWORKING, f"/apis/{NETWORKING}/virtualservices"),
    "DestinationRule": (NETWORKING, f"/apis/{NETWORKING}/destinationrules"),
}
WRITTEN = ("VirtualService", "DestinationRule")


def unsaid(stage: Stage, page: Page) -> list[str]:
    """What istioctl finds in the objects that the portal wrote, and `page`, the one of the change, does not show.

    Nothing where `make real` has built no istioctl: then the same journey on the real mesh is skipped as well, and says why.
    """
    if not build.ready():
        return []
    objects = all_of(stage.kube())
    return missed(analyze(stage, objects), written(objects), CODE.findall(page.locator("main").inner_text()))


def missed(found: Iterable[dict[str, Any]], objects: Collection[str], shown: Collection[str]) -> list[str]:
    """The messages of `found` about `objects` that none of the codes `shown` says too."""
    return [
        f"{message['code']} {message['origin']}: {message['message']}"
        for message in found
        if message["level"] in LEVELS
        and message["origin"] in objects
        and not ({message["code"]} | SAME.get(message["code"], set())) & set(shown)
    ]


def written(objects: Iterable[dict[str, Any]]) -> set[str]:
    """The objects with the portal's mark, as istioctl names them. Raises AssertionError if there are none: nothing to judge."""
    marked = {
        f"{item['kind']} {item['metadata']['namespace']}/{item['metadata']['name']}"
        for item in objects
        if item["kind"] in WRITTEN and TOKEN_ANNOTATION in item["metadata"].get("annotations", {})
    }
    assert marked, "the portal has written nothing"
    return marked


def all_of(kube: Kube) -> list[dict[str, Any]]:
    """What istioctl needs to know, each with its kind, which lists of built-in kinds leave out."""
    return [
        {**item, "apiVersion": version, "kind": kind}
        for kind, (version, path) in KINDS.items()
        for item in kube.get(path).body["items"]
    ]


def analyze(stage: Stage, objects: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """istioctl's messages: it asks the real control plane itself; the sandbox, which it cannot ask, is read to it."""
    if stage.is_real:
        return istioctl("analyze", kubeconfig=stage.info()["kubeconfig"]["admin"])
    return read_to_istioctl(objects)


def read_to_istioctl(objects: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return istioctl("analyze", "--use-kube=false", "-", text="\n---\n".join(json.dumps(item) for item in objects))


def istioctl(*arguments: str, text: str = "", kubeconfig: str = os.devnull) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tools.realmesh", "istioctl", *arguments, "-n", NAMESPACE, "-o", "json"]
    surroundings = {**environment(), "KUBECONFIG": kubeconfig}
    # it ends with 79 where it finds an error
    done = subprocess.run(command, cwd=ROOT, env=surroundings, input=text, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip(), done.stderr
    messages: list[dict[str, Any]] = json.loads(done.stdout)
    return messages
