"""Every verdict comes out again from what was kept, and a change of the past is found."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from meshportal.rollouts.models import Look, Rollout
from tests.rollouts.cast import Stage, begin, fresh


@pytest.fixture
def over(stage: Stage) -> Rollout:
    """A canary that met everything: silence of Prometheus, and errors in the end."""
    rollout = begin(stage)
    stage.passes(70)
    stage.metrics.goes_away()
    stage.passes(40)
    stage.metrics.comes_back()
    stage.passes(90)
    stage.errors = {"v2": 0.05}
    assert stage.passes(300, until=lambda: fresh(rollout).is_over)
    return rollout


def replayed(what: str) -> tuple[int, str]:
    out, code = StringIO(), 0
    try:
        call_command("replay", what, stdout=out)
    except SystemExit as end:
        code = int(end.code or 0)
    return code, out.getvalue()


def test_what_was_seen_gives_the_same_verdicts(over: Rollout) -> None:
    count = over.looks.count()
    assert count > 10
    assert {"PASS", "CONTINUE", "UNKNOWN", "FAIL"} == set(over.looks.values_list("answer", flat=True))
    assert replayed(over.label) == (0, f"{over.label}: {count} of {count} verdicts come out as they were kept.\n")


def test_a_count_that_was_changed_later_is_found(over: Rollout) -> None:
    look = over.looks.filter(answer="PASS").first()
    assert look is not None
    look.counts["canary"]["errors"] += 30
    Look.objects.filter(pk=look.pk).update(counts=look.counts)
    code, said = replayed(str(over.pk))
    assert code == 1
    assert "kept PASS (all), now FAIL (error-rate)" in said


def test_what_is_not_there_is_said(db: None) -> None:
    for what in ("RO-77", "reviews"):
        with pytest.raises(CommandError):
            call_command("replay", what)
