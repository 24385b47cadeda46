"""What is written of a mesh, whatever is in it."""

from __future__ import annotations

from meshportal.catalog.recording import storable


def test_a_nul_in_an_object_of_the_cluster_does_not_reach_the_database() -> None:
    hostile = {"metadata": {"annotations": {"a\x00b": "c\x00d"}}, "spec": {"hosts": ["e\x00", 1, None, True]}}
    kept = storable(hostile)
    assert "\x00" not in repr(kept).replace("\\x00", "\x00")
    assert kept["spec"]["hosts"] == ["e\ufffd", 1, None, True]
    assert storable({"a": [1, {"b": "c"}]}) == {"a": [1, {"b": "c"}]}
