"""Who may ask, who may decide, and what a decision binds to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from meshportal.accounts.models import Role, RoleBinding
from meshportal.audit.models import AuditEvent
from meshportal.changes import deciding, services
from meshportal.changes.kinds import Subject, SubjectUnknown
from meshportal.changes.models import ChangeRequest, Item, Review, Revision, Status
from meshportal.changes.queries import waiting_for
from tests.cast import NOON, Cast, Mesh, virtual_service

Make = Callable[..., ChangeRequest]
PAGE = AuditEvent.Via.PAGE
APPROVE, REJECT = Review.Decision.APPROVE, Review.Decision.REJECT

pytestmark = pytest.mark.django_db


def decide(change: ChangeRequest, who: object, decision: Review.Decision = APPROVE, **more: object) -> Review:
    values: dict[str, object] = {"by": who, "via": PAGE, "digest": change.digest, "now": NOON, "comment": "looks right"} | more
    return deciding.decide(change, decision, **values)  # type: ignore[arg-type]  # values are checked by the service itself


def test_an_operator_drafts_and_submits_and_an_approver_approves(submitted: Make, cast: Cast) -> None:
    change = submitted()
    assert change.title == "Route 10 % of reviews to v2"
    assert list(waiting_for(cast.bob)) == [change]
    decide(change, cast.bob)
    change.refresh_from_db()
    assert change.status == Status.APPROVED
    assert not waiting_for(cast.bob).exists()


def test_the_author_cannot_decide_even_as_an_approver(submitted: Make, cast: Cast) -> None:
    RoleBinding.objects.create(person=cast.alice, role=Role.APPROVER)
    with pytest.raises(services.Refused, match="somebody else"):
        decide(submitted(), cast.alice)


def test_the_database_itself_refuses_self_approval(submitted: Make, cast: Cast) -> None:
    change = submitted()
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.create(change=change, digest=change.digest, author=cast.alice, reviewer=cast.alice, decision=APPROVE)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO changes_review (change_id, digest, author_id, reviewer_id, decision, comment, at)"
            " VALUES (%s, %s, %s, %s, 'approve', '', %s)",
            [change.pk, change.digest, cast.alice.pk, cast.alice.pk, NOON],
        )


@pytest.mark.parametrize("who", ["carol", "dave", "mallory"])
def test_only_approvers_decide(submitted: Make, cast: Cast, who: str) -> None:
    with pytest.raises(services.Refused):
        decide(submitted(), getattr(cast, who))


@pytest.mark.parametrize("who", ["bob", "carol", "dave", "mallory"])
def test_only_operators_of_the_namespace_ask(cast: Cast, mesh: Mesh, who: str) -> None:
    subject = Subject(mesh.cluster, "bookinfo", "reviews")
    with pytest.raises(services.Refused):
        services.draft(
            "traffic", subject, {"weights": {"v1": 90, "v2": 10}}, by=getattr(cast, who), via=PAGE, now=NOON, reason="because"
        )
    assert not ChangeRequest.objects.exists()


def test_a_token_cannot_decide(submitted: Make, cast: Cast) -> None:
    with pytest.raises(services.Refused, match="signed-in session"):
        decide(submitted(), cast.bob, via=AuditEvent.Via.API)


def test_a_decision_on_another_plan_is_refused(submitted: Make, cast: Cast) -> None:
    change = submitted()
    with pytest.raises(services.IllegalTransition, match="look at it again"):
        decide(change, cast.bob, digest="0" * 64)
    assert not Review.objects.exists()


def test_nobody_decides_twice(submitted: Make, cast: Cast) -> None:
    change = submitted()
    change.approvals_needed = 2
    change.save(update_fields=["approvals_needed"])
    decide(change, cast.bob)
    with pytest.raises(services.IllegalTransition, match="already"):
        decide(change, cast.bob)
    change.refresh_from_db()
    assert change.status == Status.IN_REVIEW
    decide(change, cast.erin)
    assert change.status == Status.APPROVED


def test_a_rejection_needs_a_reason_and_ends_the_change(submitted: Make, cast: Cast) -> None:
    change = submitted()
    with pytest.raises(services.Invalid):
        decide(change, cast.bob, REJECT, comment="  ")
    decide(change, cast.bob, REJECT, comment="too early")
    assert change.status == Status.REJECTED
    assert change.note == "too early"
    with pytest.raises(services.IllegalTransition):
        services.withdraw(change, by=cast.alice, via=PAGE, now=NOON)


def test_a_plan_the_cluster_refuses_cannot_be_approved(submitted: Make, cast: Cast) -> None:
    change = submitted()
    Revision.objects.update(dry_run=Revision.DryRun.REFUSED)
    with pytest.raises(services.IllegalTransition, match="dry run"):
        decide(change, cast.bob)


def test_a_new_revision_voids_reviews_and_its_author_cannot_approve_either(submitted: Make, cast: Cast, mesh: Mesh) -> None:
    RoleBinding.objects.create(person=cast.bob, role=Role.OPERATOR)
    change = submitted()
    first = change.digest
    change = services.revise(change, {"weights": {"v1": 80, "v2": 20}}, by=cast.bob, via=PAGE, now=NOON, reason="more")
    assert change.revision == 2
    assert change.digest != first
    fresh = ChangeRequest.objects.get(pk=change.pk)
    with pytest.raises(services.Refused):
        decide(fresh, cast.bob)
    decide(fresh, cast.erin)
    assert fresh.status == Status.APPROVED


def test_a_revision_after_an_approval_needs_a_new_one(submitted: Make, cast: Cast) -> None:
    change = submitted()
    decide(change, cast.bob)
    services.revise(change, {"weights": {"v1": 80, "v2": 20}}, by=cast.alice, via=PAGE, now=NOON, reason="more")
    change.refresh_from_db()
    assert change.status == Status.IN_REVIEW
    assert not Review.objects.filter(voided_at=None).exists()


def test_a_stale_base_is_refused_with_the_difference_from_what_is_live(cast: Cast, mesh: Mesh, drafted: Make) -> None:
    base = drafted().revisions.get()
    mesh.api.put(virtual_service(v1=70, v2=30))
    mesh.observe()
    with pytest.raises(services.Stale) as stale:
        drafted({"v1": 90, "v2": 10}, base=plan_base(base))
    assert stale.value.proposal.plan.items[1].before is not None
    assert ChangeRequest.objects.count() == 1


def plan_base(revision: Revision) -> str:
    from meshportal.changes.queries import plan_of

    return plan_of(revision).base


@pytest.mark.parametrize(
    ("weights", "texts", "field"),
    [
        ({"v1": 90, "v2": 9}, {}, "weight_v2"),
        ({"v1": 90, "v9": 10}, {}, "weight_v9"),
        ({"v1": 90, "v2": 10}, {"reason": "  "}, "reason"),
        ({"v1": 90, "v2": 10}, {"reason": "x" * 2001}, "reason"),
        ({"v1": 90, "v2": 10}, {"reason": "a\x00b"}, "reason"),
        ({"v1": 90, "v2": 10}, {"ticket": "T\x00"}, "ticket"),
        ({"v1": 90, "v2": 10}, {"ticket": "T" * 81}, "ticket"),
        ({"v1": 100, "v2": 0}, {}, ""),
    ],
)
def test_bad_input_names_its_field_and_leaves_no_row(
    drafted: Make, weights: dict[str, int], texts: dict[str, str], field: str
) -> None:
    with pytest.raises(services.Invalid) as invalid:
        drafted(weights, **texts)
    assert field in {problem.field for problem in invalid.value.problems}
    assert not ChangeRequest.objects.exists()
    assert not Item.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_service_that_is_not_there_is_said_to_be_unknown(cast: Cast, mesh: Mesh) -> None:
    subject = Subject(mesh.cluster, "bookinfo", "nothing")
    with pytest.raises(SubjectUnknown):
        services.draft("traffic", subject, {"weights": {"v1": 100}}, by=cast.alice, via=PAGE, now=NOON, reason="because")


def test_withdrawing_ends_it_and_cannot_be_done_by_strangers(submitted: Make, cast: Cast) -> None:
    change = submitted()
    with pytest.raises(services.Refused):
        services.withdraw(change, by=cast.mallory, via=PAGE, now=NOON)
    services.withdraw(change, by=cast.alice, via=PAGE, now=NOON)
    assert change.status == Status.WITHDRAWN
    with pytest.raises(services.IllegalTransition):
        decide(change, cast.bob)


def test_settling_what_needs_a_human_names_who_and_what(approved: Make, cast: Cast) -> None:
    change = approved()
    ChangeRequest.objects.filter(pk=change.pk).update(status=Status.NEEDS_HUMAN, note="DestinationRule bookinfo/reviews")
    change.refresh_from_db()
    with pytest.raises(services.Refused):
        deciding.settle(change, by=cast.alice, via=PAGE, now=NOON, comment="done")
    deciding.settle(change, by=cast.carol, via=PAGE, now=NOON, comment="put back by hand")
    assert change.status == Status.FAILED
    assert "carol" in change.note
    assert "put back by hand" in change.note


def test_only_an_operator_submits_or_revises(drafted: Make, cast: Cast) -> None:
    change = drafted()
    for who in (cast.bob, cast.carol, cast.dave, cast.mallory):
        with pytest.raises(services.Refused):
            services.submit(change, by=who, via=PAGE, now=NOON)
        with pytest.raises(services.Refused):
            services.revise(change, {"weights": {"v1": 80, "v2": 20}}, by=who, via=PAGE, now=NOON, reason="mine")


def test_a_decision_on_a_plan_that_was_revised_meanwhile_counts_for_nothing(submitted: Make, cast: Cast) -> None:
    """Bob's request had read the change before Alice's revision was saved."""
    change = submitted()
    read_before = ChangeRequest.objects.get(pk=change.pk)
    services.revise(change, {"weights": {"v1": 80, "v2": 20}}, by=cast.alice, via=PAGE, now=NOON, reason="more")
    with pytest.raises(services.IllegalTransition):
        decide(read_before, cast.bob)
    assert not Review.objects.exists()


@pytest.mark.parametrize("lapsed", [{"digest": "0" * 64}, {"voided_at": NOON}, {"decision": REJECT}])
def test_an_approval_of_something_else_applies_nothing(
    approved: Make, run: Callable[[ChangeRequest], ChangeRequest], mesh: Mesh, lapsed: dict[str, object]
) -> None:
    change = approved()
    Review.objects.update(**lapsed)
    assert run(change).status == Status.IN_REVIEW
    assert not mesh.api.writes


def test_the_record_is_english_whatever_the_reviewer_reads(submitted: Make, cast: Cast) -> None:
    change = submitted()
    with translation.override("zh-hans"):
        decide(change, cast.bob)
    assert AuditEvent.objects.get(verb="approve").sentence == "Approved: Route 10 % of reviews to v2"
