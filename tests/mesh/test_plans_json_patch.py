"""The command that people copy: a JSON Patch of exactly the change, whatever keys and lists an object has."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshportal.clients.ports import JsonPatchOp
from meshportal.mesh.plans import PlanItem, json_patch
from meshportal.mesh.refs import VIRTUAL_SERVICE, ResourceRef
from tests.json_patch import patched

REF = ResourceRef(VIRTUAL_SERVICE, "shop", "reviews")
KEYS = st.sampled_from(["weight", "app.kubernetes.io/version", "a~b", "a[0]", "x.y", "", "~1"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 100) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(before=VALUES, after=VALUES)
def test_the_patch_turns_what_is_live_into_what_is_proposed(before: Any, after: Any) -> None:
    live = {"metadata": {"name": "reviews"}, "spec": {"hosts": ["reviews"], "http": before}}
    wanted = live | {"spec": {"hosts": ["reviews"], "http": after}}
    item = PlanItem(REF, live, wanted, (("spec", "hosts"), ("spec", "http")))
    operations = [JsonPatchOp(op["op"], op["path"], op.get("value")) for op in json_patch(item)]
    assert patched(live, operations) == wanted


def test_a_label_with_dots_and_slashes_is_one_key() -> None:
    def rule(version: str) -> dict[str, Any]:
        return {"spec": {"subsets": [{"name": "v1", "labels": {"app.kubernetes.io/version": version}}]}}

    item = PlanItem(REF, rule("1"), rule("2"), (("spec", "subsets"),))
    assert json_patch(item) == [{"op": "replace", "path": "/spec/subsets/0/labels/app.kubernetes.io~1version", "value": "2"}]
