"""What istiod would refuse is said before, at the exact place; the nearest object that it takes is left alone."""

from __future__ import annotations

import pytest

from meshportal.mesh.findings import Severity
from meshportal.mesh.rules import analyse
from meshportal.mesh.rules.table import CODES
from tests.mesh.rules.mesh import facts
from tests.mesh.rules.refusals import REFUSED, Case


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}-{case[1]}")
def test_a_refusal_names_its_place_and_goes_away_with_its_cause(case: Case) -> None:
    code, path, broken, mended = case

    found = [(finding.code, finding.path) for finding in analyse(facts(broken))]
    left = [finding.code for finding in analyse(facts(mended))]

    assert (code, path) in found
    assert code not in left


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}-{case[1]}")
def test_a_mended_object_is_not_refused_for_anything_else(case: Case) -> None:
    refused = [
        finding
        for finding in analyse(facts(case[3]))
        if "IST0106" in CODES[finding.code].sources and finding.severity is Severity.ERROR
    ]

    assert refused == []
