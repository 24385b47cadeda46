"""The data plane's own small HTTP API: the metrics, the apps' faults, and requests in plain text."""

from __future__ import annotations

import http.client
import urllib.parse
from collections.abc import Callable, Mapping

from tools.realmesh.apps import App, Handler, Server
from tools.realmesh.workloads import PORT

_SECONDS = 5


def serve(apps: Mapping[str, App], addresses: Mapping[str, str], callers: Mapping[str, str], metrics: Callable[[], str]) -> str:
    """Its address. `addresses` are those that can be called, `callers` those of the workloads without a sidecar.

    GET or POST /app/reviews-v2?failure_rate=0.3&latency_ms=200 sets, and without a query reads, what an app does;
    /plain/legacy-v1/reviews-v1 sends one request in plain text from the first to the second; /metrics is `metrics()`.
    """

    class Answer(Handler):
        def do_GET(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            match url.path.strip("/").split("/"):
                case ["app", name] if name in apps:
                    self.set_app(apps[name], dict(urllib.parse.parse_qsl(url.query)))
                case ["plain", caller, called] if caller in callers and called in addresses:
                    self.answer(200, plain_request(callers[caller], addresses[called], url.query))
                case ["metrics"]:
                    self.answer(200, metrics(), "text/plain; version=0.0.4")
                case _:
                    self.answer(404, {"apps": list(apps), "callers": list(callers), "called": list(addresses)})

        do_POST = do_GET

        def set_app(self, app: App, wanted: dict[str, str]) -> None:
            try:
                app.set(wanted)
            except ValueError as error:
                self.answer(400, {"error": str(error)})
            else:
                self.answer(200, app.state | {"seen": app.seen})

    return Server(Answer).url


def plain_request(source: str, target: str, path: str = "") -> dict[str, object]:
    """Status and body of GET /`path` without TLS; status 0 and the error where no answer came."""
    caller = http.client.HTTPConnection(target, PORT, timeout=_SECONDS, source_address=(source, 0))
    try:
        caller.request("GET", f"/{path}")
        reply = caller.getresponse()
        return {"status": reply.status, "body": reply.read().decode()}
    except (OSError, http.client.HTTPException) as error:
        return {"status": 0, "error": str(error)}
    finally:
        caller.close()
