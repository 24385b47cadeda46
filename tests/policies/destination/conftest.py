"""The page of reviews' destination, and Alice in front of it."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from meshportal.mesh.refs import Manifest
from tests.cast import Cast, Mesh, people

URL = "/policies/destination/demo/bookinfo/reviews/"


class Fields(HTMLParser):
    """What a browser would send of a page's form, without the buttons."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self._choice = ""
        self._text: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        name = given.get("name", "")
        if tag == "input" and name:
            if given.get("type") != "checkbox" or "checked" in given:
                self.sent.append((name, given.get("value", "")))
        elif tag == "select":
            self._choice = name
        elif tag == "option" and self._choice and "selected" in given:
            self.sent.append((self._choice, given.get("value", "")))
        elif tag == "textarea":
            self._text = name
            self.sent.append((name, ""))

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self.sent[-1] = (self._text, data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = None
        elif tag == "select":
            self._choice = ""


def errors_of(page: str) -> str:
    """The summary of what is to be corrected, for a test that did not expect one."""
    _before, _start, after = page.partition('id="err-h"')
    return after.partition("</ul>")[0]


def typed_in(page: str) -> dict[str, list[str]]:
    """The fields of a page's form by name, in order."""
    found: dict[str, list[str]] = {}
    for name, value in Fields(page).sent:
        found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def cast(db: None) -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    return Mesh()


@pytest.fixture
def alice(cast: Cast, mesh: Mesh, client: Client) -> Client:
    client.force_login(cast.alice)
    return client


@pytest.fixture
def page(alice: Client) -> Callable[..., str]:
    """The page after what was typed and the button that was pressed; without either, as it opens."""

    def load(data: dict[str, Any] | None = None, *, status: int = 200) -> str:
        answer = alice.post(URL, data) if data is not None else alice.get(URL)
        assert answer.status_code == status, errors_of(answer.content.decode())
        return answer.content.decode()

    return load


@pytest.fixture
def live(mesh: Mesh) -> Callable[[Manifest], None]:
    """Puts an object into the mesh, as somebody else would."""

    def put(manifest: Manifest) -> None:
        mesh.api.put(manifest)
        mesh.observe()

    return put
