"""Asking for a policy on its page and over REST alike: what one starts from, with values written over it by path."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.test import Client

from tests.api.test_changes_api import Caller
from tests.cast import Cast
from tests.policies.routes.page import fields_of

PLACE = {"cluster": "demo", "namespace": "bookinfo", "service": "reviews"}
TOOK = (201, 303)
"""The status of an answer that has saved something."""
Typed = Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """What the portal answered, and the text that a person or a pipeline reads."""

    status: int
    text: str


class Way(Protocol):
    """How somebody asks: `opened` is what the form or the pipeline starts from; `typed` goes over it by path."""

    def opened(self, kind: str) -> Any: ...

    def ask(self, kind: str, opened: Any, typed: Typed, *confirm: str) -> Said: ...

    def look(self, kind: str, opened: Any, typed: Typed) -> Said:
        """The preview."""
        ...


class Page:
    """Alice's browser, without JavaScript."""

    def __init__(self, cast: Cast) -> None:
        self.client = Client()
        self.client.force_login(cast.alice)

    def opened(self, kind: str) -> dict[str, list[str]]:
        return fields_of(self.client.get(address(kind)))  # type: ignore[arg-type]  # the test client's response is one

    def ask(self, kind: str, opened: dict[str, list[str]], typed: Typed, *confirm: str) -> Said:
        data = {**opened, **typed, "reason": "because", "confirm": confirm, "action": "submit"}
        answer = self.client.post(address(kind), data)
        return Said(answer.status_code, answer.content.decode())

    def look(self, kind: str, opened: dict[str, list[str]], typed: Typed) -> Said:
        answer = self.client.post(f"{address(kind)}preview/?dryRun=All", {**opened, **typed})
        return Said(answer.status_code, answer.content.decode())


class Rest:
    """Alice's pipeline: it reads the policy, changes values in it, and sends it back with the base it has read."""

    def __init__(self, cast: Cast) -> None:
        self.caller = Caller(cast.alice)

    def opened(self, kind: str) -> dict[str, Any]:
        body: dict[str, Any] = self.caller.get(f"services/demo/bookinfo/reviews/policies/{kind}").json()
        return body

    def ask(self, kind: str, opened: dict[str, Any], typed: Typed, *confirm: str) -> Said:
        body = self.wanted(kind, opened, typed) | {"reason": "because", "submit": True, "confirm": confirm}
        answer = self.caller.post("changes", body | {"base": opened["base"]})
        return Said(answer.status_code, str(answer.json()))

    def look(self, kind: str, opened: dict[str, Any], typed: Typed) -> Said:
        answer = self.caller.post("changes/preview?dryRun=All", self.wanted(kind, opened, typed))
        return Said(answer.status_code, str(answer.json()))

    def wanted(self, kind: str, opened: dict[str, Any], typed: Typed) -> dict[str, Any]:
        spec = copy.deepcopy(opened["spec"])
        for path, value in typed.items():
            *above, last = path.replace("[", ".").replace("]", "").split(".")
            node = spec
            for step in above:
                node = node[int(step)] if step.isdecimal() else node[step]
            node[int(last) if last.isdecimal() else last] = value
        return PLACE | {"kind": kind, "spec": spec}


def address(kind: str) -> str:
    return f"/policies/{kind}/demo/bookinfo/reviews/"
