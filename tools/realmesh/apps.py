"""The HTTP apps of the data plane: they answer, and on request they fail or take their time."""

from __future__ import annotations

import http.server
import json
import random
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    """HTTP/1.1 with keep-alive. The buffered writer sends an answer as one packet and so avoids 40 ms of delayed ACK."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    disable_nagle_algorithm = True

    def answer(self, status: int, body: object, kind: str = "application/json") -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Nothing: thousands of lines a second would tell nobody anything."""


class Server(http.server.ThreadingHTTPServer):
    """Serves from the start, until the process ends."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, handler: type[Handler], address: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((address, port), handler)
        self.url = f"http://{address}:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """A client that hung up is no news."""


class App:
    """One version of a service. `state` may be changed while it runs: failure_rate (0 to 1) and the failure_status of such
    answers; latency_ms and latency_sigma, the median and the spread of a log-normal distribution of how long requests take.
    """

    def __init__(self, version: str, address: str = "127.0.0.1", port: int = 0) -> None:
        self.version = version
        self.state = {"failure_rate": 0.0, "failure_status": 500.0, "latency_ms": 0.0, "latency_sigma": 0.0}
        self.seen = 0
        app = self

        class Answer(Handler):
            def do_GET(self) -> None:
                app.seen += 1
                if app.state["latency_ms"]:
                    time.sleep(app.state["latency_ms"] / 1000 * random.lognormvariate(0, app.state["latency_sigma"]))
                failed = random.random() < app.state["failure_rate"]
                body = {"version": app.version, "path": self.path, "client": self.headers.get("X-Forwarded-Client-Cert")}
                self.answer(int(app.state["failure_status"]) if failed else 200, body)

        self.server = Server(Answer, address, port)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def set(self, wanted: dict[str, str]) -> None:
        """Raises ValueError, and changes nothing, for what is no number or no part of the state."""
        if strange := wanted.keys() - self.state.keys():
            raise ValueError(f"no such state: {', '.join(sorted(strange))}; there is {', '.join(self.state)}")
        self.state |= {key: float(value) for key, value in wanted.items()}
