"""The binaries of the real mesh: compiled once from pinned sources into a cache, one by one; a build goes on where one stopped.

REALMESH_CACHE names the cache, else it is ~/.cache/realmesh. Each set of sources and versions has a folder of its own there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.realmesh import go
from tools.realmesh.go import Go
from tools.realmesh.processes import Failed

HERE = Path(__file__).resolve().parent
KUBERNETES = "1.36.3"
KWOK = "sigs.k8s.io/kwok@v0.8.0"
ISTIO = "istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad"  # Istio 1.31, 27 August 2026
COMMANDS = {
    "kwok": "sigs.k8s.io/kwok/cmd/kwok@" + KWOK.split("@")[1],
    "pilot-discovery": "istio.io/istio/pilot/cmd/pilot-discovery@" + ISTIO.split("@")[1],
    "istioctl": "istio.io/istio/istioctl/cmd/istioctl@" + ISTIO.split("@")[1],
    "pilot-agent": "istio.io/istio/pilot/cmd/pilot-agent@" + ISTIO.split("@")[1],
}
NOT_BUILT = "not built: make real (about 12 minutes, once)"
_WORKSHOP = ".part-"


@dataclass(frozen=True)
class Part:
    """One file of the cache. `make` puts it into a folder under its name."""

    name: str
    what: str
    make: Callable[[Go, Path], None]


def cache() -> Path:
    return Path(os.environ.get("REALMESH_CACHE") or Path.home() / ".cache" / "realmesh")


def folder() -> Path:
    """Where the binaries of exactly these sources and versions are, or will be."""
    digest = hashlib.sha256()
    for path in sorted((HERE / "kube").iterdir()):
        digest.update(path.read_bytes())
    digest.update(json.dumps([KUBERNETES, COMMANDS]).encode())
    return cache() / digest.hexdigest()[:16]


def missing() -> list[Part]:
    here = folder()
    return [part for part in PARTS if not (here / part.name).exists()]


def ready() -> bool:
    """Whether everything is built."""
    return not missing()


def binaries() -> Path:
    """The folder of the binaries. Raises Failed, with what to do, when they are not built."""
    if not ready():
        raise Failed(f"The real control plane is {NOT_BUILT}.")
    return folder()


def build(say: Callable[[str], None]) -> Path:
    """Make what is missing, and tell `say` about it. Raises Failed; what was finished before stays."""
    here = folder()
    if ready():
        return here
    here.mkdir(parents=True, exist_ok=True)
    with _alone(here, say):
        for left in here.glob(f"{_WORKSHOP}*"):  # of a build that was killed
            shutil.rmtree(left, ignore_errors=True)
        wanted = missing()
        if wanted:
            say(f"The real control plane, compiled once: about 12 minutes on 2 cores, then kept in {here}")
            _make(wanted, here, say)
    return here


def _make(wanted: list[Part], here: Path, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    compiler = go.find(cache(), say)
    for part in wanted:
        say(f"[{PARTS.index(part) + 1}/{len(PARTS)}] {part.what} …")
        started = time.monotonic()
        with tempfile.TemporaryDirectory(dir=here, prefix=_WORKSHOP) as workshop:
            part.make(compiler, Path(workshop))
            (Path(workshop) / part.name).rename(here / part.name)
        say(f"[{PARTS.index(part) + 1}/{len(PARTS)}] {part.what}: {time.monotonic() - started:.0f} s")
    say(f"Built in {time.monotonic() - began:.0f} s.")


@contextmanager
def _alone(here: Path, say: Callable[[str], None]) -> Iterator[None]:
    """One build of a folder at a time. The lock ends with this process, however it ends."""
    with (here / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build is running: waiting for it …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# ---------------------------------------------------------------- how each part is made


def _kube(compiler: Go, into: Path) -> None:
    """Its version is stamped in as Kubernetes' own build does, or it would serve v0.0.0-master."""
    major, minor, _ = KUBERNETES.split(".")
    stamps = {"Version": f"v{KUBERNETES}", "Major": major, "Minor": minor}
    flags = " ".join(f"-X k8s.io/component-base/version.git{key}={value}" for key, value in stamps.items())
    compiler.run(["build", "-ldflags", f"-s -w {flags}", "-o", into / "kube", "."], cwd=HERE / "kube")


def _command(name: str) -> Callable[[Go, Path], None]:
    def make(compiler: Go, into: Path) -> None:
        compiler.run(["install", "-ldflags", "-s -w", COMMANDS[name]], GOBIN=str(into))

    return make


def _stages(compiler: Go, into: Path) -> None:
    """KWOK's own rules of what nodes and pods go through, for nodes with a lease and pods that are ready at once."""
    root = compiler.module(KWOK) / "kustomize" / "stage"
    found = [path for folder in ("node/fast", "node/heartbeat-with-lease", "pod/fast") for path in (root / folder).glob("*.yaml")]
    texts = [path.read_text() for path in sorted(found) if path.name != "kustomization.yaml"]
    (into / "kwok.yaml").write_text("\n---\n".join(texts))


def _bootstrap(compiler: Go, into: Path) -> None:
    """Istio's template of an Envoy's first configuration: pilot-agent reads it, but its binary does not hold it."""
    source = compiler.module(ISTIO) / "tools/packaging/common/envoy_bootstrap.json"
    (into / "envoy_bootstrap_tmpl.json").write_text(source.read_text())


PARTS = (
    Part("kube", f"Kubernetes {KUBERNETES} with etcd and kubectl", _kube),
    Part("kwok", "KWOK, for nodes and pods", _command("kwok")),
    Part("pilot-discovery", "istiod", _command("pilot-discovery")),
    Part("istioctl", "istioctl", _command("istioctl")),
    Part("pilot-agent", "Istio's agent", _command("pilot-agent")),
    Part("kwok.yaml", "KWOK's stages", _stages),
    Part("envoy_bootstrap_tmpl.json", "Envoy's bootstrap", _bootstrap),
)


def to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
