"""The page of routes, as a person meets it, without JavaScript."""

from __future__ import annotations

import pytest
from django.test import Client

from meshportal.changes.models import ChangeRequest, Status
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, ResourceRef
from tests.cast import Cast, Mesh
from tests.mesh.routes.manifests import TEAM_ROUTES, to
from tests.policies.routes.page import TWO_RULES, URL, WHY, Fields, fields_of, opened, post, routed, submit, written, written_spec

pytestmark = pytest.mark.django_db


def test_the_form_opens_on_what_is_live(alice: Client) -> None:
    data = opened(alice)
    assert data["routes[0].match[0].path_how"] == ["prefix"]
    assert data["routes[0].match[0].path"] == ["/v1"]
    assert data["routes[0].match[0].method"] == ["GET"]
    assert data["routes[0].match[0].headers[0].name"] == ["x-user"]
    assert data["routes[0].match[0].headers[0].value"] == ["beta"]
    assert data["routes[0].destinations[0].subset"] == ["v2"]
    assert data["routes[1].timeout"] == ["5s"]
    page = alice.get(URL).content.decode()
    assert "spec.http[1].corsPolicy" in page
    assert "GET requests to /v1… with header x-user: beta go to v2" in page
    assert "v1 (3/3)" in page


def test_sending_it_back_untouched_changes_nothing(alice: Client, mesh: Mesh) -> None:
    routed(mesh, *TEAM_ROUTES[:4])
    answer = submit(alice, opened(alice))
    assert answer.status_code == 422
    assert "nothing would change. Edit, add, remove or move a rule." in answer.content.decode()
    assert not ChangeRequest.objects.exists()


def test_editing_one_field_writes_exactly_that_field(alice: Client) -> None:
    answer = submit(alice, opened(alice), **{"routes[1].timeout": "3s"})
    assert answer.status_code == 303
    assert written() == [("spec.http[1].timeout", "3s")]
    change = ChangeRequest.objects.get()
    assert change.status == Status.IN_REVIEW
    assert change.title == "Change timeout of rule 2 of reviews"


def test_the_preview_says_it_in_plain_words_and_by_field(alice: Client) -> None:
    typed = {"routes[0].timeout": "3s", "routes[0].retries.attempts": "0"}
    page = post(alice, opened(alice), **typed).content.decode()
    assert (
        "GET requests to /v1… with header x-user: beta go to v2; they time out after 3s; failed ones are not tried again." in page
    )
    assert "1 other rule is not touched." in page
    assert "Timeout of rule 1" in page
    assert "    timeout: 3s<" in page
    assert not ChangeRequest.objects.exists()


def test_the_preview_follows_while_somebody_types(alice: Client) -> None:
    data = opened(alice) | {"routes[1].timeout": ["3s"]}
    page = alice.post(f"{URL}preview/", data).content.decode()
    assert "All other requests go to v1; they time out after 3s." in page
    assert "<form" not in page


def test_rules_are_added_filled_moved_and_removed_with_buttons(alice: Client) -> None:
    page = post(alice, opened(alice), "add:routes")
    assert page.status_code == 200
    assert Fields(page.content.decode()).focused == ["routes[2].name"]
    page = post(alice, fields_of(page), "add:routes[2].match")
    page = post(alice, fields_of(page), "add:routes[2].match[0].query")
    assert Fields(page.content.decode()).focused == ["routes[2].match[0].query[0].name"]
    page = post(alice, fields_of(page), "add:routes[2].destinations")
    typed = {
        "routes[2].match[0].query[0].name": "beta",
        "routes[2].match[0].query[0].value": "1",
        "routes[2].destinations[0].subset": "v2",
    }
    page = post(alice, fields_of(page), "up:routes[2]", **typed)
    moved = fields_of(page)
    assert moved["routes[1].match[0].query[0].name"] == ["beta"]
    assert moved["routes[2].timeout"] == ["5s"]
    page = post(alice, moved, "remove:routes[0]")
    answer = submit(alice, fields_of(page))
    assert answer.status_code == 303, answer.content.decode()
    after = written_spec()
    assert after["http"] == [
        {
            "match": [{"queryParams": {"beta": {"exact": "1"}}}],
            "route": [{"destination": {"host": "reviews.bookinfo.svc.cluster.local", "subset": "v2"}}],
        },
        TWO_RULES[1],
    ]
    assert ChangeRequest.objects.get().title == "Replace rules of reviews: 1 new, 1 removed"


def test_a_rule_moves_with_what_the_form_does_not_show(alice: Client, mesh: Mesh) -> None:
    first = {"match": [{"uri": {"prefix": "/a"}}], **TWO_RULES[1]}
    routed(mesh, first, *TWO_RULES)
    page = post(alice, opened(alice), "down:routes[0]")
    assert submit(alice, fields_of(page)).status_code == 303
    assert written_spec()["http"] == [TWO_RULES[0], first, TWO_RULES[1]]
    assert ChangeRequest.objects.get().title == "Try the rules of reviews in another order"


def test_every_button_of_a_page_works_from_the_keyboard(alice: Client) -> None:
    buttons = Fields(alice.get(URL).content.decode()).buttons
    assert buttons[0] == "preview", "Enter in a field presses the first button"
    assert {"add:routes", "down:routes[0]", "up:routes[1]", "remove:routes[0]", "add:routes[0].match[0].headers"} <= set(buttons)
    assert "up:routes[0]" not in buttons
    assert "down:routes[1]" not in buttons


def test_tries_that_outlast_the_timeout_must_be_confirmed(alice: Client) -> None:
    typed = {"routes[1].retries.attempts": "3", "routes[1].retries.per_try_timeout": "2s"}
    answer = submit(alice, opened(alice), **typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "MP0207" in page
    assert submit(alice, fields_of(answer), confirm="MP0207").status_code == 303
    assert ChangeRequest.objects.get().risk["level"] == "medium"


def test_a_stale_form_is_409_and_can_be_sent_again(alice: Client, mesh: Mesh) -> None:
    data = opened(alice)
    routed(mesh, {"match": [{"uri": {"prefix": "/new"}}], "route": [to("v2")]}, *TWO_RULES)
    answer = submit(alice, data, **{"routes[1].timeout": "3s"})
    assert answer.status_code == 409
    assert "has changed since you opened" in answer.content.decode()
    assert fields_of(answer)["routes[1].timeout"] == ["3s"]
    assert not ChangeRequest.objects.exists()


def test_a_rule_that_somebody_changed_meanwhile_is_named(alice: Client, mesh: Mesh) -> None:
    data = opened(alice)
    routed(mesh, TWO_RULES[0], TWO_RULES[1] | {"timeout": "9s"})
    answer = submit(alice, data, **{"routes[1].timeout": "3s"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Somebody has changed or removed this entry" in page.split('id="routes[1].origin-e"')[1].split("</p>")[0]
    assert fields_of(answer)["routes[1].timeout"] == ["3s"]


def test_several_virtual_services_are_refused_with_the_reason(alice: Client, mesh: Mesh) -> None:
    second = mesh.api.list(VIRTUAL_SERVICE).items[0]
    second = {**second, "metadata": {"name": "second", "namespace": "bookinfo"}}
    mesh.api.put(second)
    mesh.observe()
    assert "KIA1106" in alice.get(URL).content.decode()
    answer = submit(alice, {})
    assert answer.status_code == 422
    assert "KIA1106" in answer.content.decode()


def test_a_virtual_service_that_a_gateway_shares_is_edited_too(alice: Client, mesh: Mesh) -> None:
    routed(mesh, *TWO_RULES, hosts=["reviews", "shop.example"], gateways=["mesh", "shop-gateway"])
    page = alice.get(URL).content.decode()
    assert "The same rules also hold for shop.example." in page
    answer = submit(alice, fields_of(page), **{"routes[1].timeout": "3s", "confirm": "MP0105"})
    codes = answer.content.decode() if answer.status_code == 422 else ""
    assert answer.status_code == 303 or "KIA1102" in codes


def test_without_a_virtual_service_the_form_starts_with_one_rule_for_all(alice: Client, mesh: Mesh) -> None:
    mesh.api.remove(ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews"))
    mesh.observe()
    data = opened(alice)
    assert [name for name in data if name.endswith(".subset")] == ["routes[0].destinations[0].subset"]
    answer = submit(alice, data, **{"routes[0].destinations[0].subset": "v1", "routes[0].timeout": "2s"})
    assert answer.status_code == 303, answer.content.decode()
    after = written_spec()
    host = "reviews.bookinfo.svc.cluster.local"
    assert after == {
        "hosts": [host],
        "http": [{"route": [{"destination": {"host": host, "subset": "v1"}}], "timeout": "2s"}],
    }
    assert ChangeRequest.objects.get().title == "Set up rules for requests to reviews"


def test_a_version_without_subset_is_offered_and_its_subset_added_first(alice: Client, mesh: Mesh) -> None:
    rule = mesh.api.list(DESTINATION_RULE).items[0]
    mesh.api.put({**rule, "spec": {"host": "reviews", "subsets": [{"name": "v1", "labels": {"version": "v1"}}]}})
    routed(mesh, {"route": [to("v1")]})
    page = alice.get(URL).content.decode()
    assert "v2, new (2/2)" in page
    page = post(alice, fields_of(page), **{"routes[0].destinations[0].subset": "v2"}).content.decode()
    assert "A new subset v2 is added first" in page
    assert "Subset v2" in page


def test_a_saved_draft_opens_again_as_it_was_asked(alice: Client) -> None:
    post(alice, opened(alice), "draft", **WHY, **{"routes[1].timeout": "3s"})
    change = ChangeRequest.objects.get()
    data = fields_of(alice.get(f"{URL}?change={change.pk}"))  # type: ignore[arg-type]  # the test client's response is one
    assert data["routes[1].timeout"] == ["3s"]
    assert submit(alice, data, **{"routes[1].timeout": "4s"}).status_code == 303
    change.refresh_from_db()
    assert change.revision == 2


@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("mallory", 404)])
def test_who_may_open_it(cast: Cast, mesh: Mesh, client: Client, who: str, status: int) -> None:
    client.force_login(getattr(cast, who))
    assert client.get(URL).status_code == status
    assert client.post(URL, {"action": "submit"}).status_code == status


def test_what_is_over_is_not_opened_for_editing_but_shown(alice: Client) -> None:
    submit(alice, opened(alice), **{"routes[1].timeout": "3s"})
    change = ChangeRequest.objects.get()
    alice.post(f"/changes/{change.pk}/withdraw/")
    answer = alice.get(f"{URL}?change={change.pk}", follow=True)
    assert answer.redirect_chain == [(f"/changes/{change.pk}/", 303)]
    assert f"{change.label} can no longer be edited: Withdrawn." in answer.content.decode()
