"""A browser without a screen: keeps cookies, reads forms off pages, fills them in and presses their buttons."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit


@dataclass
class Form:
    """A form as its page has it: where it goes, the value of every field, and by name the values of its buttons and of the boxes
    that can be ticked."""

    action: str = ""
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, set[str]] = field(default_factory=dict)
    boxes: dict[str, list[str]] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return name in self.fields or name in self.buttons or name in self.boxes

    def offers(self, name: str, value: str) -> bool:
        """Whether somebody could send `name`=`value` with it: by a button, a hidden field or a choice."""
        return value in self.buttons.get(name, set()) or self.fields.get(name) == value


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.open: Form | None = None
        self.filling: str = ""  # the textarea or select that is open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {key: value or "" for key, value in attrs}
        name, value = at.get("name", ""), at.get("value", "")
        if tag == "form":
            self.open = Form(at.get("action", ""), at.get("method", "get").lower())
            self.forms.append(self.open)
        if self.open is None:
            return
        if tag == "option" and self.filling and ("selected" in at or not self.open.fields[self.filling]):
            self.open.fields[self.filling] = value
        if not name or "disabled" in at:
            return
        kind = at.get("type", "submit" if tag == "button" else "text")
        if tag in {"textarea", "select"}:
            self.filling = name
            self.open.fields[name] = ""
        elif kind in {"submit", "radio"}:
            self.open.buttons.setdefault(name, set()).add(value)
            if kind == "radio" and "checked" in at:
                self.open.fields[name] = value
        elif kind == "checkbox":
            self.open.boxes.setdefault(name, []).append(value)
            if "checked" in at:
                self.open.fields[name] = value
        elif tag == "input":
            self.open.fields[name] = value

    def handle_data(self, data: str) -> None:
        if self.open and self.filling and self.lasttag == "textarea":
            self.open.fields[self.filling] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        if tag in {"textarea", "select"}:
            self.filling = ""


@dataclass(frozen=True)
class Page:
    """What came back, after redirects."""

    status: int
    url: str
    text: str

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def forms(self) -> list[Form]:
        reader = _Reader()
        reader.feed(self.text)
        return reader.forms

    def form(self, *fields: str) -> Form | None:
        """The first form that has all of `fields`, as a field, a button or a box."""
        return next((form for form in self.forms() if all(form.has(name) for name in fields)), None)


class Visitor:
    """One person's browser. Every call raises OSError when the portal does not answer; an error page is a Page."""

    def __init__(self, address: str, *, token: str = "") -> None:
        self.address = address
        self.token = token
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),  # loopback is never reached through a proxy
            urllib.request.HTTPCookieProcessor(CookieJar()),
        )

    def get(self, path: str) -> Page:
        return self.send(urllib.request.Request(urljoin(self.address, path)))  # noqa: S310  our own loopback address

    def get_json(self, path: str) -> Any:
        """The answer of the API at `path`. Raises ValueError for anything but 200 with JSON."""
        page = self.get(path)
        if page.status != 200:
            raise ValueError(f"GET {path} answered {page.status}: {page.text[:200]}")
        return json.loads(page.text)

    def press(self, page: Page, form: Form, **values: str | list[str]) -> Page:
        """Send `form` of `page` with some of its fields filled in otherwise; a list is of boxes of one name, all ticked."""
        target = urljoin(page.url, form.action) if form.action else page.url
        body = urlencode({**form.fields, **values}, doseq=True).encode()
        headers = {"Referer": page.url, "Content-Type": "application/x-www-form-urlencoded"}
        return self.send(urllib.request.Request(target, data=body, headers=headers))  # noqa: S310

    def send(self, request: urllib.request.Request) -> Page:
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with self.opener.open(request, timeout=30) as response:
                return Page(response.status, response.url, response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.code, error.url, error.read().decode(errors="replace"))
