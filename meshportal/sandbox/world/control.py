"""The control page: scenarios by name, what the world does at the moment, what it does not simulate, and istiod's debug page."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from meshportal.sandbox.world.httpd import Request, Response, json_response
from meshportal.sandbox.world.scenarios import SCENARIOS
from meshportal.sandbox.world.unsimulated import GENERAL


def application(
    state: Callable[[], dict[str, Any]], choose: Callable[[str], object], syncz: Callable[[], list[dict[str, Any]]]
) -> Callable[[Request], Response]:
    """The page as a function. `choose` takes the name of a scenario."""

    def answer(request: Request) -> Response:
        if request.path == "/":
            return Response(_page(state()).encode(), "text/html; charset=utf-8")
        if request.path == "/state":
            return json_response(state())
        if request.path == "/debug/syncz":
            return json_response(syncz())
        if request.path == "/scenario":
            name = request.params.get("name", "")
            if name not in SCENARIOS:
                return json_response({"error": f"no scenario {name!r}", "scenarios": list(SCENARIOS)}, 400)
            choose(name)
            return json_response({"scenario": name, "sentence": SCENARIOS[name].sentence})
        return json_response({"error": "not found"}, 404)

    return answer


def _page(state: dict[str, Any]) -> str:
    buttons = "".join(
        f'<form method="post" action="/scenario?name={name}"><button>{name}</button> {escape(scenario.sentence)}'
        f"{' <b>now</b>' if name == state['scenario'] else ''}</form>"
        for name, scenario in SCENARIOS.items()
    )
    rates = "".join(
        f"<tr><td>{escape(where)}</td><td>{rate:.2f}</td></tr>" for where, rate in state["requests_per_second"].items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sandbox world</title>'
        f"<h1>Sandbox world</h1><h2>Scenarios</h2>{buttons}"
        f"<h2>Not simulated</h2>{_list(GENERAL)}<h2>Fields of the present objects that have no effect</h2>"
        f"{_list(state['without_effect'])}<h2>Problems</h2>{_list(state['problems'])}"
        f"<h2>Requests per second, on average</h2><table>{rates}</table></html>"
    )


def _list(sentences: Any) -> str:
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>" if sentences else "<p>none</p>"
