"""A tier that had to run and did not fails the run, and the summary says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.realmesh import build

ROOT = Path(__file__).resolve().parents[1]
TESTS = """
import pytest
@pytest.mark.real
def test_on_the_real_thing(): assert True
def test_always(): assert True
"""
BOTH = """
import pytest
@pytest.mark.e2e
def test_in_a_browser(): assert True
@pytest.mark.e2e
@pytest.mark.real
def test_in_a_browser_on_the_real_thing(): assert True
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A small project with this one's tiers."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").touch()
    for name in ("conftest.py", "tiers.py", "servers.py", "settings.py"):
        (tmp_path / "tests" / name).write_text((ROOT / "tests" / name).read_text())
    (tmp_path / "tests" / "test_it.py").write_text(TESTS)
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    return tmp_path


def run(suite: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and output of pytest in `suite`, without what the run around it has set."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "MESHPORTAL_", "DJANGO_"))}
    clean |= {"PYTHONPATH": str(ROOT), "REALMESH_CACHE": str(suite / "empty"), **environment}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=suite, env=clean, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_skipped_tier_is_told_and_is_no_failure_by_itself(suite: Path, workers: str) -> None:
    code, output = run(suite, "-n", workers)
    assert code == 0, output
    assert "real: 0 ran; 1 did not: not built: make real" in output


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_skipped_tier_that_had_to_run_fails_the_run(suite: Path, workers: str) -> None:
    code, output = run(suite, "-n", workers, MESHPORTAL_REQUIRE="real")
    assert code == 1, output
    assert "ERROR: tier real had to run, and 1 of its tests did not" in output


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_tier_that_ran_is_counted(suite: Path, workers: str) -> None:
    folder = suite / "built" / build.folder().name
    folder.mkdir(parents=True)
    for part in build.PARTS:
        (folder / part.name).touch()
    code, output = run(suite, "-n", workers, MESHPORTAL_REQUIRE="real", REALMESH_CACHE=str(folder.parent))
    assert code == 0, output
    assert "real: 1 ran" in output


def test_a_required_tier_without_any_test_fails_the_run(suite: Path) -> None:
    code, output = run(suite, MESHPORTAL_REQUIRE="prometheus")
    assert code == 1, output
    assert "ERROR: tier prometheus had to run, and there was no test of it" in output


def test_an_unknown_tier_is_not_taken_for_none(suite: Path) -> None:
    code, output = run(suite, MESHPORTAL_REQUIRE="reel")
    assert code == pytest.ExitCode.USAGE_ERROR, output
    assert "no such tier: reel" in output


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_test_of_two_tiers_is_missing_only_from_the_one_that_lacks_something(suite: Path, workers: str) -> None:
    chromium = suite / "chromium"
    chromium.write_text("#!/bin/sh\n")
    chromium.chmod(0o755)
    (suite / "tests" / "test_both.py").write_text(BOTH)
    path = f"{suite}{os.pathsep}{os.environ['PATH']}"
    code, output = run(suite, "-n", workers, MESHPORTAL_REQUIRE="e2e", PATH=path)
    assert code == 0, output
    assert "real: 0 ran; 2 did not" in output
    assert "e2e: 1 ran" in output
