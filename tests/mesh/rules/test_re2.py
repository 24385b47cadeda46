"""Which regular expressions Istio takes. That the judgement is Go's, random ones prove where istioctl is there."""

from __future__ import annotations

import pytest

from meshportal.mesh.rules.re2 import complaint

GOOD = [
    "/v[12]/.*",
    "(?i)x",
    "a(?i)b",
    "(?U)a+",
    "[[:alpha:]_]+",
    r"\pL",
    r"\Qa.b\E",
    "[]a]",
    r"[\d-z]",
    "a{,3}",
    "^*",
    r"\z",
    "(?<n>x)",
]
BAD = {
    "(?=a)": "lookaround",
    "(?<!a)": "lookaround",
    r"(a)\1": "backreference",
    "(?P<n>a)(?P=n)": "backreference",
    "(?>a)": "atomic",
    "(?#a)": "comment",
    "a++": "possessive",
    "a{1001}": "count",
    "(a": "syntax",
    "a**": "syntax",
    "[[:bad:]]": "syntax",
    r"\C": "syntax",
    r"\Z": "syntax",
}


@pytest.mark.parametrize("regex", GOOD)
def test_what_python_writes_otherwise_is_taken(regex: str) -> None:
    assert complaint(regex) == ""


@pytest.mark.parametrize("regex", BAD)
def test_what_is_wrong_has_a_name(regex: str) -> None:
    assert complaint(regex) == BAD[regex]
