"""The pages of a change: who sees what, and what the buttons do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction
from django.test import Client

from meshportal.accounts.models import RoleBinding
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import Actor, record
from meshportal.changes.models import ChangeRequest, Status
from tests.cast import NOON, Cast, Mesh

Make = Callable[..., ChangeRequest]

pytestmark = pytest.mark.django_db


def page_of(client: Client, who: object, change: ChangeRequest) -> str:
    client.force_login(who)  # type: ignore[arg-type]  # a Person of the cast
    return client.get(f"/changes/{change.pk}/").content.decode()


def test_a_reviewer_sees_words_fields_yaml_reason_and_who_can_decide(submitted: Make, cast: Cast, client: Client) -> None:
    page = page_of(client, cast.bob, submitted(ticket="BOOK-318"))
    for text in (
        "10 % of requests to reviews go to v2, about 2.0 a second.",
        "First traffic for the new layout",
        "Weight of v2",
        "ticket BOOK-318",
        "0 of 1 approvals",
        "author, cannot",
        'value="approve"',
    ):
        assert text in page


def test_the_author_sees_no_button_and_is_told_why(submitted: Make, cast: Cast, client: Client) -> None:
    change = submitted()
    page = page_of(client, cast.alice, change)
    assert 'value="approve"' not in page
    assert "somebody else has to decide" in page
    answer = client.post(f"/changes/{change.pk}/decide/", {"decision": "approve", "digest": change.digest})
    assert answer.status_code == 403
    change.refresh_from_db()
    assert change.status == Status.IN_REVIEW


def test_approving_on_the_page_approves(submitted: Make, cast: Cast, client: Client) -> None:
    change = submitted()
    client.force_login(cast.bob)
    answer = client.post(f"/changes/{change.pk}/decide/", {"decision": "approve", "digest": change.digest, "comment": "fine"})
    assert answer.status_code == 303
    change.refresh_from_db()
    assert change.status == Status.APPROVED


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"decision": "maybe"}, 422),
        ({"decision": "reject", "digest": "right"}, 422),
        ({"decision": "approve", "digest": "wrong"}, 409),
        ({}, 422),
    ],
)
def test_a_bad_decision_is_refused_with_its_reason_and_keeps_the_comment(
    submitted: Make, cast: Cast, client: Client, form: dict[str, str], status: int
) -> None:
    change = submitted()
    client.force_login(cast.bob)
    if form.get("digest") == "right":
        form = form | {"digest": change.digest, "comment": ""}
    answer = client.post(f"/changes/{change.pk}/decide/", {"comment": "my long thought"} | form)
    assert answer.status_code == status
    assert "This was not done" in answer.content.decode()
    change.refresh_from_db()
    assert change.status == Status.IN_REVIEW


def test_a_change_outside_ones_scope_does_not_exist(submitted: Make, cast: Cast, client: Client) -> None:
    change = submitted()
    client.force_login(cast.mallory)
    for path in ("", "live/"):
        assert client.get(f"/changes/{change.pk}/{path}").status_code == 404
    for verb in ("decide", "submit", "withdraw", "settle"):
        assert client.post(f"/changes/{change.pk}/{verb}/", {"decision": "approve", "digest": change.digest}).status_code == 404
    assert change.label not in client.get("/changes/").content.decode()


def test_what_waits_for_me_comes_first_and_is_counted(submitted: Make, cast: Cast, client: Client) -> None:
    submitted()
    client.force_login(cast.bob)
    page = client.get("/changes/").content.decode()
    assert "1 change waits for you" in page
    assert '<span class="mp-count">1' in page
    client.force_login(cast.alice)
    assert "No change waits for you" in client.get("/changes/").content.decode()


def test_the_live_part_is_silent_until_something_moves(submitted: Make, cast: Cast, client: Client) -> None:
    change = submitted()
    page = page_of(client, cast.bob, change)
    seen = page.split("?seen=")[1].split('"')[0]
    assert client.get(f"/changes/{change.pk}/live/?seen={seen}").status_code == 204
    ChangeRequest.objects.filter(pk=change.pk).update(note="Waiting: the cluster does not answer")
    moved = client.get(f"/changes/{change.pk}/live/?seen={seen}")
    assert moved.status_code == 200
    assert "the cluster does not answer" in moved.content.decode()


def test_an_approver_still_typing_keeps_their_form_while_the_page_moves(submitted: Make, cast: Cast, client: Client) -> None:
    change = submitted()
    client.force_login(cast.bob)
    assert "<textarea" not in client.get(f"/changes/{change.pk}/live/?seen=old").content.decode()


def test_the_story_on_the_audit_page_is_told_to_those_in_scope_only(
    approved: Make, run: Callable[[ChangeRequest], ChangeRequest], cast: Cast, client: Client
) -> None:
    change = run(approved())
    client.force_login(cast.alice)
    page = client.get(f"/audit/?subject={change.label}").content.decode()
    for sentence in ("Submitted for review", "Approved:", "Applied: Route 10 % of reviews to v2"):
        assert sentence in page
    client.force_login(cast.mallory)
    assert "Route 10 %" not in client.get("/audit/").content.decode()


def test_a_page_costs_few_queries_whatever_its_history(
    approved: Make,
    run: Callable[[ChangeRequest], ChangeRequest],
    cast: Cast,
    client: Client,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    change = run(approved())
    client.force_login(cast.bob)
    with django_assert_max_num_queries(20):  # type: ignore[attr-defined]  # a context manager
        assert client.get(f"/changes/{change.pk}/").status_code == 200


def test_the_title_is_in_the_readers_language(submitted: Make, cast: Cast, client: Client, mesh: Mesh) -> None:
    change = submitted()
    cast.bob.language = "zh-hans"
    cast.bob.save(update_fields=["language"])
    assert change.titles["zh-hans"] in page_of(client, cast.bob, change)


def test_what_belongs_to_no_mesh_is_on_the_audit_page_of_admins_and_of_who_did_it(cast: Cast, client: Client) -> None:
    RoleBinding.objects.filter(person__in=[cast.bob, cast.dave]).update(cluster="")
    with transaction.atomic():
        record(Actor(cast.carol.pk, "carol", AuditEvent.Via.PAGE), "create person", "person zoe", "Created zoe", now=NOON)
    seen = {}
    for who in (cast.bob, cast.carol, cast.dave, cast.mallory):
        client.force_login(who)
        seen[who.username] = "Created zoe" in client.get("/audit/").content.decode()
    assert seen == {"bob": False, "carol": True, "dave": True, "mallory": False}


def test_a_change_that_was_not_tried_before_it_was_applied_does_not_wait_for_an_answer(
    approved: Make, run: Make, cast: Cast, client: Client
) -> None:
    change = approved()
    assert "The worker is asking the API server" in page_of(client, cast.alice, change)
    page = page_of(client, cast.alice, run(change))
    assert "The worker is asking the API server" not in page
    assert "left its review before the cluster had answered" in page
