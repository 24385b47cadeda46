"""JSON Patch, merge patch and strategic merge as their standards have them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.sandbox.api.patches import PatchFailed, apply, equal, merge, strategic

SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab/~", max_size=3)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.text("ab/~", max_size=2), DOCUMENTS, max_size=3)


# The examples of RFC 6902, appendix A, that are not about the reader of the patch
RFC_6902 = [
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
    ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
    ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
    ({"a": {"b": 1}, "c": {}}, [{"op": "move", "from": "/a/b", "path": "/c/d"}], {"a": {}, "c": {"d": 1}}),
    ({"foo": ["all", "cows", "eat"]}, [{"op": "move", "from": "/foo/0", "path": "/foo/2"}], {"foo": ["cows", "eat", "all"]}),
    ({"a": [1]}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": [1], "b": [1]}),
    ({"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"g": {}}}], {"foo": "bar", "child": {"g": {}}}),
    ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc"]}], {"foo": ["bar", ["abc"]]}),
]


@pytest.mark.parametrize(("document", "ops", "result"), RFC_6902)
def test_json_patch(document: dict[str, Any], ops: list[dict[str, Any]], result: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    assert apply(document, ops) == result
    assert document == before


@pytest.mark.parametrize(
    "op",
    [
        {"op": "test", "path": "/a", "value": "10"},
        {"op": "test", "path": "/t", "value": 1},
        {"op": "remove", "path": "/absent"},
        {"op": "replace", "path": "/absent", "value": 1},
        {"op": "add", "path": "/absent/b", "value": 1},
        {"op": "add", "path": "/list/7", "value": 1},
        {"op": "remove", "path": "/list/-"},
        {"op": "add", "path": "/a/b", "value": 1},
        {"op": "zap", "path": "/a"},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add"},
    ],
)
def test_a_json_patch_that_does_not_fit(op: dict[str, Any]) -> None:
    with pytest.raises(PatchFailed):
        apply({"a": 10, "t": True, "list": [1]}, [op])


# The table of RFC 7386, appendix A
RFC_7386 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"a": "foo"}, None, None),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7386)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    assert merge(target, patch) == result


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_applied_twice_is_applied_once(target: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merge(target, patch)
    assert merge(once, patch) == once


@given(OBJECTS, OBJECTS)
def test_replacing_the_whole_and_testing_for_it(before: dict[str, Any], after: dict[str, Any]) -> None:
    ops = [{"op": "replace", "path": "", "value": after}, {"op": "test", "path": "", "value": after}]
    assert equal(apply(before, ops), after)


def test_strategic_merge_knows_keyed_lists() -> None:
    pod = {"spec": {"containers": [{"name": "a", "image": "1", "args": ["x"]}, {"name": "b"}], "tolerations": [{"key": "k"}]}}
    patch = {"spec": {"containers": [{"name": "a", "image": "2"}, {"name": "c"}], "tolerations": []}}
    merged = strategic(pod, patch)["spec"]
    assert merged["containers"] == [{"name": "a", "image": "2", "args": ["x"]}, {"name": "b"}, {"name": "c"}]
    assert merged["tolerations"] == []
    gone = strategic(pod, {"spec": {"containers": [{"name": "a", "$patch": "delete"}]}})
    assert gone["spec"]["containers"] == [{"name": "b"}]
