"""Whatever a pipeline sends is either understood or refused with a place that it has: nothing raises."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meshportal.mesh.destinations.reading import read
from meshportal.mesh.destinations.rendering import DestinationIntent, render
from meshportal.mesh.destinations.typed import typed
from meshportal.mesh.refs import Manifest
from tests.mesh.destinations.manifests import LIVE, REVIEWS, around


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in _keys(inner)}
    return {key for inner in value for key in _keys(inner)} if isinstance(value, list) else set()


KEYS = st.sampled_from(sorted(_keys(read(LIVE["rich"])))) | st.text(max_size=3)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["v1", "version=v1", "header", "cookie", "30s", "0:1f0c9a3e", "a=1, a=2", "eu/*", "²", "true"])
)
SHAPES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20)


@settings(max_examples=400)
@given(
    st.dictionaries(st.sampled_from(sorted(read(None))) | st.text(max_size=3), SHAPES), st.sampled_from([None, *LIVE.values()])
)
def test_anything_is_understood_or_refused(raw: dict[str, Any], live: Manifest | None) -> None:
    outcome = typed(raw, live, "1.31.0")
    if isinstance(outcome, list):
        assert outcome
        assert all(error.code and len(error.field) < 400 for error in outcome)
    else:
        made = render(DestinationIntent(REVIEWS, outcome), around(*([live] if live else []))).items[0].after
        assert made is not None
        again = typed(read(made), made, "1.31.0")
        assert isinstance(again, dict)
