"""`python -m meshportal.sandbox api`: keep a data folder, serve it over HTTPS, say where, end when told."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from meshportal.sandbox.api import identity, seed
from meshportal.sandbox.api.app import Application
from meshportal.sandbox.api.kinds import TABLES
from meshportal.sandbox.api.roles import Roles
from meshportal.sandbox.api.status import JsonObject
from meshportal.sandbox.api.store import Store

KUBERNETES = "1.36.3"
PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, type=Path, help="folder of objects, tokens and certificates; made if absent")
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1 (default: any free port)")
    parser.add_argument("--ready-fd", type=int, default=1, help="where the one line of JSON goes (default: standard output)")
    parser.add_argument("--keep-events", type=int, default=2000, help="changes a watch may go back (default: %(default)s)")
    parser.add_argument(
        "--serve",
        choices=sorted(TABLES),
        default="v1",
        help="the best version of Istio's routing kinds: v1 as Istio has it since 1.22, v1beta1 as before (default: %(default)s)",
    )
    parser.add_argument("--with-parent", action="store_true", help="end when the starting process ends (Linux)")


class Server(uvicorn.Server):
    """uvicorn that says when it listens and ends the watches when it is told to stop."""

    def __init__(self, config: uvicorn.Config, store: Store, info: JsonObject, ready_fd: int) -> None:
        super().__init__(config)
        self._store, self._info, self._ready_fd = store, info, ready_fd

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        os.write(self._ready_fd, json.dumps(self._info).encode() + b"\n")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._store.wake_all(closing=True)
        # a client that keeps an idle connection open is not waited for: it would have to answer TLS' goodbye
        asyncio.get_running_loop().call_later(GRACE_SECONDS, setattr, self, "force_exit", True)
        await super().shutdown(sockets)


def end_with_parent(parent: int) -> None:
    """Ask Linux for a SIGTERM when the parent ends; end now if it did before we could ask."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)


def version_document() -> JsonObject:
    major, minor, _ = KUBERNETES.split(".")
    platform = {"goVersion": "none", "compiler": "none", "platform": "sandbox"}
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{KUBERNETES}+sandbox",
        "gitCommit": "",
        "gitTreeState": "",
        **platform,
    }


def main(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    if args.with_parent:
        end_with_parent(os.getppid())
    # uvicorn raises the signal again after its own tidy end; that must not look like a failure
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    folder: Path = args.data
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    asyncio.run(_serve(folder.resolve(), args))
    return 0


async def _serve(folder: Path, args: argparse.Namespace) -> None:
    authority, certificate, key = identity.certificates(folder)
    tokens = identity.tokens(folder)
    listener = socket.create_server(("127.0.0.1", args.port))
    # asyncio does this only for sockets with proto TCP, create_server's have 0: each answer would wait 40 ms for an ACK
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = listener.getsockname()[1]
    server = f"https://127.0.0.1:{port}"
    store = Store(folder / "objects.sqlite3", args.keep_events)
    table = TABLES[args.serve]
    seed.plant(store, table)
    info = {
        "server": server,
        "certificate_authority": str(authority),
        "tokens": tokens,
        "kubeconfig": identity.kubeconfigs(folder, server, authority),
        "kubernetes": KUBERNETES,
        "folder": str(folder),
        "pid": os.getpid(),
    }
    application = Application(store, Roles.load(folder, tokens), version_document(), f"127.0.0.1:{port}", table)
    config = uvicorn.Config(
        application,
        ssl_certfile=str(certificate),
        ssl_keyfile=str(key),
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=64 * 1024,
    )
    try:
        await Server(config, store, info, args.ready_fd).serve(sockets=[listener])
    finally:
        store.close()
