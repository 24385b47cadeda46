"""A door between the worker and the API server: all goes through unchanged, and at one moment of one write a test may act.

It shows the API server's own certificate, so that the worker cannot tell.
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from tests.processes import Info

WRITE = re.compile(r"^/apis/networking\.istio\.io/")
SECONDS = 60
Where = Literal["before", "underway", "answered", "heard"]
"""The request has not left; it has left and nothing has come back; the answer has come and never reaches the worker; it does."""


@dataclass(frozen=True)
class Moment:
    """`late`: how far into the request, as a share of the time that its dry run took (only underway)."""

    where: Where
    late: float = 0.0

    def __str__(self) -> str:
        return f"{self.where} {self.late:g}" if self.late else self.where


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Door:
    """`rehearsed` is how many seconds the last dry run of a write took, None before the first one."""

    server: str
    context: ssl.SSLContext
    rehearsed: float | None = None
    moment: Moment | None = None
    act: Callable[[], None] = lambda: None

    def at_the_next_write(self, moment: Moment, act: Callable[[], None]) -> None:
        """Do `act` once, at this `moment` of the next request that would change one of Istio's objects."""
        self.act, self.moment = act, moment

    @property
    def has_acted(self) -> bool:
        return self.moment is None

    # ------------------------------------------------------------ one request

    def carry(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """The API server's answer, None where the worker shall hear nothing. Raises OSError, HTTPException."""
        is_write, is_rehearsal = method != "GET" and WRITE.match(path) is not None, "dryRun=" in path
        moment = self.moment if is_write and not is_rehearsal else None
        if moment:
            self.moment = None
        where = moment.where if moment else None
        if where == "before":
            self.act()
        began = time.monotonic()
        with closing(HTTPSConnection(urlsplit(self.server).netloc, context=self.context, timeout=SECONDS)) as upstream:
            upstream.request(method, path, body, headers)
            if moment and where == "underway":
                time.sleep(moment.late * (self.rehearsed or 0))
                self.act()
            reply = upstream.getresponse()
            answer = Answer(reply.status, reply.getheaders(), reply.read())
        if is_write and is_rehearsal:
            self.rehearsed = time.monotonic() - began
        if where in {"answered", "heard"}:
            self.act()
        return None if where == "answered" else answer


@contextmanager
def door(mesh: Info) -> Iterator[Door]:
    """The worker's kubeconfig leads to the door while the block runs."""
    authority = mesh["certificate_authority"]
    here = Door(mesh["server"], ssl.create_default_context(cafile=authority))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(here))
    server.daemon_threads = True
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(authority, Path(authority).with_suffix(".key"))
    # the shaking of hands is left to the first read, in a thread of its own
    server.socket = ours.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kubeconfig = Path(mesh["kubeconfig"]["portal"])
    before = kubeconfig.read_text()
    try:
        replace(kubeconfig, before.replace(mesh["server"], f"https://127.0.0.1:{server.server_address[1]}"))
        yield here
    finally:
        replace(kubeconfig, before)
        server.shutdown()
        server.server_close()


def replace(path: Path, text: str) -> None:
    """As a whole: the worker may read it at any time."""
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)


def _handler(here: Door) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key: value for key, value in self.headers.items() if key.lower() not in {"host", "connection"}}
            try:
                answer = here.carry(self.command, self.path, headers, body)
            except (OSError, HTTPException):
                answer = None
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for key, value in answer.headers:
                if key.lower() not in {"date", "server", "content-length", "transfer-encoding", "connection"}:
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
