"""The page of routes as a browser without JavaScript has it: its fields with their values, its buttons, and what they wrote."""

from __future__ import annotations

import copy
from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponse
from django.test import Client

from meshportal.changes.models import ChangeRequest, Item
from meshportal.changes.queries import current_revision, plan_of
from meshportal.mesh.plans import field_changes
from meshportal.mesh.refs import VIRTUAL_SERVICE
from tests.cast import Mesh
from tests.mesh.routes.manifests import to

URL = "/policies/routes/demo/bookinfo/reviews/"
WHY = {"reason": "A slow answer is no answer"}
TWO_RULES: list[dict[str, Any]] = [
    {
        "match": [{"uri": {"prefix": "/v1"}, "headers": {"x-user": {"exact": "beta"}}, "method": {"exact": "GET"}}],
        "route": [to("v2")],
    },
    {"route": [to("v1")], "timeout": "5s", "corsPolicy": {"maxAge": "24h"}},
]


class Fields(HTMLParser):
    """What a browser would send: every successful control of the form, in order, and the texts beside fields by their id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.buttons: list[str] = []
        self.ids: set[str] = set()
        self.focused: list[str] = []
        self._select: tuple[str, list[tuple[str, bool]]] | None = None
        self._text: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids.add(found.get("id", ""))
        if "autofocus" in found:
            self.focused.append(found["name"])
        if tag == "button" and found.get("name") == "action" and "disabled" not in found:
            self.buttons.append(found.get("value", ""))
        elif tag == "select":
            self._select = (found["name"], [])
        elif tag == "option" and self._select:
            self._select[1].append((found.get("value", ""), "selected" in found))
        elif tag == "textarea":
            self._text = found["name"]
            self.fields.append((found["name"], ""))
        elif tag == "input" and _sends(found):
            self.fields.append((found["name"], found.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self._text:
            self.fields[-1] = (self._text, self.fields[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = None
        if tag == "select" and self._select:
            name, options = self._select
            # a browser sends the first option where none is selected
            self.fields.append((name, next((value for value, chosen in options if chosen), options[0][0])))
            self._select = None


def _sends(found: dict[str, str]) -> bool:
    ticked = found.get("type") != "checkbox" or "checked" in found
    return "name" in found and "disabled" not in found and ticked


def fields_of(answer: HttpResponse | str) -> dict[str, list[str]]:
    """The values that the page would send, by name."""
    found: dict[str, list[str]] = {}
    for name, value in Fields(answer if isinstance(answer, str) else answer.content.decode()).fields:
        found.setdefault(name, []).append(value)
    return found


def opened(client: Client) -> dict[str, list[str]]:
    return fields_of(client.get(URL))  # type: ignore[arg-type]  # the test client's response is one


def post(client: Client, data: dict[str, list[str]], action: str = "preview", **typed: Any) -> HttpResponse:
    """Press a button after typing. `typed` is by path."""
    changed: dict[str, Any] = {**data, **{name: [value] for name, value in typed.items()}, "action": action}
    return client.post(URL, changed)  # type: ignore[return-value]  # the test client's response is one


def routed(mesh: Mesh, *routes: dict[str, Any], **spec: Any) -> None:
    """Let reviews' VirtualService have these routes, as the observer saw them."""
    manifest = copy.deepcopy(mesh.api.list(VIRTUAL_SERVICE).items[0])
    manifest["spec"] = {"hosts": ["reviews"], "http": list(copy.deepcopy(routes)), **spec}
    mesh.api.put(manifest)
    mesh.observe()


def written() -> list[tuple[str, Any]]:
    """The fields of the VirtualService that the only change would write."""
    item = next(item for item in plan_of(current_revision(ChangeRequest.objects.get())).items if item.ref.kind == VIRTUAL_SERVICE)
    return [(change.path, change.after) for change in field_changes(item)]


def written_spec() -> dict[str, Any]:
    after = Item.objects.get(kind="VirtualService").after
    assert after is not None
    spec: dict[str, Any] = after["spec"]
    return spec


def submit(client: Client, data: dict[str, list[str]], **typed: Any) -> Any:
    return post(client, data, "submit", **WHY, **typed)
