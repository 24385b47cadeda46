"""Routes as a pipeline sends them, through the services that page and REST share."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from meshportal.audit.models import AuditEvent
from meshportal.changes import services
from meshportal.changes.kinds import Subject, kind_named
from meshportal.changes.models import ChangeRequest
from meshportal.changes.presenting import view_of
from meshportal.changes.queries import current_revision, plan_of
from meshportal.mesh.field_errors import FieldError
from meshportal.mesh.plans import Plan, field_changes
from meshportal.mesh.routes.typed import parse
from meshportal.policies.routes import errors
from tests.cast import NOON, Cast, Mesh, people
from tests.mesh.routes.manifests import live, to
from tests.mesh.routes.samples import BAD
from tests.policies.routes.page import TWO_RULES, URL, routed

pytestmark = pytest.mark.django_db


def draft(cast: Cast, mesh: Mesh, raw: dict[str, Any], **more: Any) -> ChangeRequest:
    subject, via = Subject(mesh.cluster, "bookinfo", "reviews"), AuditEvent.Via.API
    return services.draft("routes", subject, raw, by=cast.alice, via=via, now=NOON, reason="because", **more)


def origins(mesh: Mesh) -> list[dict[str, Any]]:
    current = kind_named("routes").current(Subject(mesh.cluster, "bookinfo", "reviews"))
    return [{"origin": row["origin"]} for row in current.raw["routes"]]


def plan(change: ChangeRequest) -> Plan:
    return plan_of(current_revision(change))


def test_numbers_and_booleans_and_only_what_is_to_change(cast: Cast, mesh: Mesh) -> None:
    rows = origins(mesh)
    rows[0] |= {"retries": {"attempts": 0}}
    rows[1] |= {"fault": {"abort": {"status": 503, "percent": 0.5}}, "timeout": None}
    changes = field_changes(plan(draft(cast, mesh, {"routes": rows})).items[0])
    assert [(change.path, repr(change.after)) for change in changes] == [
        ("spec.http[0].retries", "{'attempts': 0}"),
        ("spec.http[1].timeout", "ABSENT"),
        ("spec.http[1].fault", "{'abort': {'httpStatus': 503, 'percentage': {'value': 0.5}}}"),
    ]


def test_what_is_current_sent_back_changes_nothing(cast: Cast, mesh: Mesh) -> None:
    current = kind_named("routes").current(Subject(mesh.cluster, "bookinfo", "reviews"))
    assert current.kept == ["spec.http[1].corsPolicy"]
    with pytest.raises(services.Invalid) as refused:
        draft(cast, mesh, dict(current.raw))
    assert "nothing would change" in str(refused.value)


def test_a_warning_must_be_confirmed_by_its_code(cast: Cast, mesh: Mesh) -> None:
    rows = origins(mesh)
    rows[1] |= {"retries": {"attempts": 3, "per_try_timeout": "2s"}}
    with pytest.raises(services.Invalid) as refused:
        draft(cast, mesh, {"routes": rows})
    assert [problem.field for problem in refused.value.problems] == ["confirm"]
    change = draft(cast, mesh, {"routes": rows}, confirm=["MP0207"])
    saved = current_revision(change).findings
    assert ("MP0207", "routes[1].retries.attempts") in {(row["code"], row["field"]) for row in saved}


def test_a_form_opened_on_something_else_is_stale(cast: Cast, mesh: Mesh) -> None:
    base = kind_named("routes").current(Subject(mesh.cluster, "bookinfo", "reviews")).base
    rows = origins(mesh)
    routed(mesh, *TWO_RULES, exportTo=["*"], gateways=["mesh"])
    rows[1] |= {"timeout": "9s"}
    with pytest.raises(services.Stale):
        draft(cast, mesh, {"routes": rows}, base=base)


def test_a_rule_that_can_never_match_must_be_confirmed(cast: Cast, mesh: Mesh) -> None:
    rows = origins(mesh)
    with pytest.raises(services.Invalid) as refused:
        draft(cast, mesh, {"routes": [rows[1], rows[0]]})
    assert "IST0130" in str(refused.value)


def test_titles_and_sentences_are_there_in_both_languages(cast: Cast, mesh: Mesh) -> None:
    rows = origins(mesh)
    rows[1] |= {"timeout": "1s", "mirrors": [{"subset": "v2", "percent": 10}]}
    change = draft(cast, mesh, {"routes": rows})
    assert set(change.titles) == {"en", "zh-hans"}
    revision = current_revision(change)
    for language in change.titles:
        with translation.override(language):
            view = view_of("routes", revision.intent, plan(change), [], None)
            assert any("v2" in sentence for sentence in view.words)
            assert all(row.label for row in view.rows)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_error_has_a_sentence_that_names_its_field(language: str) -> None:
    with translation.override(language):
        for route, _field, _code in BAD:
            found = parse({"routes": [{"destinations": [{"subset": "v1"}], **route}]}, live({"route": [to("v1")]}))
            assert isinstance(found, list)
            for error in found:
                sentence = errors.error_sentence(error)
                assert "1" in sentence.split(":")[0].split("：")[0], sentence
                assert "%(" not in sentence
        for code in errors.NOT_EDITABLE:
            assert errors.error_sentence(FieldError("", "not-editable", {"why": code, "names": "x"}))


def test_every_code_of_the_validator_has_been_provoked() -> None:
    elsewhere = {
        "not-a-group",
        "answers-already",
        "rewrite-regex",
        "attempts-kept",
        "retries-off-kept",
        "abort-other",
        "no-routes",
    }
    provoked = {code for _route, _field, code in BAD} | elsewhere | {"origin-twice", "delay-exponential", "redirect-prefix"}
    assert set(errors.SENTENCES) == provoked


names = st.sampled_from(
    ["routes", "routes[0]", "routes[0].origin", "routes[0].match", "routes[0].match[0].path", "routes[0].timeout.x", "routes.x"]
) | st.text(max_size=10)


class AnythingPosted(TestCase):
    """Whatever a browser or an attacker posts, the page answers with what is wrong and never falls over."""

    def setUp(self) -> None:
        cast, mesh = people(), Mesh()
        routed(mesh, *TWO_RULES)
        self.client = Client()
        self.client.force_login(cast.alice)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.dictionaries(names, st.text(max_size=8), max_size=6),
        st.sampled_from(
            ["submit", "preview", "add:routes", "add:routes[0].match", "remove:routes[0]", "up:routes[9]", "down:x", "add:"]
        ),
    )
    def test_the_page_answers(self, fields: dict[str, str], action: str) -> None:
        answer = self.client.post(URL, fields | {"action": action})
        assert answer.status_code in {200, 303, 409, 422}
