"""Every finding has a sentence and a remedy in which every value is filled in."""

from __future__ import annotations

import pytest
from django.utils import translation

from meshportal.mesh.findings import Finding, Severity
from meshportal.mesh.rules import analyse, concerning
from meshportal.mesh.rules.table import CODES
from meshportal.policies.findings import SENTENCES, sentence
from tests.mesh.rules.mesh import facts, virtual_service
from tests.mesh.rules.refusals import REFUSED
from tests.mesh.rules.remarks import REMARKABLE

FOUND = [finding for case in REFUSED for finding in analyse(facts(case[2]))]
FOUND += [finding for case in REMARKABLE for finding in analyse(case[2])]


def test_every_code_has_words() -> None:
    assert {code.partition(":")[0] for code in SENTENCES} == set(CODES)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_all_values_fill(language: str) -> None:
    with translation.override(language):
        for finding in FOUND:
            for text in sentence(finding):
                assert text
                assert "%(" not in text
                assert "{" not in text.replace(str(finding.values.get("regex", "")), "").replace("{n}", "")


def test_every_reason_has_words_of_its_own() -> None:
    reasons = {
        f"{f.code}:{f.values.get('why') or f.values.get('wrong')}" for f in FOUND if "why" in f.values or "wrong" in f.values
    }

    assert reasons <= set(SENTENCES)


def test_a_sentence_names_the_values() -> None:
    finding = Finding("KIA1107", Severity.ERROR, values={"host": "reviews", "subset": "v9", "known": ""})

    said, remedy = sentence(finding)

    assert said == "No DestinationRule for reviews has a subset “v9”: requests sent there fail with 503. Known: none."
    assert remedy.startswith("Add the subset")


def test_objects_that_the_reader_may_not_see_are_counted_only() -> None:
    mesh = facts(virtual_service(hosts=["reviews.bookinfo.svc.cluster.local"]), virtual_service("secret", "hidden"))

    found = concerning(analyse(mesh), lambda namespace: namespace == "bookinfo")

    said = [sentence(finding)[0] for finding in found if finding.code == "IST0109"]
    assert len(said) == 1
    assert said[0].startswith("1 object you may not see route")
    assert "secret" not in "".join(said)


def test_of_many_objects_the_first_are_named_and_the_rest_counted() -> None:
    names = [f"bookinfo/route-{place}" for place in range(8)]
    finding = Finding("IST0109", Severity.ERROR, values={"host": "reviews", "names": names})

    assert sentence(finding)[0].startswith(f"{', '.join(names[:5])}, 3 more route reviews")


def test_the_weights_form_keeps_its_words() -> None:
    finding = Finding("KIA0203", Severity.ERROR, "weight-v2", {"subset": "v2", "weight": 10, "total": 2})

    assert sentence(finding)[0] == "No pod of v2 is ready (0 of 2), so 10 % of requests would fail."
