"""The page of routes, as a person meets it, without JavaScript."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from meshportal.changes.models import ChangeRequest, Item, Status
from meshportal.changes.queries import current_revision, plan_of
from meshportal.mesh.plans import field_changes
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, ResourceRef
from tests.cast import Cast, Mesh, people
from tests.mesh.routes.manifests import TEAM_ROUTES, to
from tests.mesh.routes.test_typed import BAD as EVERY_BAD
from tests.policies.routes.page import URL, Fields, fields_of, opened, post, routed

pytestmark = pytest.mark.django_db

WHY = {"reason": "A slow answer is no answer"}
TWO_RULES: list[dict[str, Any]] = [
    {
        "match": [{"uri": {"prefix": "/v1"}, "headers": {"x-user": {"exact": "beta"}}, "method": {"exact": "GET"}}],
        "route": [to("v2")],
    },
    {"route": [to("v1")], "timeout": "5s", "corsPolicy": {"maxAge": "24h"}},
]


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    mesh = Mesh()
    routed(mesh, *TWO_RULES)
    return mesh


@pytest.fixture
def alice(cast: Cast, mesh: Mesh, client: Client) -> Client:
    client.force_login(cast.alice)
    return client


def written() -> list[tuple[str, Any]]:
    """The fields of the VirtualService that the only change would write."""
    item = next(item for item in plan_of(current_revision(ChangeRequest.objects.get())).items if item.ref.kind == VIRTUAL_SERVICE)
    return [(change.path, change.after) for change in field_changes(item)]


def written_spec() -> dict[str, Any]:
    after = Item.objects.get(kind="VirtualService").after
    assert after is not None
    spec: dict[str, Any] = after["spec"]
    return spec


def submit(client: Client, data: dict[str, list[str]], **typed: Any) -> Any:
    return post(client, data, "submit", **WHY, **typed)


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


BAD = [
    ("routes[0].match[0].path", "v1", "Rule 1, condition 1, path: “v1” does not begin with “/”"),
    ("routes[0].match[0].headers[0].name", "x user", "header 1, name: “x user” is no header name"),
    ("routes[0].match[0].headers[0].value", "", "Write a value"),
    ("routes[0].destinations[0].weight", "ten", "“ten” is not a whole number from 0 to 100"),
    ("routes[0].destinations[0].port", "http", "“http” is not a whole number from 1 to 65535"),
    ("routes[0].destinations[0].host", "*.example", "is no host to send to"),
    ("routes[1].timeout", "3 sec", "Rule 2, timeout: “3 sec” is not a duration. Write 3s or 500ms"),
    ("routes[1].retries.attempts", "many", "Rule 2, retries, tries again: “many” is not a whole number"),
    ("routes[1].retries.retry_on", "often", "“often” is no reason to try again"),
    ("routes[1].retries.per_try_timeout", "1", "“1” is not a duration"),
    ("routes[1].rewrite.uri", "x", "does not begin with “/”"),
    ("routes[1].redirect.uri", "/x", "Remove its destinations, or empty the redirect"),
    ("routes[1].fault.abort.percent", "200", "“200” is out of range"),
    ("routes[1].fault.abort.status", "99", "from 200 to 599"),
    ("routes[1].fault.delay.duration", "soon", "“soon” is not a duration"),
]


@pytest.mark.parametrize(("field", "typed", "sentence"), BAD, ids=[field for field, _, _ in BAD])
def test_bad_input_is_said_at_its_field_and_nothing_typed_is_lost(alice: Client, field: str, typed: str, sentence: str) -> None:
    data = opened(alice) | {"ticket": ["BOOK-318"]}
    data |= {"routes[1].fault.abort.status": ["503"], "routes[1].fault.abort.percent": ["1"]} if "abort" in field else {}
    data |= {"routes[1].retries.attempts": ["1"]} if "retries" in field else {}
    data |= {"routes[1].fault.delay.percent": ["1"]} if "delay" in field else {}
    answer = submit(alice, data, **{field: typed})
    page = answer.content.decode()
    found = Fields(page)
    error = page.split(f'id="{field}-e"', 1)[1].split("</p>")[0]
    kept = fields_of(page)
    assert answer.status_code == 422
    assert sentence in error
    assert f'href="#{field}"' in page
    assert field in found.ids
    assert kept[field] == [typed]
    assert kept["ticket"] == ["BOOK-318"]
    assert kept["reason"][0].strip() == WHY["reason"]
    assert {name for name in data if name.startswith("routes")} == {name for name in kept if name.startswith("routes")}
    assert not ChangeRequest.objects.exists()


ON_PAGE = [
    (route, field)
    for route, field, code in EVERY_BAD
    if code not in {"not-text", "not-a-group", "not-a-list", "unknown-field", "origin-gone", "control-character"}
    and (field, code) != ("match[0].ignore_case", "not-a-choice")  # nobody can type into a box to tick
]


@pytest.mark.parametrize(("route", "field"), ON_PAGE, ids=[field for _, field in ON_PAGE])
def test_every_error_stands_at_its_field_and_the_summary_leads_there(alice: Client, route: dict[str, Any], field: str) -> None:
    typed = dict(flat({"destinations": [{"subset": "v1"}], **route}, "routes[2]"))
    answer = post(alice, opened(alice), **{"routes[2].origin": "", **typed})
    page = answer.content.decode()
    found, kept = Fields(page), fields_of(answer)
    assert answer.status_code == 422
    assert f'id="routes[2].{field}-e"' in page
    assert f'href="#routes[2].{field}"' in page
    assert f"routes[2].{field}" in found.ids
    assert {name: kept[name][-1] for name in typed} == typed


def flat(value: Any, path: str) -> list[tuple[str, str]]:
    """A rule as the fields of a page."""
    if isinstance(value, dict):
        return [pair for name, inner in value.items() for pair in flat(inner, f"{path}.{name}")]
    if isinstance(value, list):
        rows = [pair for place, inner in enumerate(value) for pair in flat(inner or {"origin": ""}, f"{path}[{place}]")]
        return rows or [(path, "")]
    return [(path, "true" if value is True else str(value))]


def test_weights_that_do_not_add_up_are_said_at_the_last(alice: Client) -> None:
    page = post(alice, opened(alice), "add:routes[1].destinations")
    typed = {
        "routes[1].destinations[0].weight": "90",
        "routes[1].destinations[1].subset": "v2",
        "routes[1].destinations[1].weight": "9",
    }
    answer = submit(alice, fields_of(page), **typed)
    assert answer.status_code == 422
    assert "add up to 99 %, not to 100 %" in answer.content.decode().split('id="routes[1].destinations[1].weight-e"')[1]
    answer = submit(alice, fields_of(answer), **{"routes[1].destinations[1].weight": "10"})
    assert answer.status_code == 303
    assert written()[0] == ("spec.http[1].route[0].weight", 90)


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
