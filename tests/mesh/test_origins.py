"""A form's row finds the live entry it came from, and nothing once that entry has changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.origins import find, mark

ENTRIES = [{"timeout": "1s"}, {"timeout": "2s"}, {"timeout": "1s"}]


def test_an_entry_is_found_where_it_was_even_beside_its_twin() -> None:
    assert [find(mark(place, entry), ENTRIES) for place, entry in enumerate(ENTRIES)] == [0, 1, 2]


def test_an_entry_is_found_after_others_moved() -> None:
    assert find(mark(1, ENTRIES[1]), list(reversed(ENTRIES[:2]))) == 0


def test_nothing_is_found_once_the_entry_has_changed() -> None:
    assert find(mark(1, ENTRIES[1]), [{"timeout": "1s"}, {"timeout": "3s"}]) is None


@given(st.text())
def test_nonsense_marks_nothing(origin: str) -> None:
    assert find(origin, [{"never": "like this"}]) is None
