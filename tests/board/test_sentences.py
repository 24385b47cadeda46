"""What the board says in words. Nothing here touches the database."""

from __future__ import annotations

import pytest
from django.utils.html import strip_tags

from meshportal.board import sentences
from meshportal.mesh.snapshot import ServiceNow, State, VersionNow, Why
from tests.board.seen import failing, service, unknown

WARNING = service("ratings", State.WARN, Why.LATENCY, value=612.0, limit=500.0)


@pytest.mark.parametrize(
    ("services", "verdict"),
    [
        ([failing(), WARNING, unknown(), service("cart")], "1 service is failing and 1 needs attention"),
        ([failing("a"), failing("b"), service("cart")], "2 services are failing"),
        ([WARNING, service("cart")], "1 service needs attention"),
        ([unknown(), service("cart")], "1 service is unknown"),
        ([unknown("a"), unknown("b")], "2 services are unknown"),
        ([service("a"), service("b")], "All 2 services are OK"),
        ([service("a")], "The only service is OK"),
        ([], "No services yet"),
    ],
)
def test_the_verdict_is_the_answer_in_words(services: list[ServiceNow], verdict: str) -> None:
    assert sentences.verdict(services) == verdict


def test_unknown_services_are_never_counted_as_well() -> None:
    facts = sentences.verdict_facts([service("cart"), unknown("a"), unknown("b")], "prod-eu-1")
    assert facts == "1 of 3 services in prod-eu-1 are OK, 2 are unknown"


@pytest.mark.parametrize("why", list(Why))
def test_every_reason_has_a_sentence(why: Why) -> None:
    assert strip_tags(sentences.sentence(service("cart", value=8.4, limit=5.0, why=why))).strip()


@pytest.mark.parametrize(
    ("ill", "sentence"),
    [
        (failing(), "8.4 % of requests fail with 504. The limit is 5 %."),
        (failing(worst_code=""), "8.4 % of requests fail. The limit is 5 %."),
        (WARNING, "p95 latency is 612 ms. The limit is 500 ms."),
        (service("a", State.FAIL, Why.NO_READY_PODS, pods_ready=0, pods_total=3), "None of its 3 pods is ready."),
        (service("a", State.FAIL, Why.NO_READY_PODS, pods_ready=0, pods_total=0), "It has no pods."),
        (service("a", State.WARN, Why.PROXIES, value=2.0, limit=3.0), "2 of 3 Envoys are ready."),
        (unknown(), "No data. Prometheus does not answer, so nobody can say how it is."),
    ],
)
def test_a_problem_names_its_value_and_its_limit(ill: ServiceNow, sentence: str) -> None:
    assert strip_tags(sentences.sentence(ill)).replace("\xa0", " ") == sentence


def test_what_was_not_measured_is_left_out_of_the_facts() -> None:
    assert sentences.facts(unknown()) == ("4 of 4 pods ready", "owner team-books")


def test_the_number_of_the_sentence_is_not_said_twice() -> None:
    assert not any("errors" in fact for fact in sentences.facts(failing()))


def test_text_of_the_mesh_cannot_become_markup() -> None:
    assert "<script>" not in sentences.sentence(failing(worst_code="<script>"))


@pytest.mark.parametrize(
    ("value", "shown"), [(99.97, "99.97 %"), (100.0, "100 %"), (0.02, "0.02 %"), (8.4, "8.4 %"), (99.999, "99.99 %")]
)
def test_a_percentage_is_not_rounded_to_none_or_to_all(value: float, shown: str) -> None:
    assert sentences.percent(value).replace("\xa0", " ") == shown


def test_a_split_shows_measured_and_configured_shares() -> None:
    versions = (
        VersionNow("v1", 2, 2, 90.0, 90.2, 86.6),
        VersionNow("v2", 2, 2, 10.0, 9.8, 9.4),
        VersionNow("v0", 0, 0, None, 0.0, 0.0),
    )
    line = sentences.versions_line(service("reviews", split=True, versions=versions)).replace("\xa0", " ")
    assert line == "v1 90.2 %, v2 9.8 % (configured 90/10)"


def test_a_service_without_a_split_has_no_line_of_versions() -> None:
    assert sentences.versions_line(service("reviews", versions=(VersionNow("v1", 2, 2, None, 100.0, 96.0),))) == ""


def test_the_worst_silent_source_is_explained() -> None:
    assert sentences.remark(["istiod", "prometheus"], 0).startswith("Prometheus does not answer")
    assert sentences.remark([], 0) == ""
