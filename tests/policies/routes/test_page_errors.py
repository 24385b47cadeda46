"""What is wrong on the page of routes: said at its field, led to from the summary, and nothing typed is lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from meshportal.changes.models import ChangeRequest
from tests.mesh.routes.samples import BAD as EVERY_BAD
from tests.policies.routes.page import WHY, Fields, fields_of, opened, post, submit, written

pytestmark = pytest.mark.django_db

BAD = [
    ("routes[0].match[0].path", "v1", "Rule 1, condition 1, path: “v1” does not begin with “/”"),
    ("routes[0].match[0].headers[0].name", "x user", "header 1, name: “x user” is no header name"),
    ("routes[0].match[0].headers[0].value", "", "Write a value"),
    ("routes[0].destinations[0].weight", "ten", "“ten” is not a whole number from 0 to 100"),
    ("routes[0].destinations[0].port", "http", "“http” is not a whole number from 1 to 65535"),
    ("routes[0].destinations[0].host", "*.example", "is no host to send to"),
    ("routes[1].timeout", "3 sec", "Rule 2, timeout: “3 sec” is not a duration. Write 3s or 500ms"),
    ("routes[1].retries.attempts", "many", "Rule 2, retries, tries again: “many” is not a whole number"),
    ("routes[1].retries.retry_on", "often", "“often” is no reason to try again"),
    ("routes[1].retries.per_try_timeout", "1", "“1” is not a duration"),
    ("routes[1].rewrite.uri", "x", "does not begin with “/”"),
    ("routes[1].redirect.uri", "/x", "Remove its destinations, or empty the redirect"),
    ("routes[1].fault.abort.percent", "200", "“200” is out of range"),
    ("routes[1].fault.abort.status", "99", "from 200 to 599"),
    ("routes[1].fault.delay.duration", "soon", "“soon” is not a duration"),
]


@pytest.mark.parametrize(("field", "typed", "sentence"), BAD, ids=[field for field, _, _ in BAD])
def test_bad_input_is_said_at_its_field_and_nothing_typed_is_lost(alice: Client, field: str, typed: str, sentence: str) -> None:
    data = opened(alice) | {"ticket": ["BOOK-318"]}
    data |= {"routes[1].fault.abort.status": ["503"], "routes[1].fault.abort.percent": ["1"]} if "abort" in field else {}
    data |= {"routes[1].retries.attempts": ["1"]} if "retries" in field else {}
    data |= {"routes[1].fault.delay.percent": ["1"]} if "delay" in field else {}
    answer = submit(alice, data, **{field: typed})
    page = answer.content.decode()
    found = Fields(page)
    error = page.split(f'id="{field}-e"', 1)[1].split("</p>")[0]
    kept = fields_of(page)
    assert answer.status_code == 422
    assert sentence in error
    assert f'href="#{field}"' in page
    assert field in found.ids
    assert kept[field] == [typed]
    assert kept["ticket"] == ["BOOK-318"]
    assert kept["reason"][0].strip() == WHY["reason"]
    assert {name for name in data if name.startswith("routes")} == {name for name in kept if name.startswith("routes")}
    assert not ChangeRequest.objects.exists()


ON_PAGE = [
    (route, field)
    for route, field, code in EVERY_BAD
    if code not in {"not-text", "not-a-group", "not-a-list", "unknown-field", "origin-gone", "control-character"}
    and (field, code) != ("match[0].ignore_case", "not-a-choice")  # nobody can type into a box to tick
]


@pytest.mark.parametrize(("route", "field"), ON_PAGE, ids=[field for _, field in ON_PAGE])
def test_every_error_stands_at_its_field_and_the_summary_leads_there(alice: Client, route: dict[str, Any], field: str) -> None:
    typed = dict(flat({"destinations": [{"subset": "v1"}], **route}, "routes[2]"))
    answer = post(alice, opened(alice), **{"routes[2].origin": "", **typed})
    page = answer.content.decode()
    found, kept = Fields(page), fields_of(answer)
    assert answer.status_code == 422
    assert f'id="routes[2].{field}-e"' in page
    assert f'href="#routes[2].{field}"' in page
    assert f"routes[2].{field}" in found.ids
    assert {name: kept[name][-1] for name in typed} == typed


def flat(value: Any, path: str) -> list[tuple[str, str]]:
    """A rule as the fields of a page."""
    if isinstance(value, dict):
        return [pair for name, inner in value.items() for pair in flat(inner, f"{path}.{name}")]
    if isinstance(value, list):
        rows = [pair for place, inner in enumerate(value) for pair in flat(inner or {"origin": ""}, f"{path}[{place}]")]
        return rows or [(path, "")]
    return [(path, "true" if value is True else str(value))]


def test_weights_that_do_not_add_up_are_said_at_the_last(alice: Client) -> None:
    page = post(alice, opened(alice), "add:routes[1].destinations")
    typed = {
        "routes[1].destinations[0].weight": "90",
        "routes[1].destinations[1].subset": "v2",
        "routes[1].destinations[1].weight": "9",
    }
    answer = submit(alice, fields_of(page), **typed)
    assert answer.status_code == 422
    assert "add up to 99 %, not to 100 %" in answer.content.decode().split('id="routes[1].destinations[1].weight-e"')[1]
    answer = submit(alice, fields_of(answer), **{"routes[1].destinations[1].weight": "10"})
    assert answer.status_code == 303
    assert written()[0] == ("spec.http[1].route[0].weight", 90)
