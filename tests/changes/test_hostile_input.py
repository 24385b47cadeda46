"""What a browser, a pipeline or somebody with bad intentions may send to the pages of a change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from meshportal.audit.models import AuditEvent
from meshportal.changes.models import ChangeRequest, Status
from tests.cast import Cast

Make = Callable[..., ChangeRequest]

pytestmark = pytest.mark.django_db


@pytest.fixture
def stuck(approved: Make) -> ChangeRequest:
    """A change that needs a human."""
    change = approved()
    ChangeRequest.objects.filter(pk=change.pk).update(status=Status.NEEDS_HUMAN, note="DestinationRule bookinfo/reviews")
    return change


def form_of(page: str, action: str) -> str:
    """The hidden token of the form on a page that leads to `action`."""
    form = page.split(f'action="{action}"')[1].split("</form>")[0]
    return form.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]


@pytest.mark.parametrize(
    ("who", "status", "verb", "typed"),
    [
        ("alice", Status.DRAFT, "submit", {}),
        ("alice", Status.IN_REVIEW, "withdraw", {}),
        ("bob", Status.IN_REVIEW, "decide", {"decision": "reject", "comment": "too early"}),
        ("carol", Status.NEEDS_HUMAN, "settle", {"comment": "put right by hand"}),
    ],
)
def test_every_form_works_without_script_and_only_from_our_own_pages(
    submitted: Make, cast: Cast, who: str, status: Status, verb: str, typed: dict[str, str]
) -> None:
    change = submitted()
    ChangeRequest.objects.filter(pk=change.pk).update(status=status)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(getattr(cast, who))
    address = f"/changes/{change.pk}/{verb}/"
    typed = typed | {"digest": change.digest}
    assert browser.post(address, typed).status_code == 403
    change.refresh_from_db()
    assert change.status == status
    token = form_of(browser.get(f"/changes/{change.pk}/").content.decode(), address)
    assert browser.post(address, typed | {"csrfmiddlewaretoken": token}).status_code == 303
    change.refresh_from_db()
    assert change.status != status


@pytest.mark.parametrize("comment", ["", "  ", "a\x00b", "x" * 2001])
def test_a_comment_that_cannot_be_kept_settles_nothing(stuck: ChangeRequest, cast: Cast, client: Client, comment: str) -> None:
    client.force_login(cast.carol)
    events = AuditEvent.objects.count()
    assert client.post(f"/changes/{stuck.pk}/settle/", {"comment": comment}).status_code == 422
    stuck.refresh_from_db()
    assert stuck.status == Status.NEEDS_HUMAN
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize("pk", ["0", "9223372036854775808", "99999999999999999999999999"])
def test_a_number_that_is_no_changes_is_404(cast: Cast, client: Client, pk: str) -> None:
    client.force_login(cast.bob)
    assert client.get(f"/changes/{pk}/").status_code == 404
    assert client.post(f"/changes/{pk}/decide/", {"decision": "approve"}).status_code == 404


@pytest.mark.parametrize(
    "query", ["status=%00", "status=nonsense", "page=-1", "page=1e9", "page=%00", "page=99999999999999999999"]
)
def test_a_strange_address_of_the_queue_shows_the_queue(submitted: Make, cast: Cast, client: Client, query: str) -> None:
    submitted()
    client.force_login(cast.alice)
    assert client.get(f"/changes/?{query}").status_code == 200


def test_texts_of_people_and_of_the_cluster_stay_text(submitted: Make, cast: Cast, client: Client) -> None:
    """Reason, ticket, notes and answers of webhooks are shown as they are, never as markup."""
    script = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    change = submitted(reason=script, ticket="<b>\"onmouseover='x'")
    ChangeRequest.objects.filter(pk=change.pk).update(note=script)
    change.revisions.update(
        dry_run="refused",
        dry_run_answer=[{"ref": script, "reasons": [{"field": script, "sentence": script}], "warnings": [script]}],
    )
    client.force_login(cast.bob)
    for path in ("", "live/?seen=old"):
        page = client.get(f"/changes/{change.pk}/{path}").content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_pages_are_kept_by_nobody_and_framed_by_nobody(submitted: Make, cast: Cast, client: Client) -> None:
    change = submitted()
    client.force_login(cast.bob)
    for path in ("/changes/", f"/changes/{change.pk}/", "/audit/", "/policies/traffic/demo/bookinfo/reviews/", "/nowhere/"):
        answer = client.get(path)
        assert "no-store" in answer["Cache-Control"], path
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Content-Type-Options"] == "nosniff"
