"""`python -m bench` runs anywhere, and its numbers can be read by a program. Which numbers they are is no test's business."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bench", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_parts_that_were_asked_for_end_in_a_table_and_in_json(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    done = bench("--only", "deciding,pages", "--json", str(numbers))
    assert done.returncode == 0, done.stderr
    assert "## One decision" in done.stdout
    sections = {section["name"]: section["numbers"] for section in json.loads(numbers.read_text())["sections"]}
    assert list(sections) == ["One decision", "Pages"]
    assert {number["kind"] for numbers in sections.values() for number in numbers} == {"count", "time"}
    pages = [number for number in sections["Pages"] if number["name"].endswith(": queries")]
    assert pages and all(number["unit"] == "" for number in pages), "a page that does not open is named by its status"


def test_a_part_that_is_none_is_named_with_those_that_are() -> None:
    done = bench("--only", "everything")
    assert (done.returncode, "no part named everything" in done.stderr, "rollouts" in done.stderr) == (2, True, True)
