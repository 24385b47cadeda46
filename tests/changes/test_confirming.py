"""A warning is taken by a named person, with a tick, and reviewers see whose it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from meshportal.audit.models import AuditEvent
from meshportal.changes import services
from meshportal.changes.confirming import finding_row, findings_from, weighed
from meshportal.changes.kinds import Proposal, Subject
from meshportal.changes.models import ChangeRequest
from meshportal.mesh.findings import Finding, Level, Risk, Severity
from meshportal.mesh.plans import Plan
from meshportal.mesh.refs import VIRTUAL_SERVICE, ResourceRef
from meshportal.mesh.snapshot import VersionNow
from tests.cast import NOON, Cast, Mesh

PAGE = AuditEvent.Via.PAGE
Make = Callable[..., ChangeRequest]
HALF_DOWN = (VersionNow("v1", 3, 3, 100.0, 100.0, 20.0), VersionNow("v2", 1, 2, None, None, None))

pytestmark = pytest.mark.django_db


@pytest.fixture
def shaky(mesh: Mesh) -> Subject:
    """reviews, where half of v2's pods are not ready: much traffic to it is worth a warning (MP0103)."""
    mesh.observe(versions=HALF_DOWN)
    return Subject(mesh.cluster, "bookinfo", "reviews")


def draft(cast: Cast, subject: Subject, *confirm: str) -> ChangeRequest:
    raw = {"weights": {"v1": 40, "v2": 60}}
    return services.draft("traffic", subject, raw, by=cast.alice, via=PAGE, now=NOON, reason="all of it", confirm=confirm)


def test_a_warning_without_a_tick_is_not_saved(cast: Cast, shaky: Subject) -> None:
    with pytest.raises(services.Invalid) as error:
        draft(cast, shaky)
    assert [problem.field for problem in error.value.problems] == ["confirm"]
    assert "MP0103" in error.value.problems[0].sentence
    assert not ChangeRequest.objects.exists()


def test_the_tick_of_another_warning_does_not_do(cast: Cast, shaky: Subject) -> None:
    with pytest.raises(services.Invalid):
        draft(cast, shaky, "KIA1107")


def test_who_took_which_warning_is_recorded_and_shown(cast: Cast, shaky: Subject, client: Client) -> None:
    change = draft(cast, shaky, "MP0103", "KIA1107")
    assert change.revisions.get().confirmed == ["MP0103"], "a tick of what nobody warned of says nothing"
    event = AuditEvent.objects.get(verb="draft")
    assert event.data["confirmed"] == ["MP0103"]
    assert "confirmed the warnings MP0103" in event.sentence
    client.force_login(cast.bob)
    page = client.get(f"/changes/{change.pk}/").content.decode()
    assert "Read and accepted by alice" in page


def test_a_new_revision_needs_its_own_ticks(cast: Cast, shaky: Subject) -> None:
    change = draft(cast, shaky, "MP0103")
    raw = {"weights": {"v1": 30, "v2": 70}}
    with pytest.raises(services.Invalid):
        services.revise(change, raw, by=cast.alice, via=PAGE, now=NOON, reason="more")
    services.revise(change, raw, by=cast.alice, via=PAGE, now=NOON, reason="more", confirm=["MP0103"])
    assert [revision.confirmed for revision in change.revisions.all()] == [["MP0103"], ["MP0103"]]
    assert "confirmed the warnings MP0103" in AuditEvent.objects.get(verb="revise").sentence


def test_a_preview_asks_for_no_tick(cast: Cast, shaky: Subject) -> None:
    proposal = services.propose("traffic", shaky, {"weights": {"v1": 40, "v2": 60}}, by=cast.alice)
    assert "MP0103" in [finding.code for finding in proposal.findings]


def test_a_change_without_warnings_needs_none(drafted: Make) -> None:
    change = drafted()
    assert change.revisions.get().confirmed == []
    assert "confirmed" not in AuditEvent.objects.get(verb="draft").sentence


WARNING = Finding("MP0266", Severity.WARNING)


@pytest.mark.parametrize(
    ("risk", "findings", "level"),
    [
        (None, (), None),
        (None, (WARNING,), Level.MEDIUM),
        (Risk(Level.LOW, ("small-step",)), (WARNING,), Level.MEDIUM),
        (Risk(Level.MEDIUM, ("new-object",)), (WARNING, WARNING), Level.HIGH),
        (Risk(Level.MEDIUM, ("warnings",)), (WARNING,), Level.MEDIUM),
        (Risk(Level.LOW, ()), (Finding("MP0102", Severity.INFO),), Level.LOW),
    ],
)
def test_warnings_raise_the_risk_once(risk: Risk | None, findings: tuple[Finding, ...], level: Level | None) -> None:
    risen = weighed(Proposal({}, Plan(()), {"en": "x"}, findings, risk)).risk
    assert (risen.level if risen else None) == level


def test_a_saved_finding_says_where_in_which_object() -> None:
    ref = ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews")
    finding = Finding("KIA1107", Severity.ERROR, "routes[0]", {"subset": "v9"}, ref, "spec.http[0].route[0]")
    assert findings_from([finding_row(finding)]) == [finding]


def test_a_finding_saved_before_objects_were_kept_can_still_be_read() -> None:
    old = {"code": "MP0101", "severity": "error", "field": "", "values": {}}
    assert findings_from([old]) == [Finding("MP0101", Severity.ERROR)]
