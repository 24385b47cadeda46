"""The visitor reads forms as a browser would."""

from __future__ import annotations

import pytest

from meshportal.demo.visitor import Form, Page

PAGE = """
<form action="/account/sign-out/" method="post"><input type="hidden" name="csrf" value="a"><button>Sign out</button></form>
<form method="post">
  <input type="hidden" name="csrf" value="b">
  <input name="weight_v1" value="90" type="number"><input name="weight_v2" type="number">
  <textarea name="reason">Because &amp;
so</textarea>
  <select name="mode"><option value="first">1</option><option value="second" selected>2</option></select>
  <select name="other"><option value="only">1</option><option value="next">2</option></select>
  <input type="checkbox" name="on" value="yes" checked><input type="checkbox" name="off" value="yes">
  <input type="radio" name="choice" value="left"><input type="radio" name="choice" value="right" checked>
  <input name="greyed" value="out" disabled>
  <button name="action" value="draft">Save</button><button name="action" value="submit">Submit</button>
</form>
"""


@pytest.fixture
def form() -> Form:
    found = Page(200, "http://portal.example/policies/", PAGE).form("weight_v1", "reason")
    assert found is not None
    return found


def test_a_form_is_found_by_its_fields_and_sent_as_the_page_has_it(form: Form) -> None:
    assert form.method == "post"
    assert form.fields == {
        "csrf": "b",
        "weight_v1": "90",
        "weight_v2": "",
        "reason": "Because &\nso",
        "mode": "second",
        "other": "only",
        "on": "yes",
        "choice": "right",
    }


def test_buttons_are_offers_and_are_not_pressed_by_themselves(form: Form) -> None:
    assert form.offers("action", "submit")
    assert form.offers("action", "draft")
    assert not form.offers("action", "approve")
    assert "action" not in form.fields


def test_boxes_are_ticked_only_on_purpose_and_all_of_a_name_at_once() -> None:
    page = """<form><input type="checkbox" name="confirm" value="A"><input type="checkbox" name="confirm" value="B"></form>"""
    form = Page(200, "http://portal.example/", page).form("confirm")
    assert form is not None
    assert form.boxes == {"confirm": ["A", "B"]}
    assert form.fields == {}


def test_no_such_form_is_none() -> None:
    assert Page(200, "http://portal.example/", PAGE).form("password") is None
