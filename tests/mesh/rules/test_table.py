"""The table of codes, and its page in docs/."""

from __future__ import annotations

import re
from pathlib import Path

from meshportal.mesh.findings import Severity
from meshportal.mesh.rules.table import CODES, NOT_COVERED, Code

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "findings.md").read_text()


def row(code: Code) -> str:
    severity = f"{code.severity}, in a plan {code.in_plan}" if code.in_plan is not code.severity else str(code.severity)
    return f"| {code.code} | {severity} | {code.meaning} | {', '.join(code.sources)} |"


def test_the_page_has_every_code_as_it_is() -> None:
    table = PAGE.partition("## Codes")[2].partition("##")[0]
    told = [line for line in table.splitlines() if re.match(r"\| (KIA|IST|MP)\d{4} \|", line)]

    assert told == [row(code) for code in CODES.values()]


def test_the_page_says_what_is_not_covered_and_tells_every_foot_gun() -> None:
    for what, why in NOT_COVERED.items():
        assert f"| {what} | {why} |" in PAGE
    for code in CODES.values():
        for source in code.sources:
            if source.startswith("§"):
                assert f"| {source[1:]} |" in PAGE


def test_codes_that_istiod_refuses_are_errors_and_those_it_warns_of_are_none() -> None:
    for code in CODES.values():
        if "IST0106" in code.sources:
            assert code.severity is Severity.ERROR
        if "IST0133" in code.sources:
            assert code.severity is not Severity.ERROR
