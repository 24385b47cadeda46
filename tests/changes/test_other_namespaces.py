"""A service's routing objects may live in another namespace: whoever may change the one may not therefore change the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from meshportal.accounts.models import Role, RoleBinding
from meshportal.audit.models import AuditEvent
from meshportal.changes import deciding, services
from meshportal.changes.kinds import Subject
from meshportal.changes.models import ChangeRequest, Review, Revision, Status
from meshportal.mesh.refs import VIRTUAL_SERVICE, Manifest, ResourceRef
from tests.cast import NOON, Cast, Mesh, virtual_service

PAGE = AuditEvent.Via.PAGE
THEIRS = ResourceRef(VIRTUAL_SERVICE, "platform", "reviews")
FORM = {"weight_v1": "90", "weight_v2": "10", "reason": "because", "action": "preview"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def theirs(mesh: Mesh) -> Manifest:
    """The route of reviews is kept by the platform team, in their own namespace."""
    mesh.api.remove(ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews"))
    route = virtual_service(v1=100)
    route["metadata"] |= {"namespace": "platform", "annotations": {"secret": "of the platform team"}}
    route["spec"]["hosts"] = ["reviews.bookinfo.svc.cluster.local"]
    route["spec"]["http"][0]["route"][0]["destination"]["host"] = "reviews.bookinfo.svc.cluster.local"
    mesh.api.put(route)
    mesh.observe()
    return route


def draft(mesh: Mesh, cast: Cast) -> ChangeRequest:
    subject = Subject(mesh.cluster, "bookinfo", "reviews")
    raw = {"weights": {"v1": 90, "v2": 10}}
    return services.draft("traffic", subject, raw, by=cast.alice, via=PAGE, now=NOON, reason="because")


def test_an_operator_of_the_service_alone_cannot_ask_for_it_and_is_told_where_it_lives(
    theirs: Manifest, mesh: Mesh, cast: Cast
) -> None:
    with pytest.raises(services.Invalid, match="VirtualService platform/reviews"):
        draft(mesh, cast)
    assert not ChangeRequest.objects.exists()


def test_the_preview_does_not_show_what_is_in_the_other_namespace(theirs: Manifest, cast: Cast, client: Client) -> None:
    client.force_login(cast.alice)
    for path in ("", "preview/"):
        page = client.post(f"/policies/traffic/demo/bookinfo/reviews/{path}", FORM).content.decode()
        assert "VirtualService platform/reviews" in page
        assert "of the platform team" not in page
        assert "kubectl -n platform" not in page


def test_an_operator_of_both_asks_and_only_an_approver_of_both_approves(
    theirs: Manifest, mesh: Mesh, cast: Cast, run: Callable[[ChangeRequest], ChangeRequest]
) -> None:
    RoleBinding.objects.create(person=cast.alice, role=Role.OPERATOR, cluster="demo", namespace="platform")
    change = services.submit(draft(mesh, cast), by=cast.alice, via=PAGE, now=NOON)
    RoleBinding.objects.filter(person=cast.erin).update(namespace="bookinfo")
    with pytest.raises(services.Refused, match="platform"):
        deciding.decide(change, Review.Decision.APPROVE, by=cast.erin, via=PAGE, digest=change.digest, now=NOON)
    deciding.decide(change, Review.Decision.APPROVE, by=cast.bob, via=PAGE, digest=change.digest, now=NOON)
    assert run(change).status == Status.APPLIED


def test_the_page_names_only_those_who_can_approve_all_of_it(theirs: Manifest, mesh: Mesh, cast: Cast, client: Client) -> None:
    RoleBinding.objects.create(person=cast.alice, role=Role.OPERATOR, cluster="demo", namespace="platform")
    change = services.submit(draft(mesh, cast), by=cast.alice, via=PAGE, now=NOON)
    RoleBinding.objects.filter(person=cast.erin).update(namespace="bookinfo")
    client.force_login(cast.erin)
    page = client.get(f"/changes/{change.pk}/").content.decode()
    who = page.split('id="who-h"')[1].split("</ul>")[0]
    assert "bob" in who
    assert "erin" not in who
    assert 'value="approve"' not in page


def test_an_approval_lapses_when_the_role_in_the_other_namespace_does(
    theirs: Manifest, mesh: Mesh, cast: Cast, run: Callable[[ChangeRequest], ChangeRequest]
) -> None:
    RoleBinding.objects.create(person=cast.alice, role=Role.OPERATOR, cluster="demo", namespace="platform")
    change = services.submit(draft(mesh, cast), by=cast.alice, via=PAGE, now=NOON)
    deciding.decide(change, Review.Decision.APPROVE, by=cast.bob, via=PAGE, digest=change.digest, now=NOON)
    RoleBinding.objects.filter(person=cast.bob).update(namespace="bookinfo")
    assert run(change).status == Status.IN_REVIEW
    assert not mesh.api.writes


def test_whoever_sees_only_the_service_does_not_read_the_object_of_the_other_namespace(
    theirs: Manifest, mesh: Mesh, cast: Cast, client: Client
) -> None:
    RoleBinding.objects.create(person=cast.alice, role=Role.OPERATOR, cluster="demo", namespace="platform")
    change = services.submit(draft(mesh, cast), by=cast.alice, via=PAGE, now=NOON)
    answer = [{"ref": str(THEIRS), "reasons": [{"field": "", "sentence": "no host of the platform team"}], "warnings": []}]
    Revision.objects.update(dry_run=Revision.DryRun.REFUSED, dry_run_at=NOON, dry_run_answer=answer)
    RoleBinding.objects.filter(person=cast.erin).update(role=Role.VIEWER, namespace="bookinfo")
    for who, reads in ((cast.erin, False), (cast.bob, True)):
        client.force_login(who)
        page = client.get(f"/changes/{change.pk}/").content.decode()
        assert "VirtualService platform/reviews" in page, "that it takes part is no secret"
        assert ("kubectl -n platform patch" in page) is reads
        assert ("of the platform team" in page) is reads
        assert ("In a namespace outside your scope" in page) is not reads
