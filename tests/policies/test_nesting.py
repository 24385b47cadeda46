"""Flat fields of a page become what the API takes, and the buttons that add, remove and move rows work without JavaScript."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.policies.nesting import nest, restructure, value_at

ROUTES: dict[str, Any] = {"routes": [{"name": "a"}, {"name": "b", "match": [{"path": "/x"}]}]}


def flat(raw: Any, path: str = "") -> list[tuple[str, str]]:
    """The fields that a page would have for `raw`."""
    if isinstance(raw, dict):
        return [pair for key, value in raw.items() for pair in flat(value, f"{path}.{key}" if path else key)]
    if isinstance(raw, list):
        return [(path, ""), *(pair for place, value in enumerate(raw) for pair in flat(value, f"{path}[{place}]"))]
    return [(path, raw)]


keys = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
rows = st.recursive(
    st.dictionaries(keys, st.text(min_size=1), min_size=1, max_size=3),
    lambda inner: st.dictionaries(keys, st.lists(inner, min_size=1, max_size=3) | st.text(min_size=1), min_size=1, max_size=3),
    max_leaves=6,
)


@given(rows)
def test_what_a_page_shows_comes_back_as_it_was(raw: dict[str, Any]) -> None:
    assert nest(flat(raw)) == raw


def test_an_empty_list_comes_back_as_there_and_empty() -> None:
    assert nest([("routes", "")]) == {"routes": ""}
    assert nest([("routes", ""), ("routes[0].name", "a")]) == {"routes": [{"name": "a"}]}


def test_a_ticked_box_wins_over_the_hidden_field_before_it() -> None:
    assert nest([("enabled", ""), ("enabled", "true")]) == {"enabled": "true"}


def test_gaps_between_rows_close() -> None:
    assert nest([("routes[7].name", "b"), ("routes[2].name", "a")]) == {"routes": [{"name": "a"}, {"name": "b"}]}


@given(st.lists(st.tuples(st.text() | st.from_regex(r"[a-c](\[\d\]|\.[a-c]){0,4}", fullmatch=True), st.text()), max_size=12))
def test_nonsense_never_raises(fields: list[tuple[str, str]]) -> None:
    assert isinstance(nest(fields), dict)


@given(st.text() | st.from_regex(r"(add|remove|up|down):[a-c](\[\d\]|\.[a-c]){0,4}", fullmatch=True), rows)
def test_nonsense_from_a_button_never_raises(act: str, raw: dict[str, Any]) -> None:
    restructure(raw, act)


@pytest.mark.parametrize(
    ("act", "names", "focus"),
    [
        ("up:routes[1]", ["b", "a"], "routes[0]"),
        ("down:routes[0]", ["b", "a"], "routes[1]"),
        ("up:routes[0]", ["a", "b"], "routes[0]"),
        ("down:routes[1]", ["a", "b"], "routes[1]"),
        ("remove:routes[0]", ["b"], "routes[0]"),
        ("add:routes", ["a", "b", None], "routes[2]"),
    ],
)
def test_rows_are_added_removed_and_moved(act: str, names: list[str | None], focus: str) -> None:
    changed, where = restructure(ROUTES, act)
    assert [route.get("name") for route in changed["routes"]] == names
    assert where == focus
    assert [route["name"] for route in ROUTES["routes"]] == ["a", "b"], "what was typed is not touched"


def test_a_row_is_added_to_a_list_that_was_empty() -> None:
    changed, where = restructure({"routes": [{"match": ""}]}, "add:routes[0].match")
    assert (changed, where) == ({"routes": [{"match": [{}]}]}, "routes[0].match[0]")


def test_values_are_found_by_path() -> None:
    assert value_at(ROUTES, "routes[1].match[0].path") == "/x"
    assert value_at(ROUTES, "routes[5].match[0].path") is None
