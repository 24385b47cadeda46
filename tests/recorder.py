"""A small HTTP server on loopback that writes down what it is asked and answers what a test told it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """What arrived. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """`body` as it is if bytes, else as JSON. With `chunks` a stream; `cut` ends it without its end."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Sequence[tuple[str, str]] = ()
    chunks: Sequence[bytes] | None = None
    cut: bool = False
    silent: bool = False


class Recorder:
    """Answers in the order they were given; the last one goes on until another is given."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Request] = []
        self.ended = threading.Event()
        self._answers: list[Answer] = [Answer()]
        self._given = False
        self._lock = threading.Lock()

    def answers(self, status: int = 200, body: Any = None, headers: Sequence[tuple[str, str]] = ()) -> None:
        self._add(Answer(status, {} if body is None else body, headers))

    def streams(self, *chunks: bytes, cut: bool = False) -> None:
        self._add(Answer(chunks=chunks, cut=cut))

    def hangs(self) -> None:
        """Takes the request and never answers."""
        self._add(Answer(silent=True))

    def drops(self) -> None:
        """Takes the request and closes the connection."""
        self._add(Answer(cut=True))

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def next_answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            if len(self._answers) > 1:
                return self._answers.pop(0)
            self._given = False
            return self._answers[0]

    def _add(self, answer: Answer) -> None:
        self._answers = [*self._answers, answer] if self._given else [answer]
        self._given = True


@contextmanager
def recorder() -> Iterator[Recorder]:
    """A running recorder; it is stopped and its port closed at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    recording = Recorder(f"http://127.0.0.1:{server.server_port}")
    server.recording = recording  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield recording
    finally:
        recording.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        self.close_connection = True
        try:
            self.raw_requestline = self.rfile.readline(65537)
            if self.raw_requestline and self.parse_request():
                self._respond()
        except OSError:  # the client went away, which is what some tests are about
            self.close_connection = True

    def _respond(self) -> None:
        recording: Recorder = self.server.recording  # type: ignore[attr-defined]
        split = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        answer = recording.next_answer(Request(self.command, split.path, query, headers, body))
        if answer.silent:
            recording.ended.wait()
        if answer.silent or (answer.cut and answer.chunks is None):
            self.close_connection = True
        elif answer.chunks is not None:
            self._stream(answer)
        else:
            self._whole(answer)

    def _whole(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in (("Content-Length", str(len(body))), ("Content-Type", "application/json"), *answer.headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, answer: Answer) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in answer.chunks or ():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        if not answer.cut:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = answer.cut

    def log_message(self, *_: object) -> None:
        """Tests look at the recording instead."""
