"""A small HTTP server on loopback: a function from request to response, one thread per connection."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOOPBACK = "127.0.0.1"
_BODY_LIMIT = 1 << 20


@dataclass(frozen=True)
class Request:
    """`params` holds the query string and a form body together; the first value of each name counts."""

    method: str
    path: str
    params: Mapping[str, str]


@dataclass(frozen=True)
class Response:
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200


def json_response(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document).encode(), "application/json", status)


Application = Callable[[Request], Response]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet, or every answer waits for a delayed ACK
    disable_nagle_algorithm = True
    timeout = 60
    application: Application

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _BODY_LIMIT:
            self.close_connection = True
            return self._send(Response(b"body too large\n", status=413))
        body = self.rfile.read(length)
        url = urlsplit(self.path)
        query = url.query
        if self.headers.get_content_type() == "application/x-www-form-urlencoded" and body:
            query = f"{body.decode(errors='replace')}&{query}"
        params = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
        return self._send(self.application(Request(self.command, url.path, params)))

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    do_GET = do_POST = do_HEAD = _answer

    def log_message(self, *_: Any) -> None:
        """Requests are not logged: a scrape a second would hide everything else."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Ends connections that are kept alive: their threads would go on answering."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class Server:
    """`application` answering on 127.0.0.1:`port` (0: any free one) in a thread until `close`."""

    def __init__(self, application: Application, port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"application": staticmethod(application)})
        self._server = _Quiet((LOOPBACK, port), handler, bind_and_activate=False)
        self._server.allow_reuse_address = True
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._server.server_bind()
        self._server.server_activate()
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()
