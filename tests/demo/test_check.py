"""`manage.py demo --check`: the slice, walked from the form to the mesh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.demo.running import check, members

pytestmark = [pytest.mark.demo, pytest.mark.xdist_group("demo")]
KEYS = {
    "ready_seconds", "mesh", "services", "success_rate", "mtls_percent", "envoys_healthy", "envoys_total", "asked_weight",
    "applied_seconds", "measured_canary_share",
}  # fmt: skip


# Services that a person sees, on each mesh: the world has many; on the data plane requests go to one.
SERVICES = {"sandbox": range(11, 21), "real": range(11, 21), "dataplane": range(1, 11)}


def assert_sound(said: dict[str, Any], mesh: str, asked: float) -> None:
    assert said.keys() == KEYS
    assert said["mesh"] == mesh
    assert said["asked_weight"] == asked
    assert abs(said["measured_canary_share"] - asked) <= 3
    assert 0 < said["success_rate"] <= 100
    assert 0 <= said["mtls_percent"] <= 100
    assert 0 < said["envoys_healthy"] <= said["envoys_total"]
    assert said["services"] in SERVICES[mesh]
    assert said["ready_seconds"] > 0
    assert said["applied_seconds"] >= 0


def test_the_slice_works_and_works_again(tmp_path: Path) -> None:
    """The second run finds 10 % there already and asks for something new, on the same rows and objects."""
    for asked in (10, 20):
        code, said, progress = check(tmp_path / "var")
        assert code == 0, progress
        assert_sound(said, "sandbox", asked)
        assert members(tmp_path / "var") == {}


@pytest.mark.real
def test_the_slice_works_on_a_real_control_plane(tmp_path: Path) -> None:
    code, said, progress = check(tmp_path / "var", "--mesh", "real")
    assert code == 0, progress
    assert_sound(said, "real", 10)
    assert members(tmp_path / "var") == {}


@pytest.mark.dataplane
def test_the_slice_works_with_real_proxies(tmp_path: Path) -> None:
    """There a tenth goes to v2 from the start."""
    code, said, progress = check(tmp_path / "var", "--mesh", "dataplane")
    assert code == 0, progress
    assert_sound(said, "dataplane", 20)
    assert members(tmp_path / "var") == {}


def test_a_real_control_plane_that_is_not_built_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALMESH_CACHE", str(tmp_path / "empty"))
    code, said, progress = check(tmp_path / "var", "--mesh", "real")
    assert (code, said) == (1, {})
    assert "make real" in progress
    assert members(tmp_path / "var") == {}


def test_a_real_mesh_does_not_start_on_the_rows_of_another(tmp_path: Path) -> None:
    (tmp_path / "portal.sqlite3").touch()
    code, said, progress = check(tmp_path, "--mesh", "real")
    assert (code, said) == (1, {})
    assert "is new at every start" in progress
