"""What an intent changes, what it risks, and where on the form a remark belongs."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from meshportal.mesh.findings import Level
from meshportal.mesh.routes.comparing import assess, compare, other_hosts, remarks
from meshportal.mesh.routes.live import RoutesLive
from meshportal.mesh.routes.places import field_of
from meshportal.mesh.routes.reading import read
from meshportal.mesh.routes.rendering import base_of, render
from meshportal.mesh.routes.typed import RoutesIntent, parse
from tests.mesh.routes.manifests import REVIEWS, TEAM_ROUTES, live, to

BETA = {"match": [{"headers": {"x-user": {"exact": "beta"}}}], "route": [to("v2")]}
REST = {"route": [to("v1", 100), to("v2", 0)], "timeout": "3s"}


def risk(around: RoutesLive, raw: dict[str, Any]) -> tuple[Level, tuple[str, ...]]:
    intent = parse(raw, around)
    assert isinstance(intent, RoutesIntent), intent
    before = read(around)["routes"]
    found = assess(compare(intent.routes, before), before, render(intent, around))
    return found.level, found.reasons


def edited(around: RoutesLive, place: int, **fields: Any) -> dict[str, Any]:
    raw = copy.deepcopy(read(around))
    raw["routes"][place] |= fields
    return raw


def test_a_setting_alone_is_a_low_risk() -> None:
    around = live(BETA, REST)
    assert risk(around, edited(around, 1, timeout="5s")) == (Level.LOW, ("settings-only",))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"match": [{"path_how": "prefix", "path": "/x"}]}, "other-rules"),
        ({"fault": {"abort": {"status": 503, "percent": 1}}}, "fault"),
        ({"destinations": [{"subset": "v1", "weight": 40}, {"subset": "v2", "weight": 60}]}, "big-shift"),
        ({"destinations": [{"subset": "v3"}]}, "first-traffic"),
    ],
)
def test_what_sends_requests_elsewhere_is_a_medium_risk(fields: dict[str, Any], reason: str) -> None:
    around = live(REST)
    level, reasons = risk(around, edited(around, 0, **fields))
    assert level is Level.MEDIUM
    assert reason in reasons


def test_a_new_virtual_service_and_another_order_are_medium_risks() -> None:
    assert "new-object" in risk(RoutesLive(REVIEWS), {"routes": [{"destinations": [{}]}]})[1]
    around = live(BETA, BETA | {"timeout": "1s"}, REST)
    rows = read(around)["routes"]
    assert risk(around, {"routes": [rows[1], rows[0], rows[2]]}) == (Level.MEDIUM, ("other-rules",))


def test_says_what_was_added_removed_moved_and_left_alone() -> None:
    around = live(BETA, REST, *TEAM_ROUTES[:1])
    rows = read(around)["routes"]
    new = {**{key: value for key, value in rows[0].items() if key != "origin"}, "timeout": "9s"}
    found = compare([rows[2], new, rows[1]], rows)
    assert [change.place for change in found.added] == [1]
    assert [row["origin"] for row in found.removed] == [rows[0]["origin"]]
    assert found.moved
    assert found.untouched == 2


def test_nothing_to_change_and_other_hosts_are_remarked() -> None:
    around = live(REST, hosts=["reviews", "shop.example", "reviews.bookinfo.svc.cluster.local"])
    intent = parse({}, around)
    assert isinstance(intent, RoutesIntent)
    assert [finding.code for finding in remarks(render(intent, around), around)] == ["MP0101", "MP0105"]
    assert other_hosts(around) == ["shop.example"]


def test_what_a_form_is_opened_on_does_not_depend_on_what_is_asked() -> None:
    around = live(BETA, REST)
    base = base_of(around)
    assert base == base_of(live(BETA, REST, subsets=("v1", "v2", "v3")))
    assert base != base_of(live(BETA, REST | {"timeout": "4s"}))


PLACES = [
    ("spec.http[0].timeout", "routes[0].timeout"),
    ("spec.http[2].match[1].uri.regex", "routes[2].match[1].path"),
    ("spec.http[2].match[1].headers.x-user.exact", "routes[2].match[1].headers"),
    ("spec.http[2].match[1].queryParams.q", "routes[2].match[1].query"),
    ("spec.http[2].match[1].sourceLabels", "routes[2].match[1]"),
    ("spec.http[0].route", "routes[0].destinations"),
    ("spec.http[0].route[3].weight", "routes[0].destinations[3].weight"),
    ("spec.http[0].route[3].destination.subset", "routes[0].destinations[3].subset"),
    ("spec.http[0].route[3].destination.port.number", "routes[0].destinations[3].port"),
    ("spec.http[0].route[3].headers.request.set.x", "routes[0].destinations[3]"),
    ("spec.http[0].mirror.subset", "routes[0].mirrors[0].subset"),
    ("spec.http[0].mirrorPercentage.value", "routes[0].mirrors[0].percent"),
    ("spec.http[0].mirrors[1].percentage.value", "routes[0].mirrors[1].percent"),
    ("spec.http[0].retries", "routes[0].retries.attempts"),
    ("spec.http[0].retries.perTryTimeout", "routes[0].retries.per_try_timeout"),
    ("spec.http[0].fault.delay.fixedDelay", "routes[0].fault.delay.duration"),
    ("spec.http[0].fault.abort.httpStatus", "routes[0].fault.abort.status"),
    ("spec.http[0].redirect.redirectCode", "routes[0].redirect.code"),
    ("spec.http[0].rewrite.uriRegexRewrite", "routes[0].rewrite.uri"),
    ("spec.http[0].headers.request.set.x", "routes[0].headers"),
    ("spec.http[0].corsPolicy", "routes[0]"),
    ("spec.http[0]", "routes[0]"),
    ("spec.http", "routes"),
    ("spec.hosts[0]", ""),
    ("spec.tcp[0].route", ""),
]


@pytest.mark.parametrize(("path", "field"), PLACES)
def test_a_place_in_the_object_is_a_field_of_the_form(path: str, field: str) -> None:
    assert field_of(path) == field
