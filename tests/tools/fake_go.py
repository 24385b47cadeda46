"""A Go for tests: it answers what build.py asks, in no time, and writes down what it was asked.

Its version, the package that it fails at and the one that it never finishes are files beside it, which a test may write.
"""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = """#!{python}
import json, os, pathlib, sys, time
here = pathlib.Path(__file__).resolve().parent
def said(name):
    try:  # a test may take the file away at any moment
        return (here / name).read_text()
    except FileNotFoundError:
        return ""
arguments = sys.argv[1:]
with (here / "asked").open("a") as asked:
    asked.write(" ".join(arguments) + chr(10))
if arguments == ["version"]:
    print("go version go" + (said("version") or "1.26.9") + " linux/amd64")
elif arguments[0] == "mod":
    root = here / "module"
    for stage in ("node/fast", "node/heartbeat-with-lease", "pod/fast"):
        (root / "kustomize/stage" / stage).mkdir(parents=True, exist_ok=True)
        (root / "kustomize/stage" / stage / "stage.yaml").write_text("stage: " + stage)
    (root / "tools/packaging/common").mkdir(parents=True, exist_ok=True)
    (root / "tools/packaging/common/envoy_bootstrap.json").write_text("bootstrap")
    print(json.dumps(dict(Dir=str(root))))
else:
    if arguments[0] == "build":
        target = pathlib.Path(arguments[arguments.index("-o") + 1])
    else:
        target = pathlib.Path(os.environ["GOBIN"]) / arguments[-1].split("@")[0].split("/")[-1]
    if target.name == said("fails at"):
        sys.exit("cannot compile this")
    target.write_text("half")
    while target.name == said("hangs at"):
        time.sleep(0.02)
    target.write_text("whole")
"""


class FakeGo:
    """Installed as `go` in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        program = folder / "go"
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)

    def be(self, version: str) -> None:
        (self.folder / "version").write_text(version)

    def fail_at(self, name: str) -> None:
        (self.folder / "fails at").write_text(name)

    def hang_at(self, name: str) -> None:
        (self.folder / "hangs at").write_text(name)

    def recover(self) -> None:
        for name in ("fails at", "hangs at"):
            (self.folder / name).unlink(missing_ok=True)

    def made(self) -> list[str]:
        """The packages that it was asked to compile, in order."""
        path = self.folder / "asked"
        asked = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return ["kube" if words[0] == "build" else words[-1].split("@")[0].rpartition("/")[2]
                for words in asked if words[0] in ("build", "install")]  # fmt: skip
